"""Packets of a video, counted and decoded; damaged ones are counted, truncated files detected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import UnreadableMedia

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

COMPLETE = 0.95  # containers count a little wrongly (dropped frames in AVI); less than this is a truncated file


@dataclass(slots=True)
class Extent:
    """Extent of the packets read from a file; tells a complete file from a truncated one.

    packets  pictures that came; `shown` without those that an edit list leaves out.
    first_s, last_s  times of the first and the last picture that is shown.
    begin_s, end_s   of everything, shown or not, in any stream.
    whole    the container itself says that nothing of it is missing, whatever its header counts.
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
    damaged: list[str] = field(default_factory=list)

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
        if packet.is_discard:  # outside of the edit list: decoded, since others lean on it, and not shown
            return True
        self.shown += 1
        if at is not None:
            self.first_s, self.last_s = min(self.first_s, at), max(self.last_s, at)
        return True

    def check(self) -> None:
        """Raise UnreadableMedia for a truncated file."""
        if self.whole:
            return
        if self.packets < COMPLETE * self.declared_frames:
            raise UnreadableMedia(
                f"{self.path.name} is truncated: it announces {self.declared_frames} frames and holds {self.packets}"
            )
        if self.end_s < COMPLETE * self.declared_s - 1:
            raise UnreadableMedia(
                f"{self.path.name} is truncated: it announces {self.declared_s:.1f} s and ends at {self.end_s:.1f} s"
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
            yield from packet.decode()  # type: ignore[misc]
        except FFmpegError as exc:  # most are invalid, some ask for what no decoder can do
            extent.damaged.append(str(exc.strerror))
