"""Full and read-only disks: one sentence, and nothing under a final name that is half written or destroyed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from made_up_tracks import made_up
from posemill.formats.registry import export_tracks, writable
from posemill.report.page import Page
from posemill.synth.corpus import Plan, stage, write
from posemill.video.draw import write_png

SIZE = 512 * 1024  # bytes of the small disk
MEDIA = [made_up(seed, people=3, frames=200) for seed in range(12)]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that is full but for a few kilobytes, with an older export on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)], capture_output=True)
    if made.returncode:
        pytest.skip(f"no small disk can be made here: {made.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, left: int = 8192) -> None:
    free = os.statvfs(disk)
    (disk / "ballast").write_bytes(b"\0" * max(0, free.f_bavail * free.f_frsize - left))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("form", writable())
def test_an_export_to_a_full_disk_leaves_the_older_one(form: str, full_disk: Path) -> None:
    out = full_disk / "out"
    export_tracks([made_up(1, people=1, frames=3)], out, form)
    before = contents(out)
    fill(full_disk)
    with pytest.raises(OSError, match="No space left"):
        export_tracks(MEDIA, out, form)
    assert contents(out) == before
    assert sorted(p.name for p in full_disk.iterdir()) == ["ballast", "out"]


def test_a_report_and_a_picture_on_a_full_disk(full_disk: Path) -> None:
    import numpy as np

    page = Page("A title", "A lead").section("One", "text").text("x" * 200_000)
    report, picture = full_disk / "report.html", full_disk / "a.png"
    report.write_text("old")
    fill(full_disk)
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    for attempt in (lambda: page.write(report), lambda: write_png(picture, noise)):
        with pytest.raises(OSError, match="No space left"):
            attempt()
    assert report.read_text() == "old"
    assert sorted(p.name for p in full_disk.iterdir()) == ["ballast", "report.html"]


def test_a_video_on_a_full_disk(full_disk: Path) -> None:
    fill(full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0)), full_disk)
    assert [p.name for p in full_disk.iterdir()] == ["ballast"]


def posemill(*arguments: str | bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posemill", *arguments]
    env = {**os.environ, "POSEMILL_WORKSPACE": str(folder), "POSEMILL_HOME": str(folder / "home")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)


def test_a_command_on_a_full_or_read_only_disk_says_so_in_one_sentence(full_disk: Path, tmp_path: Path) -> None:
    fill(full_disk, left=0)
    synth = ("synth", "--subjects", "1", "--activities", "wave", "--quiet")
    done = posemill(*synth, "--out", str(full_disk / "out"), folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("posemill: error: ")
    assert "the disk is full: free space, or write elsewhere" in done.stderr
    subprocess.run(["mount", "-o", "remount,ro", str(full_disk)], check=True)
    done = posemill(*synth, "--out", str(full_disk / "other"), folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "the file system is read-only: write elsewhere" in done.stderr


def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    done = posemill("draw", b"\xff\xfe.mp4", folder=tmp_path)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "mp4" in done.stderr
