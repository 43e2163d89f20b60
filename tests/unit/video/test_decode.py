"""Decoding: every frame, upright, at its true time, as far as a file goes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fixtures.media import still, turned
from posemill.errors import UnreadableMedia
from posemill.video.decode import read_frame, read_frames
from posemill.video.encode import VideoWriter

TIMES_S = (0.0, 0.04, 0.2, 0.24, 0.5, 1.0)


def grey(level: int) -> np.ndarray:
    return np.full((48, 64, 3), level, np.uint8)


@pytest.fixture
def stairs(tmp_path: Path) -> Path:
    """Frame n is grey of level 40 n, at TIMES_S[n]."""
    path = tmp_path / "stairs.mp4"
    with VideoWriter(path, 25, 64, 48) as writer:
        for number, time_s in enumerate(TIMES_S):
            writer.write(grey(40 * number), time_s)
    return path


def noisy(path: Path, frames: int) -> Path:
    noise = np.random.default_rng(1)
    with VideoWriter(path, 25, 64, 48) as writer:
        for _ in range(frames):
            writer.write(noise.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    return path


def test_frames_come_with_their_own_times(stairs: Path) -> None:
    frames = list(read_frames(stairs))
    assert [f.index for f in frames] == list(range(6))
    assert [f.time_s for f in frames] == pytest.approx(TIMES_S, abs=1e-4)
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[0].image.dtype == np.uint8
    assert [round(float(f.image.mean()) / 40) for f in frames] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("stride", [2, 3, 7])
def test_stride_keeps_index_and_time(stairs: Path, stride: int) -> None:
    frames = list(read_frames(stairs, stride))
    assert [f.index for f in frames] == list(range(0, 6, stride))
    assert [f.time_s for f in frames] == pytest.approx(TIMES_S[::stride], abs=1e-4)


def test_a_stride_below_one_is_refused(stairs: Path) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        next(read_frames(stairs, 0))


def test_pictures_are_upright(tmp_path: Path) -> None:
    path = tmp_path / "phone.mp4"
    image = grey(0)
    image[:24, :32] = 255  # bright where the stored picture has its top left
    with VideoWriter(path, 25, 64, 48) as writer:
        writer.write(image)
    turned(path)
    (frame,) = read_frames(path)
    assert frame.image.shape == (64, 48, 3)
    corners = frame.image[[4, 4, 59, 59], [4, 43, 4, 43]].mean(-1) > 128
    assert corners.tolist() == [False, True, False, False]  # a quarter turn clockwise: the top right


@pytest.mark.parametrize(
    ("matrix", "bright"),
    [
        ((-0x10000, 0, 0, 0, -0x10000, 0, 0, 0, 0x40000000), (47, 63)),
        ((0, -0x10000, 0, 0x10000, 0, 0, 0, 0, 0x40000000), (63, 0)),
    ],
)
def test_other_turns(tmp_path: Path, matrix: tuple[int, ...], bright: tuple[int, int]) -> None:
    """The stored top left comes out at the bottom right of a half turn, at the bottom left of a quarter turn back."""
    image = grey(0)
    image[:24, :32] = 255
    with VideoWriter(tmp_path / "phone.mp4", 25, 64, 48) as writer:
        writer.write(image)
    (frame,) = read_frames(turned(tmp_path / "phone.mp4", matrix))
    assert frame.image.flags.c_contiguous
    height, width = frame.image.shape[:2]
    corners = [(row, column) for row in (0, height - 1) for column in (0, width - 1)]
    assert [corner for corner in corners if frame.image[corner].mean() > 128] == [bright]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory of a process is read from /proc")
def test_memory_is_the_same_however_long_a_video_is(tmp_path: Path) -> None:
    """1200 pictures of 450 KB would be half a gigabyte."""
    path = still(tmp_path / "long.mp4", 1200, (480, 320))
    held = {frame.index: memory_mb() for frame in read_frames(path) if frame.index in (150, 600, 1199)}
    assert set(held) == {150, 600, 1199}
    assert max(held.values()) - held[150] < 40


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def test_pictures_are_their_own(stairs: Path) -> None:
    """A later picture does not paint over an earlier one that somebody kept."""
    frames = list(read_frames(stairs))
    kept = [frame.image.copy() for frame in read_frames(stairs)]
    assert all(np.array_equal(frame.image, image) for frame, image in zip(frames, kept, strict=True))


def test_a_cut_off_video_gives_what_it_has_and_then_says_so(tmp_path: Path) -> None:
    path = noisy(tmp_path / "cut.mp4", 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    seen: list[int] = []
    with pytest.raises(UnreadableMedia, match="truncated"):
        seen.extend(frame.index for frame in read_frames(path))
    assert 20 < len(seen) < 60
    assert seen == list(range(len(seen)))


def test_read_frame_is_the_one_shown_then(stairs: Path) -> None:
    for time_s, level in ((0.0, 0), (0.19, 1), (0.2, 2), (0.9, 4), (5.0, 5)):
        assert round(float(read_frame(stairs, time_s).image.mean()) / 40) == level


@pytest.mark.material
@pytest.mark.parametrize("name", ["hmdb51_wave_truman.avi", "intel_asl_help.mkv", "kinetics_tai_chi.mp4"])
def test_time_always_goes_on(material: Path, name: str) -> None:
    times = [frame.time_s for frame in read_frames(material / "clips" / name)]  # the AVI swaps timestamps
    assert times[0] == 0
    assert all(b > a for a, b in pairwise(times))
    assert times[-1] == pytest.approx((len(times) - 1) / 30, abs=0.07)
