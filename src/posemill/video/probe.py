"""What a video file holds, found by reading all of its packets (without decoding them)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import UnreadableMedia
from posemill.video.container import Extent, open_video

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True)
class VideoProbe:
    """Size of the upright picture (after the rotation that the file asks for), rate and length.

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
    """Degrees clockwise, a multiple of 90, that set the stored picture upright."""
    return round(-frame.rotation / 90) * 90 % 360


def probe(path: Path) -> VideoProbe:
    """Read the whole file once. UnreadableMedia says in one sentence why a file cannot be used."""
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
        return VideoProbe(*sides, fps, extent.packets, span_s + 1 / fps, stream.codec_context.name, turned)


def mean_fps(stream: VideoStream, extent: Extent) -> float:
    """The rate of the timestamps; the container's own figure where they agree, since that one is exact."""
    announced = float(stream.average_rate or stream.guessed_rate or 0)
    span_s = extent.last_s - extent.first_s
    if extent.packets < 2 or not span_s > 0:
        return announced or 25.0  # a single picture has no rate; any does
    measured = (extent.packets - 1) / span_s
    return announced if abs(measured - announced) < 0.02 * measured else measured


def first_frame(path: Path) -> VideoFrame:
    """The first picture that decodes; proves that there is one, and knows the rotation."""
    from av.error import FFmpegError

    with open_video(path) as (container, stream, _):
        reason = "it holds none"
        packets = container.demux(stream)
        while True:
            try:
                for frame in next(packets).decode():
                    return frame
            except StopIteration:
                raise UnreadableMedia(f"{path.name} has no frame that decodes: {reason}") from None
            except FFmpegError as exc:
                reason = str(exc.strerror)
                if not _goes_on(exc):
                    raise UnreadableMedia(f"{path.name} has no frame that decodes: {reason}") from exc


def _goes_on(exc: Exception) -> bool:
    """A damaged packet leaves the ones after it readable; a failing read does not."""
    from av.error import InvalidDataError

    return isinstance(exc, InvalidDataError)
