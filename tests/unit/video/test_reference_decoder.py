"""Parity with ffmpeg's own tools, which honour the container: the same pictures at the same times, of every kind.

ffmpeg rotates, flips and cuts by the edit list by itself; the pixel aspect ratio is applied by its scale filter.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from fixtures.media import film, picture, turned
from posemill.video.decode import read_frame, read_frames
from posemill.video.orientation import ORIENTATIONS, Orientation
from posemill.video.probe import probe

ONE, END = 0x10000, (0, 0, 0, 0x40000000)
MATRICES = {  # (a, b, c, d): a point (x, y) is shown at (ax + cy, bx + dy)
    Orientation(0): (1, 0, 0, 1),
    Orientation(90): (0, 1, -1, 0),
    Orientation(180): (-1, 0, 0, -1),
    Orientation(270): (0, -1, 1, 0),
    Orientation(0, mirrored=True): (-1, 0, 0, 1),
    Orientation(90, mirrored=True): (0, 1, 1, 0),
    Orientation(180, mirrored=True): (1, 0, 0, -1),
    Orientation(270, mirrored=True): (0, -1, -1, 0),
}


def ffmpeg(*arguments: str) -> bytes:
    """Run ffmpeg; skipped where it is not installed, but for where it must be."""
    if shutil.which("ffmpeg") is None and not os.environ.get("FFMPEG_REQUIRED"):
        pytest.skip("ffmpeg, the reference, is not installed: `sh tools/test_tools.sh ffmpeg`")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=120).stdout


def reference(path: Path) -> tuple[NDArray[np.uint8], list[float]]:
    """Pictures (N, H, W, 3) as ffmpeg shows them, in square pixels, and their times from the first one."""
    size = probe(path)
    square = "scale=w=trunc(iw*if(gt(sar\\,0)\\,sar\\,1)+0.5):h=ih"
    raw = ffmpeg("-i", str(path), "-vsync", "passthrough", "-vf", square, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    pictures = np.frombuffer(raw, np.uint8).reshape(-1, size.height_px, size.width_px, 3)
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_frames", "-of", "json", str(path)],
        check=True,
        capture_output=True,
        timeout=120,
    ).stdout
    times: list[float] = []
    for frame in json.loads(told)["frames"]:
        # MPEG program streams write a time for some pictures only: the others follow at the stream's rate
        follows_s = times[-1] + 0.04 if times else 0.0
        times.append(float(frame.get("best_effort_timestamp_time", follows_s)))
    return pictures, [time - times[0] for time in times]


def oriented(orientation: Orientation) -> Callable[[Path], Path]:
    a, b, c, d = (ONE * v for v in MATRICES[orientation])
    return lambda folder: turned(film(folder / "o.mp4", 12), (a, b, 0, c, d, *END))


def pixels(path: Path, ratio: Fraction, codec: str = "libx264") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = ratio
        for number in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), "rgb24")))
        container.mux(stream.encode(None))
    return path


def trimmed(folder: Path) -> Path:
    """Cut without encoding again, as phones do: an edit list leaves out what is before."""
    whole, cut = film(folder / "whole.mp4", 60, options={"g": "30", "bf": "2"}), folder / "cut.mp4"
    ffmpeg("-ss", "0.5", "-t", "1.0", "-i", str(whole), "-c", "copy", str(cut))
    return cut


def dropped(folder: Path) -> Path:
    """A camera in dim light: pictures at uneven ticks of 1/25 s."""
    ticks = [n for n in range(60) if n % 5 not in (1, 3)]
    path = folder / "dropped.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24").reformat(format="yuvj420p")
            frame.pts, frame.time_base = tick, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def falling_rate(folder: Path) -> Path:
    """Thirty pictures a second that become two a second."""
    return film(folder / "falls.mp4", times_ms=np.cumsum([0] + [33 + 3 * n for n in range(40)]).tolist())


def deep(folder: Path) -> Path:
    """Ten bits a channel."""
    path = folder / "deep.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24").reformat(format="yuv420p10le")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def broadcast(folder: Path) -> Path:
    """A transport stream with a keyframe every two seconds and reordered pictures."""
    return film(folder / "broadcast.ts", 130, options={"g": "50", "bf": "2", "sc_threshold": "0"})


KINDS: dict[str, Callable[[Path], Path]] = {
    **{f"{o.rotation}{' mirrored' * o.mirrored}": oriented(o) for o in ORIENTATIONS},
    "wide pixels": lambda folder: pixels(folder / "dv.mp4", Fraction(16, 11)),
    "narrow pixels": lambda folder: pixels(folder / "ntsc.mkv", Fraction(8, 9)),
    "wide pixels of MPEG-2": lambda folder: pixels(folder / "dvd.mpg", Fraction(64, 45), "mpeg2video"),
    "edit list": trimmed,
    "dropped pictures": dropped,
    "falling rate": falling_rate,
    "ten bits": deep,
    "transport stream": broadcast,
}


@pytest.mark.parametrize("kind", KINDS)
def test_frames_and_times_are_those_of_ffmpeg(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path)
    pictures, times = reference(path)
    frames = list(read_frames(path))
    facts = probe(path)
    assert (len(frames), facts.frames) == (len(pictures), len(pictures))
    np.testing.assert_allclose([frame.time_s for frame in frames], times, atol=2e-3)
    found = np.stack([frame.image for frame in frames])
    assert found.shape == pictures.shape
    assert np.abs(found.astype(int) - pictures).mean() < 3  # the colours of two versions of a scaler
    assert facts.duration_s == pytest.approx(times[-1] + 1 / facts.fps, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_at_a_time_is_the_one_shown_then(kind: str, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path)
    frames = list(read_frames(path))
    ends = [frame.time_s for frame in frames[1:]] + [frames[-1].time_s + 1]
    for frame, end_s in list(zip(frames, ends, strict=True))[:: max(1, len(frames) // 12)]:
        for time_s in (frame.time_s, (frame.time_s + end_s) / 2):
            np.testing.assert_array_equal(read_frame(path, time_s).image, frame.image)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_what_is_shown_goes_by_the_matrix(orientation: Orientation) -> None:
    """Every corner of a stored picture lands where its matrix says."""
    stored = np.arange(12, dtype=np.uint8).reshape(3, 4)
    a, b, c, d = MATRICES[orientation]
    y, x = np.mgrid[:3, :4]
    shown_x, shown_y = a * x + c * y, b * x + d * y
    expected = np.zeros((np.ptp(shown_y) + 1, np.ptp(shown_x) + 1), np.uint8)
    expected[shown_y - shown_y.min(), shown_x - shown_x.min()] = stored
    np.testing.assert_array_equal(orientation.apply(stored), expected)
