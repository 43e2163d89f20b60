"""Reading from the middle gives the same frames as reading from the beginning, and decodes less where it can."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fixtures.media import film
from posemill.errors import UnreadableMedia
from posemill.video import decode
from posemill.video.decode import Frame, read_frames
from posemill.video.seek import list_pictures

FRAMES = 60
UNEVEN_MS = tuple(int(40 * n + 17 * (n % 3) + 300 * (n // 20)) for n in range(FRAMES))
SEEKABLE = {
    "h264 with B-frames.mp4": ("libx264", None, {"bf": "3", "g": "12"}),
    "h264 with B-frames.mkv": ("libx264", None, {"bf": "3", "g": "12"}),
    "h264 open groups.mp4": ("libx264", None, {"bf": "3", "g": "12", "x264-params": "open-gop=1"}),
    "h264 uneven times.mp4": ("libx264", UNEVEN_MS, {"bf": "2", "g": "9"}),
    "h264 uneven times.mkv": ("libx264", UNEVEN_MS, {"bf": "2", "g": "9"}),
    "mpeg4 with B-frames.mp4": ("mpeg4", None, {"bf": "2", "g": "10"}),
    "mjpeg.mov": ("mjpeg", None, {}),
    "vp9.webm": ("libvpx-vp9", None, {"g": "15", "deadline": "realtime", "cpu-used": "8"}),
    "vp9 hidden pictures.webm": ("libvpx-vp9", None, {"g": "20", "cpu-used": "5", "auto-alt-ref": "1"}),
}
FROM_THE_START = {
    "mpeg4 with B-frames.avi": ("mpeg4", None, {"bf": "2", "g": "10"}),
    "h264 with B-frames.ts": ("libx264", None, {"bf": "3", "g": "12"}),
    "mpeg2.mpg": ("mpeg2video", None, {"bf": "2", "g": "12"}),
}
VIDEOS = SEEKABLE | FROM_THE_START


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seek")


@cache
def video(folder: Path, name: str) -> tuple[Path, list[Frame]]:
    codec, times_ms, options = VIDEOS[name]
    path = film(folder / name, FRAMES, codec, times_ms, options)
    return path, list(read_frames(path))


def same(found: list[Frame], expected: list[Frame]) -> bool:
    assert [f.index for f in found] == [f.index for f in expected]
    assert [f.time_s for f in found] == [f.time_s for f in expected]  # exactly
    return all(np.array_equal(a.image, b.image) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", VIDEOS)
@settings(max_examples=12)
@given(start=st.integers(0, FRAMES + 3), length=st.integers(0, 25) | st.none(), stride=st.integers(1, 5))
@example(start=1, length=None, stride=1)
@example(start=FRAMES - 1, length=None, stride=1)
@example(start=12, length=1, stride=1)
def test_any_part_is_that_part_of_the_whole(
    folder: Path, name: str, start: int, length: int | None, stride: int
) -> None:
    path, whole = video(folder, name)
    end = None if length is None else start + length
    part = [f for f in whole if start <= f.index < (FRAMES if end is None else end) and f.index % stride == 0]
    assert same(list(read_frames(path, stride, start, end)), part)


@pytest.mark.parametrize("name", VIDEOS)
def test_only_what_is_needed_is_decoded(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, whole = video(folder, name)
    assert len(whole) == FRAMES
    seen: list[int] = []
    real = decode.decoded
    monkeypatch.setattr(decode, "decoded", lambda *a: (seen.append(1) or frame for frame in real(*a)))
    assert [f.index for f in read_frames(path, 1, 50, 52)] == [50, 51]
    if name in SEEKABLE:
        assert len(seen) <= 30  # at most a group and a half
    else:
        assert list_pictures(path) is None
        assert len(seen) == 52


def test_uneven_times_come_back_exactly(folder: Path) -> None:
    for name in ("h264 uneven times.mp4", "h264 uneven times.mkv"):
        path, whole = video(folder, name)
        assert [f.time_s for f in whole] == [ms / 1000 for ms in UNEVEN_MS]
        assert [f.time_s for f in read_frames(path, 1, 41, 44)] == [ms / 1000 for ms in UNEVEN_MS[41:44]]


def test_no_frame_is_asked_for(folder: Path) -> None:
    path, _ = video(folder, "mjpeg.mov")
    assert list(read_frames(path, 1, 20, 20)) == list(read_frames(path, 1, 20, 3)) == []
    with pytest.raises(ValueError, match="start 0 or more"):
        next(read_frames(path, 1, -1))


def test_a_part_that_reaches_the_end_of_a_cut_off_file_says_so(folder: Path) -> None:
    path, _ = video(folder, "h264 with B-frames.mkv")
    cut = folder / "cut.mkv"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 5])
    whole, part = [], []
    with pytest.raises(UnreadableMedia, match="truncated"):
        whole.extend(read_frames(cut))
    with pytest.raises(UnreadableMedia, match="truncated"):
        part.extend(read_frames(cut, 1, 4))
    assert same(part, whole[4:])
    assert same(list(read_frames(cut, 1, 3, 9)), whole[3:9])


def test_pictures_that_are_lost_keep_their_numbers(folder: Path) -> None:
    """Two packets in the middle do not decode: what comes after them has the same number from wherever it is read."""
    path = film(folder / "scratched.mp4", 240, "mpeg4", None, {"bf": "0", "g": "12"})
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        hurt = [p for n, p in enumerate(container.demux(video=0)) if n in (100, 130)]
    for packet in hurt:
        content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(content)
    whole = list(read_frames(path))
    assert [f.index for f in whole] == [n for n in range(240) if n not in (100, 130)]
    assert [f.time_s for f in whole] == [f.index / 25 for f in whole]
    for start, end in ((90, 120), (100, 101), (101, 110), (131, None), (132, 150)):
        part = [f for f in whole if start <= f.index < (end or 240)]
        assert same(list(read_frames(path, 1, start, end)), part), start


def test_videos_glued_together_are_read_from_the_start(folder: Path) -> None:
    path, _ = video(folder, "h264 with B-frames.ts")
    glued = folder / "glued.ts"
    glued.write_bytes(path.read_bytes() * 2)
    whole = list(read_frames(glued))
    assert len(whole) > 1.5 * FRAMES
    assert same(list(read_frames(glued, 1, 70)), whole[70:])


@pytest.mark.material
@pytest.mark.parametrize("name", ["hmdb51_wave_truman.avi", "intel_asl_book.mkv", "kinetics_tai_chi.mp4"])
def test_parts_of_real_clips(material: Path, name: str) -> None:
    path = material / "clips" / name
    whole = list(read_frames(path))
    for start in (1, 17, len(whole) - 2):
        assert same(list(read_frames(path, 1, start, start + 9)), whole[start : start + 9])
