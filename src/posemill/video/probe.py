"""Probe of a video file: size, rate and length, from all of its packets (without decoding them)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import UnreadableMedia
from posemill.video.container import open_video
from posemill.video.packets import Extent, decoded

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SMALLEST_PX = 8  # of a side; nobody can be seen in less
LONGEST_S = 2 * 24 * 3600.0
FASTEST_FPS = 1000.0
SMALL_ENOUGH = 10**11  # pixels in all: a minute of 8K, an hour of 720p; decoded without asking
MOST_PIXELS_A_BYTE = 100_000  # a still room in full HD has about 20 000, footage below 1000


@dataclass(frozen=True, slots=True)
class VideoProbe:
    """Facts of a video: size of the upright picture (after the rotation that the file asks for), rate and length.

    fps         frames per second over the whole video (the mean, where the rate varies).
    frames      number of coded pictures.
    duration_s  from the first picture's time to one frame after the last one's.
    rotation    degrees clockwise by which the stored picture is turned to stand upright: 0, 90, 180 or 270.
    """

    width_px: int
    height_px: int
    fps: float
    frames: int
    duration_s: float
    codec: str
    rotation: int


def rotation(frame: VideoFrame) -> int:
    """Return the degrees clockwise, a multiple of 90, that set the stored picture upright."""
    if abs(frame.rotation) > 360:  # a matrix that turns nothing into nothing
        return 0
    return round(-frame.rotation / 90) * 90 % 360


def probe(path: Path) -> VideoProbe:
    """Probe a video by reading the whole file once. UnreadableMedia says why a file cannot be used."""
    from av.error import FFmpegError

    first = first_frame(path)
    turned = rotation(first)
    with open_video(path) as (container, stream, extent):
        try:
            for packet in container.demux():
                extent.add(packet, stream)
        except FFmpegError as exc:
            raise UnreadableMedia(f"{path.name} cannot be read to its end: {exc.strerror}") from exc
        extent.check()
        fps = mean_fps(stream, extent)
        sides = (first.width, first.height) if turned % 180 == 0 else (first.height, first.width)
        span_s = max(0.0, extent.last_s - extent.first_s)
        found = VideoProbe(*sides, fps, extent.packets, span_s + 1 / fps, stream.codec_context.name, turned)
    _check_plausible(found, path)
    return found


def _check_plausible(found: VideoProbe, path: Path) -> None:
    """Raise UnreadableMedia for files that no camera makes, and those that would take days to process."""
    sides, name = f"{found.width_px}x{found.height_px}", path.name
    if min(found.width_px, found.height_px) < SMALLEST_PX:
        raise UnreadableMedia(f"{name} has pictures of {sides}: {SMALLEST_PX} pixels a side are the least")
    if found.duration_s > LONGEST_S or found.fps > FASTEST_FPS:
        raise UnreadableMedia(
            f"{name} says that it lasts {found.duration_s:.0f} s at {found.fps:.3g} frames per second: "
            f"expected at most {LONGEST_S:.0f} s, and {FASTEST_FPS:.0f} per second"
        )
    pixels, size = found.width_px * found.height_px * found.frames, path.stat().st_size
    if pixels > SMALL_ENOUGH and pixels > MOST_PIXELS_A_BYTE * size:
        raise UnreadableMedia(
            f"{name} has {size} bytes and unpacks to {found.frames} pictures of {sides}: no camera writes so little"
        )


def mean_fps(stream: VideoStream, extent: Extent) -> float:
    """Return the rate of the timestamps; the container's own figure where they agree, since that one is exact."""
    announced = float(stream.average_rate or stream.guessed_rate or 0)
    span_s = extent.last_s - extent.first_s
    if extent.packets < 2 or not span_s > 0:
        return announced or 25.0  # a single picture has no rate; any does
    measured = (extent.packets - 1) / span_s
    return announced if abs(measured - announced) < 0.02 * measured else measured


def first_frame(path: Path) -> VideoFrame:
    """Decode the first picture; proves that there is one, and has the rotation."""
    with open_video(path) as (container, stream, extent):
        frame = next(decoded(container, stream, extent), None)
        if frame is None:
            reason = extent.damaged[0] if extent.damaged else "it holds none"
            raise UnreadableMedia(f"{path.name} has no frame that decodes: {reason}")
        return frame
