"""Strangers' files in a process of their own: what they may cost is bounded, and the next file is read."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from fixtures.media import film, many_samples
from posemill.errors import ReaderEnded, UnreadableMedia
from posemill.video import reader
from posemill.video.decode import read_frame, read_frames
from posemill.video.probe import probe
from posemill.video.reader import Reader
from posemill.video.sandboxed import (
    probe_sandboxed,
    read_frame_sandboxed,
    read_frames_sandboxed,
    read_picture_sandboxed,
)


def test_it_finds_what_the_probe_finds(tmp_path: Path) -> None:
    path = film(tmp_path / "a\nb é.mp4", 20)
    assert probe_sandboxed(path) == probe(path)


def test_its_reasons_are_the_probes(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("nothing\n" * 9)
    with pytest.raises(UnreadableMedia) as here:
        probe(tmp_path / "text.mp4")
    with pytest.raises(UnreadableMedia) as there:
        probe_sandboxed(tmp_path / "text.mp4")
    assert str(here.value) == str(there.value)


def test_a_reader_serves_many_files_and_threads_have_their_own(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 5)
    with ThreadPoolExecutor(3) as pool:
        assert {found.frames for found in pool.map(probe_sandboxed, [path] * 30)} == {5}
    assert 1 <= len(reader.readers.idle) <= 4


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """A reader that hangs: stopped, since one that is only slow may still answer in time."""
    path = film(tmp_path / "a.mp4", 5)
    with reader.borrowed() as hung:
        os.kill(hung.process.pid, signal.SIGSTOP)
    with pytest.raises(UnreadableMedia, match=r"a\.mp4 cannot be read: it took longer than 0 s"):
        probe_sandboxed(path, timeout_s=0.1)
    assert not hung.alive
    assert probe_sandboxed(path).frames == 5


def test_a_file_that_ends_its_reader_is_told(tmp_path: Path) -> None:
    ended = Reader()
    os.kill(ended.process.pid, signal.SIGSEGV)
    ended.process.wait()
    path = film(tmp_path / "a.mp4", 5)
    with pytest.raises(UnreadableMedia, match=r"a\.mp4 cannot be read: the reader ended"):
        ended.ask(path.name, 60, do="probe", path=os.fsencode(path).hex())
    assert not ended.alive


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A few kilobytes that make a reader ask for more than it may have."""
    path = many_samples(tmp_path / "hungry.mp4", 1 << 24)
    assert path.stat().st_size < 10_000
    with pytest.raises(UnreadableMedia, match=r"hungry\.mp4"):
        probe_sandboxed(path)
    resource = pytest.importorskip("resource")
    pids = [each.process.pid for each in reader.readers.idle]
    assert all(resource.prlimit(pid, resource.RLIMIT_DATA)[0] == reader.MAX_MEMORY for pid in pids)
    assert pids


@pytest.mark.parametrize(("stride", "start", "end"), [(1, 0, None), (3, 0, None), (2, 20, 33), (1, 90, None)])
def test_frames_are_those_of_a_reading_here(tmp_path: Path, stride: int, start: int, end: int | None) -> None:
    """More of them than wait at once, and none."""
    path = film(tmp_path / "a.mp4", 40)
    here = list(read_frames(path, stride, start, end))
    there = list(read_frames_sandboxed(path, stride, start, end))
    assert [(f.index, f.time_s) for f in there] == [(f.index, f.time_s) for f in here]
    assert all((a.image == b.image).all() for a, b in zip(here, there, strict=True))


def test_good_frames_come_before_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "cut.ts"
    path.write_bytes(film(tmp_path / "a.ts", 60).read_bytes()[:-9000])
    frames, reasons = [], []
    for read in (read_frames, read_frames_sandboxed):
        seen = 0
        try:
            for _ in read(path):
                seen += 1
            reasons.append("")
        except UnreadableMedia as exc:
            reasons.append(str(exc))
        frames.append(seen)
    assert frames[0] == frames[1] > 20
    assert reasons[0] == reasons[1]


def test_frames_that_take_too_long_are_given_up(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 5)
    with pytest.raises(UnreadableMedia, match=r"a\.mp4 cannot be read: it took longer than 0 s"):
        next(read_frames_sandboxed(path, timeout_s=0.0))
    assert len(list(read_frames_sandboxed(path))) == 5


