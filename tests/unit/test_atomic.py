"""No name ever has half a file: an error, a full disk or a kill leaves what was there before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from posemill.atomic import atomic_folder, atomic_path, write_bytes, write_text


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.csv"
    write_text(path, "ä")
    write_bytes(path, b"2", durable=True)
    assert path.read_bytes() == b"2"
    assert os.listdir(path.parent) == ["a.csv"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("old")

    def fails() -> None:
        with atomic_path(path) as part:
            assert part.suffix == ".png"
            part.write_text("ne")
            raise OSError(28, "disk")

    with pytest.raises(OSError, match="disk"):
        fails()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_folder_s_files_come_together(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.mkdir()
    (path / "other.txt").write_text("stays")
    (path / "a.txt").write_text("old")

    def fails() -> None:
        with atomic_folder(path) as part:
            (part / "a.txt").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert (path / "a.txt").read_text() == "old"
    with atomic_folder(path) as part:
        (part / "sub").mkdir()
        (part / "sub" / "b.txt").write_text("b")
        (part / "a.txt").write_text("new")
    assert {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*.txt")} == {
        "out/other.txt": "stays",
        "out/a.txt": "new",
        "out/sub/b.txt": "b",
    }
    assert os.listdir(tmp_path) == ["out"]


def test_a_kill_in_the_middle_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path; from posemill.atomic import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
