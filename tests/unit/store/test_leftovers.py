"""Temporary files of killed writes: they go once they are old, and nothing else does."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from posemill.atomic import write_bytes
from posemill.store.blob_store import BlobStore
from posemill.store.filesystems import open_filesystem
from posemill.store.leftovers import AGE, find_leftovers, remove_leftovers
from posemill.store.media import MediaStore

KILLED = """
import os, sys
from pathlib import Path
from posemill.store import media
from posemill.store.blob_store import BlobStore
def killed(*_):
    os.kill(os.getpid(), 9)
if sys.argv[1] == "media":
    media.os.replace = killed
    media.MediaStore(sys.argv[2]).put(Path(__file__ if "__file__" in globals() else sys.executable))
else:
    os.fsync = killed
    BlobStore(sys.argv[2], "poses").put("f" * 8, "a" * 64, b"half")
"""


def all_files(store: Path) -> list[Path]:
    return sorted(path for path in store.rglob("*") if path.is_file())


def test_what_killed_writes_left_goes_when_it_is_old(tmp_path: Path) -> None:
    store = tmp_path / "store"
    kept = [MediaStore(str(store)).put_bytes(b"whole"), "b" * 64]
    BlobStore(str(store), "poses").put("f" * 8, kept[1], b"whole")
    whole = all_files(store)
    for what in ("media", "poses"):
        done = subprocess.run([sys.executable, "-c", KILLED, what, str(store)], check=False)
        assert done.returncode == -9
    left = [path for path in all_files(store) if path not in whole]
    assert len(left) == 2
    assert find_leftovers(str(store)) == [], "their writers may live"
    later = datetime.now(UTC) + AGE + timedelta(minutes=1)
    assert find_leftovers(str(store), later) == [str(path) for path in left]
    assert remove_leftovers(str(store), later) == 2
    assert all_files(store) == whole
    assert remove_leftovers(str(store), later) == 0


def test_a_writer_that_is_slow_and_lives_keeps_its_file(tmp_path: Path) -> None:
    part = tmp_path / "media" / "aa" / f"{'a' * 64}.0123abcd.part"
    write_bytes(part, b"begun")
    begun = datetime.now(UTC) - 3 * AGE
    os.utime(part, (begun.timestamp(), begun.timestamp()))
    with part.open("ab") as file:  # what it writes now is news
        file.write(b"more")
    assert remove_leftovers(str(tmp_path)) == 0
    assert part.read_bytes() == b"begunmore"


@pytest.mark.parametrize(
    ("name", "goes"),
    [
        (f"{'a' * 64}.0123abcd.part", True),
        (".tracks.0123abcd.part.parquet", True),
        (f".{'a' * 64}-00000050-end.0123abcd.part.parquet", True),
        ("a" * 64, False),
        (f"{'a' * 64}.gone", False),
        ("clip.part.mp4", False),
        ("first.part", False),
        ("notes.0123ABCD.part", False),
        ("0123abcd.part", False),
    ],
)
def test_only_temporary_names_go(name: str, goes: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    os.utime(tmp_path / name, (0, 0))
    assert remove_leftovers(str(tmp_path)) == goes
    assert (tmp_path / name).exists() != goes


def test_a_remote_store_is_cleared_as_well(tmp_path: Path) -> None:
    url = f"memory://{tmp_path.name}"
    fs, root = open_filesystem(url)
    digest = MediaStore(url).put_bytes(b"whole")
    fs.pipe_file(f"{root}/media/aa/{'a' * 64}.0123abcd.part", b"half")
    assert remove_leftovers(url) == 0
    assert remove_leftovers(url, datetime.now(UTC) + 2 * AGE) == 1
    assert MediaStore(url).has(digest)
    assert remove_leftovers(str(tmp_path / "nothing there")) == 0
