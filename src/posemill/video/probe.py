"""What a video file holds, found by reading all of its packets (without decoding them)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import UnreadableMedia

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

COMPLETE = 0.95  # containers count a little wrongly (dropped frames in AVI); less than this is a cut-off file


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


@dataclass(slots=True)
class Extent:
    """How far into a file its packets reached; tells a complete file from a cut-off one."""

    path: Path
    declared_frames: int
    declared_s: float
    packets: int = 0
    first_s: float = float("inf")
    last_s: float = float("-inf")
    end_s: float = 0.0
    damaged: list[str] = field(default_factory=list)

    def add(self, packet: Any, stream: VideoStream) -> bool:
        """Count a packet; True when it carries a picture of `stream`."""
        stamp = packet.dts if packet.pts is None else packet.pts
        at = None if stamp is None else float(stamp * packet.time_base)
        if at is not None:
            self.end_s = max(self.end_s, at + float((packet.duration or 0) * packet.time_base))
        if packet.stream.index != stream.index or not packet.size:
            return False
        self.packets += 1
        if at is not None:
            self.first_s, self.last_s = min(self.first_s, at), max(self.last_s, at)
        return True

    def check(self) -> None:
        """UnreadableMedia for a file that ended before its header said it would."""
        if self.packets < COMPLETE * self.declared_frames:
            raise UnreadableMedia(
                f"{self.path.name} is truncated: it announces {self.declared_frames} frames and holds {self.packets}"
            )
        if self.end_s < COMPLETE * self.declared_s - 1:
            raise UnreadableMedia(
                f"{self.path.name} is truncated: it announces {self.declared_s:.1f} s and ends at {self.end_s:.1f} s"
            )


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream, Extent]]:
    """The opened file, its first video stream and an Extent to count into. UnreadableMedia where there is none."""
    import av

    if not path.is_file():
        raise UnreadableMedia(f"{path} is not a file: it was moved or deleted")
    if path.stat().st_size == 0:
        raise UnreadableMedia(f"{path.name} is empty (0 bytes)")
    try:
        # tags in old encodings are common and nothing here reads them
        container = av.open(str(path), metadata_errors="ignore")
    except av.error.FFmpegError as exc:
        raise UnreadableMedia(f"{path.name} is not a video, or its header is cut off: {exc.strerror}") from exc
    with container:
        stream = next((s for s in container.streams.video if not _is_cover(s)), None)
        if stream is None:
            what = "only audio" if container.streams.audio else "no video stream"
            raise UnreadableMedia(f"{path.name} has {what}")
        seconds = max(0, container.duration or 0) / av.time_base
        yield container, stream, Extent(path, stream.frames, seconds)


def _is_cover(stream: VideoStream) -> bool:
    """Music files carry their cover as a video stream of one picture."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def rotation(frame: VideoFrame) -> int:
    """Degrees clockwise, a multiple of 90, that set the stored picture upright."""
    return round(-frame.rotation / 90) * 90 % 360


def probe(path: Path) -> VideoProbe:
    """Read the whole file once. UnreadableMedia says in one sentence why a file cannot be used."""
    from av.error import FFmpegError

    first = _first_frame(path)
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


def _first_frame(path: Path) -> VideoFrame:
    """The first picture that decodes; proves that there is one, and knows the rotation."""
    from av.error import FFmpegError

    with open_video(path) as (container, stream, _):
        reason = "it holds none"
        packets = container.demux(stream)
        while True:
            try:
                for frame in next(packets).decode():
                    return frame  # type: ignore[return-value]
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
