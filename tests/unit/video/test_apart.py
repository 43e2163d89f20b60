"""Strangers' files in a process of their own: what they may cost is bounded, and the next file is read."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fixtures.media import film, many_samples
from posemill.errors import UnreadableMedia
from posemill.video import apart
from posemill.video.apart import Reader, probe_apart
from posemill.video.probe import probe


def test_it_finds_what_the_probe_finds(tmp_path: Path) -> None:
    path = film(tmp_path / "a\nb é.mp4", 20)
    assert probe_apart(path) == probe(path)


def test_its_reasons_are_the_probes(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("nothing\n" * 9)
    with pytest.raises(UnreadableMedia) as here:
        probe(tmp_path / "text.mp4")
    with pytest.raises(UnreadableMedia) as there:
        probe_apart(tmp_path / "text.mp4")
    assert str(here.value) == str(there.value)


def test_a_reader_serves_many_files_and_threads_have_their_own(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 5)
    with ThreadPoolExecutor(3) as pool:
        assert {found.frames for found in pool.map(probe_apart, [path] * 30)} == {5}
    assert 1 <= len(apart._readers.idle) <= 4


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 5)
    with pytest.raises(UnreadableMedia, match=r"a\.mp4 cannot be read: it took longer than 0 s"):
        probe_apart(path, patience_s=0.0)
    assert probe_apart(path).frames == 5


def test_a_file_that_ends_its_reader_is_told(tmp_path: Path) -> None:
    reader = Reader()
    os.kill(reader.process.pid, signal.SIGSEGV)
    reader.process.wait()
    with pytest.raises(UnreadableMedia, match="the reader ended"):
        reader.probe(film(tmp_path / "a.mp4", 5), 60)
    assert not reader.alive


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A few kilobytes that make a reader ask for more than it may have."""
    path = many_samples(tmp_path / "hungry.mp4", 1 << 24)
    assert path.stat().st_size < 10_000
    with pytest.raises(UnreadableMedia, match=r"hungry\.mp4"):
        probe_apart(path)
    resource = pytest.importorskip("resource")
    pids = [reader.process.pid for reader in apart._readers.idle]
    assert all(resource.prlimit(pid, resource.RLIMIT_DATA)[0] == apart.MOST_MEMORY for pid in pids)
    assert pids