def test_whoever_stops_early_gets_a_new_reader(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 60)
    frames = read_frames_sandboxed(path)
    assert next(frames).index == 0
    frames.close()  # type: ignore[attr-defined]
    assert [f.index for f in read_frames_sandboxed(path, 20)] == [0, 20, 40]


def test_a_reader_that_is_killed_while_it_decodes_is_told(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 60)
    probe_sandboxed(path)
    (pid,) = (each.process.pid for each in reader.readers.idle[-1:])
    frames = read_frames_sandboxed(path)
    next(frames)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(UnreadableMedia, match=r"a\.mp4 cannot be read: the reader ended"):
        list(frames)


def test_readers_write_no_files(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    probe_sandboxed(film(tmp_path / "a.mp4", 5))
    pid = reader.readers.idle[-1].process.pid
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE)[0] == 0


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp"])
def test_a_picture_comes_back(kind: str) -> None:
    image = np.kron(np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5, np.ones((16, 16, 1), np.uint8))
    _, content = cv2.imencode(kind, image[..., ::-1])
    back = read_picture_sandboxed(content.tobytes(), "a" + kind)
    assert back.shape == (64, 64, 3)
    assert np.abs(back[8::16, 8::16].astype(int) - image[8::16, 8::16]).max() < 12


@pytest.mark.parametrize("content", [b"", b"GIF89a" + b"\0" * 99, b"\xff\xd8\xff\xe0" + b"\0" * 99, b"text"])
def test_what_is_no_picture_is_told(content: bytes) -> None:
    with pytest.raises(UnreadableMedia, match=r"b\.jpg is not a picture in a format that is read here"):
        read_picture_sandboxed(content, "b.jpg")


def test_a_picture_that_unpacks_to_too_much_is_told() -> None:
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    with pytest.raises(UnreadableMedia, match=r"bomb\.png (has 60000x60000 pixels|is not a picture)"):
        read_picture_sandboxed(bomb, "bomb.png")


@pytest.mark.parametrize("codec", ["cinepak", "svq1"])
def test_old_codecs_are_refused_unless_the_setting_says_otherwise(
    codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_film(tmp_path / "a.mov", codec)
    reader.readers.close()  # a reader knows the settings of when it was started
    monkeypatch.delenv("POSEMILL_OLD_CODECS", raising=False)
    for read in (probe_sandboxed, lambda p: list(read_frames_sandboxed(p))):
        with pytest.raises(UnreadableMedia, match=rf"encoding that is not read here \({codec}\): write it as H\.264"):
            read(path)
    reader.readers.close()
    monkeypatch.setenv("POSEMILL_OLD_CODECS", "1")
    assert len(list(read_frames_sandboxed(path))) == probe_sandboxed(path).frames == 4
    reader.readers.close()


def old_film(path: Path, codec: str) -> Path:
    pixels = {"cinepak": "rgb24", "svq1": "yuv410p"}[codec]
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for shade in (10, 60, 110, 160):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade, np.uint8), "rgb24")
            out.mux(stream.encode(frame.reformat(format=pixels)))
        out.mux(stream.encode(None))
    return path


def test_a_reader_that_ended_is_told_apart_from_a_file_that_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 5)
    with reader.borrowed() as hung:
        os.kill(hung.process.pid, signal.SIGSTOP)
    with pytest.raises(ReaderEnded):
        probe_sandboxed(path, timeout_s=0.1)
    (tmp_path / "text.mp4").write_text("nothing\n" * 9)
    with pytest.raises(UnreadableMedia) as refused:
        probe_sandboxed(tmp_path / "text.mp4")
    assert not isinstance(refused.value, ReaderEnded)


def test_the_frame_at_a_time_is_that_of_read_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 20)
    for time_s in (0.0, 0.3, 99.0):
        here, there = read_frame(path, time_s), read_frame_sandboxed(path, time_s)
        assert (here.index, here.time_s) == (there.index, there.time_s)
        np.testing.assert_array_equal(here.image, there.image)
    (tmp_path / "text.mp4").write_text("nothing\n" * 9)
    with pytest.raises(UnreadableMedia, match=r"text\.mp4"):
        read_frame_sandboxed(tmp_path / "text.mp4", 0.0)
    assert probe_sandboxed(path).frames == 20
