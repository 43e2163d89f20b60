"""Video written by posemill, read back with PyAV."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.video.encode import VideoWriter


def ramp(number: int, width_px: int = 64, height_px: int = 48) -> NDArray[np.uint8]:
    """A smooth picture whose mean grows with its number, so that order and colour can be told."""
    x = np.linspace(0, 60, width_px)[None, :, None]
    image = x + np.array([20, 60, 100]) + 8 * number
    return np.broadcast_to(image, (height_px, width_px, 3)).astype(np.uint8)


def read(path: Path) -> tuple[list[NDArray[np.uint8]], list[float], float]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(f.to_ndarray(format="rgb24"), f.time) for f in container.decode(video=0)]
        return [f for f, _ in frames], [t for _, t in frames], float(stream.average_rate)


@pytest.mark.parametrize("fps", [10, 12.5, 15, 24, 25, 30000 / 1001, 30])
def test_pictures_times_and_rate_come_back(tmp_path: Path, fps: float) -> None:
    with VideoWriter(tmp_path / "a.mp4", fps, 64, 48) as video:
        for number in range(12):
            video.write(ramp(number))
    images, times, rate = read(tmp_path / "a.mp4")
    assert len(images) == 12
    assert rate == pytest.approx(fps, rel=1e-3)
    np.testing.assert_allclose(times, np.arange(12) / fps, atol=1e-4)
    for number, image in enumerate(images):
        assert np.abs(image.astype(int) - ramp(number)).mean() < 4


def test_own_times_are_kept(tmp_path: Path) -> None:
    times_s = [0.0, 0.05, 0.2, 0.21, 1.0]
    with VideoWriter(tmp_path / "a.mp4", 20, 64, 48) as video:
        for number, time_s in enumerate(times_s):
            video.write(ramp(number), time_s)
    np.testing.assert_allclose(read(tmp_path / "a.mp4")[1], times_s, atol=1e-4)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(width_px=st.integers(2, 70), height_px=st.integers(2, 70))
def test_any_size_keeps_its_pixels_in_place(tmp_path: Path, width_px: int, height_px: int) -> None:
    with VideoWriter(tmp_path / "a.mp4", 10, width_px, height_px, crf=5) as video:
        video.write(ramp(3, width_px, height_px))
    (image,) = read(tmp_path / "a.mp4")[0]
    assert image.shape == (height_px + height_px % 2, width_px + width_px % 2, 3)
    assert np.abs(image[:height_px, :width_px].astype(int) - ramp(3, width_px, height_px)).mean() < 6


def test_plays_in_a_browser(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", 25, 64, 48) as video:
        video.write(ramp(0))
    with av.open(str(tmp_path / "a.mp4")) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_same_pictures_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("a.mp4", "b.mp4"):
        with VideoWriter(tmp_path / name, 25, 64, 48) as video:
            for number in range(10):
                video.write(ramp(number))
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_an_error_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"old")
    with pytest.raises(InputError, match="expected a picture"), VideoWriter(tmp_path / "a.mp4", 25, 64, 48) as video:
        [video.write(image) for image in (ramp(0), ramp(1, 10, 10))]
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"old"


def test_no_picture_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture"), VideoWriter(tmp_path / "a.mp4", 25, 64, 48):
        pass
    assert list(tmp_path.iterdir()) == []


def test_wrong_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fps"):
        VideoWriter(tmp_path / "a.mp4", 0, 64, 48)
    with VideoWriter(tmp_path / "a.mp4", 25, 64, 48) as video:
        video.write(ramp(0), 1.0)
        with pytest.raises(InputError, match="expected a picture"):
            video.write(ramp(0, 10, 10))
        with pytest.raises(InputError, match="times must increase"):
            video.write(ramp(1), 1.0)
