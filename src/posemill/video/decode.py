"""Frames of a video, one at a time: upright, RGB, with their true time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.errors import UnreadableMedia
from posemill.video.probe import Extent, open_video, probe, rotation

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

DAMAGED = 0.01  # share of packets that may fail to decode before a video counts as corrupt
GLUED_S = 1.0  # a clock that jumps back by more than this starts again: videos glued together


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video.

    index   number of the frame in the video, from 0.
    time_s  seconds from the first frame, by the video's own timestamps; strictly increasing over a video.
    image   (H, W, 3) uint8 RGB, upright.
    """

    index: int
    time_s: float
    image: NDArray[np.uint8]


def read_frames(path: Path, stride: int = 1) -> Iterator[Frame]:
    """Every `stride`-th frame, decoded as it is asked for (memory stays flat).

    Errors: UnreadableMedia at once when nothing decodes; after the last good frame when the file is cut off or
    more than a hundredth of its packets are damaged.
    """
    if stride < 1:
        raise ValueError(f"stride should be 1 or more, came as {stride}")
    with open_video(path) as (container, stream, extent):
        stream.thread_type = "AUTO"
        clock, size, index = _Clock(stream), None, -1
        for index, frame in enumerate(_decoded(container, stream, extent)):
            time_s = clock.of(frame)
            if index % stride == 0:
                size = size or (frame.width, frame.height)
                yield Frame(index, time_s, _upright(frame, size))
        _check(extent, index + 1)


class _Clock:
    """Seconds since the first frame. Where a timestamp is missing, one frame after the last one."""

    def __init__(self, stream: VideoStream) -> None:
        self.step_s = 1 / float(stream.average_rate or stream.guessed_rate or 25)
        self.zero_s: float | None = None
        self.last_s = -self.step_s

    def of(self, frame: VideoFrame) -> float:
        at = None if frame.pts is None or frame.time is None else float(frame.time)
        follows_s = self.last_s + self.step_s
        if at is None:
            time_s = follows_s
        elif self.zero_s is None or at - self.zero_s < self.last_s - GLUED_S:
            time_s, self.zero_s = follows_s, at - follows_s
        else:  # old AVI files exchange neighbouring timestamps; half a frame on, the next true one fits again
            time_s = at - self.zero_s
            time_s = time_s if time_s > self.last_s else self.last_s + self.step_s / 2
        self.last_s = time_s
        return time_s


def _decoded(container: InputContainer, stream: VideoStream, extent: Extent) -> Iterator[VideoFrame]:
    """Frames in order of display; damaged packets are skipped and noted in `extent`."""
    from av.error import FFmpegError, InvalidDataError

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
        except InvalidDataError as exc:
            extent.damaged.append(str(exc.strerror))


def _check(extent: Extent, frames: int) -> None:
    """UnreadableMedia when the frames that came are not (nearly) all of the video."""
    name, damaged = extent.path.name, len(extent.damaged)
    if not frames:
        reason = extent.damaged[0] if damaged else "it holds none"
        raise UnreadableMedia(f"{name} has no frame that decodes: {reason}")
    if damaged > max(2, DAMAGED * extent.packets):
        raise UnreadableMedia(
            f"{name} is corrupt: {damaged} of {extent.packets} packets do not decode ({extent.damaged[0]}), "
            f"{frames} frames did"
        )
    extent.check()


def _upright(frame: VideoFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB. A stream may change its size on the way; the first frame's holds for all."""
    image = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
    return np.ascontiguousarray(np.rot90(image, -rotation(frame) // 90), np.uint8)


def read_frame(path: Path, time_s: float) -> Frame:
    """The frame shown at `time_s`, found by seeking; its index is counted from the mean rate. For pictures."""
    found = probe(path)
    return _seek(path, time_s, found.fps)


def sample_frames(path: Path, n: int) -> list[Frame]:
    """`n` frames from the middles of `n` equal parts of the video. For contact sheets."""
    found = probe(path)
    return [_seek(path, (i + 0.5) / n * found.duration_s, found.fps) for i in range(n)]


def _seek(path: Path, time_s: float, fps: float) -> Frame:
    """The last frame at or before `time_s`; the nearest one where the video does not reach there."""
    from av.error import FFmpegError

    with open_video(path) as (container, stream, extent):
        zero_s = next((f.time or 0.0 for f in _decoded(container, stream, extent)), 0.0)
        try:
            container.seek(round((zero_s + max(0.0, time_s)) / float(stream.time_base or 1)), stream=stream)
        except FFmpegError:  # no index: decode from the start
            container.seek(0)
        best: VideoFrame | None = None
        for frame in _decoded(container, stream, extent):
            if best is not None and (frame.time or 0.0) - zero_s > time_s + 1e-6:
                break
            best = frame
        if best is None:
            raise UnreadableMedia(f"{path.name} has no frame that decodes at {time_s:.2f} s")
        at = max(0.0, (best.time or 0.0) - zero_s)
        return Frame(round(at * fps), at, _upright(best, (best.width, best.height)))
