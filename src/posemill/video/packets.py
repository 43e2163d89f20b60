"""Packets of a video, counted and decoded; damaged ones are counted, truncated files detected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import UnreadableMedia
from posemill.video.clock import GLUED_S, longest_step_s
from posemill.video.orientation import Orientation, orientation_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

COMPLETE = 0.95  # containers count a little wrongly (dropped frames in AVI); less than this is a truncated file


@dataclass(slots=True)
class Extent:
    """Extent of the packets read from a file; tells a complete file from a truncated one.

    packets  pictures that came; `shown` without those that an edit list leaves out.
    first_s, last_s  times of the first and the last picture that is shown, on one clock, see Clock.
    begin_s, end_s   of everything, shown or not, in any stream, by the container's timestamps.
    glued    the container's clock was set anew within.
    whole    the container itself says that nothing of it is missing, whatever its header counts.
    orientation  of the picture that was decoded last.
    """

    path: Path
    declared_frames: int
    declared_s: float
    packets: int = 0
    shown: int = 0
    first_s: float = float("inf")
    last_s: float = float("-inf")
    begin_s: float = float("inf")
    end_s: float = 0.0
    whole: bool = False
    glued: bool = False
    damaged: list[str] = field(default_factory=list)
    orientation: Orientation | None = None
    _decode_s: float | None = None
    _shift_s: float = 0.0

    def add(self, packet: Any, stream: VideoStream) -> bool:
        """Count a packet; True when it carries a picture of `stream`."""
        stamp, base = packet.dts if packet.pts is None else packet.pts, packet.time_base
        at = None if stamp is None or not base else stamp * base.numerator / base.denominator
        if at is not None:
            self.begin_s = min(self.begin_s, at)
            self.end_s = max(self.end_s, at + (packet.duration or 0) * base.numerator / base.denominator)
        if packet.stream.index != stream.index or not packet.size:
            return False
        self.packets += 1
        if at is not None:
            at += self._shift(packet, stream, at)
        if packet.is_discard:  # outside of the edit list: decoded, since others lean on it, and not shown
            return True
        self.shown += 1
        if at is not None:
            self.first_s, self.last_s = min(self.first_s, at), max(self.last_s, at)
        return True

    def _shift(self, packet: Any, stream: VideoStream, at: float) -> float:
        """Shift that brings a picture's timestamp onto the clock of the pictures before it, in seconds."""
        base = packet.time_base
        decode_s = at if packet.dts is None else packet.dts * base.numerator / base.denominator
        if self._decode_s is not None and not -GLUED_S <= decode_s - self._decode_s <= longest_step_s(stream):
            step_s = 1 / float(stream.average_rate or stream.guessed_rate or 25)
            self.glued, self._shift_s = True, self._shift_s + self._decode_s + step_s - decode_s
        self._decode_s = decode_s
        return self._shift_s

    def check(self) -> None:
        """Raise UnreadableMedia for a truncated file."""
        if self.whole:
            return
        if self.packets < COMPLETE * self.declared_frames:
            raise UnreadableMedia(
                f"{self.path.name} is truncated: it announces {self.declared_frames} frames and holds {self.packets}"
            )
        end_s = self.end_s - min(0.0, self.begin_s)  # a clock may begin below 0, as one that passes its largest value
        if end_s < COMPLETE * self.declared_s - 1:
            raise UnreadableMedia(
                f"{self.path.name} is truncated: it announces {self.declared_s:.1f} s and ends at {end_s:.1f} s"
            )


def decoded(container: InputContainer, stream: VideoStream, extent: Extent) -> Iterator[VideoFrame]:
    """Decode frames in order of display; damaged packets are skipped and counted in `extent`."""
    from av.error import FFmpegError

    packets = container.demux()
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except FFmpegError as exc:
            raise UnreadableMedia(f"{extent.path.name} cannot be read to its end: {exc.strerror}") from exc
        carries = extent.add(packet, stream)
        if not carries and packet.stream.index != stream.index:
            continue
        try:
            for frame in packet.decode():
                extent.orientation = orientation_of(frame, extent.orientation)  # type: ignore[arg-type]
                yield frame  # type: ignore[misc]
        except FFmpegError as exc:  # most are invalid, some ask for what no decoder can do
            extent.damaged.append(str(exc.strerror))
