"""Probe of a video file: size, rate and length, from all of its packets (without decoding them); or of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import UnreadableMedia
from posemill.video.container import open_video
from posemill.video.orientation import orientation_of, shown_size
from posemill.video.packets import Extent, decoded
from posemill.video.still import SHOWN_S, still_kind, still_picture

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
    """Facts of a video: size of the picture as it is shown (square pixels, rotated and mirrored as the
    file asks), rate and length.

    fps         frames per second over the whole video (the mean, where the rate varies).
    frames      number of coded pictures that are shown; what an edit list cuts off does not count.
    duration_s  from the first shown picture's time to one frame after the last one's.
    rotation    degrees clockwise by which the stored picture is turned to be shown: 0, 90, 180 or 270.
    mirrored    left and right of it are exchanged then.
    """

    width_px: int
    height_px: int
    fps: float
    frames: int
    duration_s: float
    codec: str
    rotation: int
    mirrored: bool = False


def probe(path: Path) -> VideoProbe:
    """Probe a video by reading the whole file once. UnreadableMedia says why a file cannot be used.

    A picture file (JPEG, PNG, WebP) is a medium of one frame that lasts a second.
    """
    if kind := still_kind(path):
        return _probe_still(path, kind)
    first = first_frame(path)
    shown = orientation_of(first)
    measured = measure(path)
    extent, fps = measured.extent, measured.fps
    with open_video(path) as (_, stream, _):
        width, height = shown_size(stream, first.width, first.height)
        codec = stream.codec_context.name
    sides = (height, width) if shown.swaps_sides else (width, height)
    span_s = max(0.0, extent.last_s - extent.first_s)
    found = VideoProbe(*sides, fps, extent.shown, span_s + 1 / fps, codec, shown.rotation, shown.mirrored)
    _check_plausible(found, path, max(found.duration_s, extent.end_s - extent.begin_s))
    return found


@dataclass(frozen=True, slots=True)
class Measured:
    """Extent of all packets of a complete video, and its mean rate in frames per second."""

    extent: Extent
    fps: float


def measure(path: Path) -> Measured:
    """Read all packets of a video once, without decoding. Errors: UnreadableMedia also for a truncated file."""
    from av.error import FFmpegError

    with open_video(path) as (container, stream, extent):
        try:
            for packet in container.demux():
                extent.add(packet, stream)
        except FFmpegError as exc:
            raise UnreadableMedia(f"{path.name} cannot be read to its end: {exc.strerror}") from exc
        extent.check()
        return Measured(extent, mean_fps(stream, extent))


def _probe_still(path: Path, kind: str) -> VideoProbe:
    height, width, _ = still_picture(path).shape
    found = VideoProbe(width, height, 1 / SHOWN_S, 1, SHOWN_S, kind, 0)
    _check_plausible(found, path, SHOWN_S)
    return found


def _check_plausible(found: VideoProbe, path: Path, coded_s: float) -> None:
    """Raise UnreadableMedia for files that no camera makes, and those that would take days to process.

    coded_s  length with what an edit list leaves out: that has to be decoded too.
    """
    sides, name = f"{found.width_px}x{found.height_px}", path.name
    if min(found.width_px, found.height_px) < SMALLEST_PX:
        raise UnreadableMedia(f"{name} has pictures of {sides}: {SMALLEST_PX} pixels a side are the least")
    if coded_s > LONGEST_S or found.fps > FASTEST_FPS:
        raise UnreadableMedia(
            f"{name} says that it lasts {coded_s:.0f} s at {found.fps:.3g} frames per second: "
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
    if extent.shown < 2 or not span_s > 0:
        return announced or 25.0  # a single picture has no rate; any does
    measured = (extent.shown - 1) / span_s
    return announced if abs(measured - announced) < 0.02 * measured else measured


def first_frame(path: Path) -> VideoFrame:
    """Decode the first picture; proves that there is one, and has the orientation."""
    with open_video(path) as (container, stream, extent):
        frame = next(decoded(container, stream, extent), None)
        if frame is None:
            reason = extent.damaged[0] if extent.damaged else "it holds none"
            raise UnreadableMedia(f"{path.name} has no frame that decodes: {reason}")
        return frame
