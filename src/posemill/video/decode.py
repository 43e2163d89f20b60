"""Decoding: frames of a video one at a time, upright, RGB, with their presentation time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.errors import UnreadableMedia
from posemill.video.clock import Clock
from posemill.video.container import open_video
from posemill.video.packets import COMPLETE, Extent, decoded
from posemill.video.probe import first_frame, probe, rotation
from posemill.video.seek import Pictures, enter, list_pictures

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

DAMAGED = 0.01  # share of packets that may fail to decode before a video counts as corrupt
MOST_THREADS = 4  # each of them holds a picture of its own
SMALL_PX = 512 * 1024  # below, starting threads for a picture takes longer than making it RGB


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


def read_frames(path: Path, stride: int = 1, start: int = 0, end: int | None = None) -> Iterator[Frame]:
    """Decode the frames start <= index < end whose index is a multiple of `stride`, lazily.

    Index, time and picture are those of a reading from the beginning, also where a seek saved decoding what comes
    before `start`. Memory stays flat.

    Errors: UnreadableMedia at once when nothing decodes; after the last good frame when the file is cut off or
    more than a hundredth of its packets are damaged, as far as this reading comes.
    """
    if stride < 1 or start < 0:
        raise ValueError(f"stride should be 1 or more and start 0 or more, came as {stride} and {start}")
    if end is not None and end <= start:
        return
    upright: _Upright | None = None
    for index, time_s, frame in _numbered(path, start, end):
        upright = upright or _Upright(*_first_size(path, frame, index))
        if index >= start and index % stride == 0:
            yield Frame(index, time_s, upright(frame))


def _numbered(path: Path, start: int, end: int | None) -> Iterator[tuple[int, float, VideoFrame]]:
    """Frames with index and time, from `start` where the container can seek, else from the beginning."""
    pictures = list_pictures(path)
    if pictures is not None and start:
        with open_video(path) as (container, stream, extent):
            _use_threads(stream)
            frames = enter(container, stream, decoded(container, stream, extent), pictures, start)
            if frames is not None and not extent.damaged:
                clock = Clock(stream)
                for stamp in pictures.stamps[:start].tolist():
                    clock.of(stamp, pictures.time_base)
                whole = replace(pictures.extent, damaged=extent.damaged)
                yield from _timed(frames, clock, start, end, whole, pictures)
                return
    with open_video(path) as (container, stream, extent):
        _use_threads(stream)
        frames = decoded(container, stream, extent)
        # the extent of all of it, also in a reading that ends early
        whole = replace(pictures.extent, damaged=extent.damaged) if pictures else extent
        yield from _timed(frames, Clock(stream), 0, end, whole, pictures)


def _timed(
    frames: Iterator[VideoFrame], clock: Clock, index: int, end: int | None, extent: Extent, pictures: Pictures | None
) -> Iterator[tuple[int, float, VideoFrame]]:
    """A picture that was lost keeps its number, where there is a list, so that the ones after it have theirs."""
    for frame in frames:
        index = max(index, pictures.number(frame.pts) or 0) if pictures else index
        if end is None or index < end:
            yield index, clock.of(frame.pts, frame.time_base), frame
        index += 1
        if end is not None and index >= end:
            _check_damage(extent, index)
            return
    _check(extent, index)
    if pictures and index < COMPLETE * len(pictures.stamps):
        raise UnreadableMedia(
            f"{extent.path.name} is corrupt: it lists {len(pictures.stamps)} pictures and ends after {index}"
        )


def _use_threads(stream: VideoStream) -> None:
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = min(MOST_THREADS, (os.cpu_count() or 1) + 1)


def _first_size(path: Path, frame: VideoFrame, index: int) -> tuple[int, int]:
    """Width and height of the first frame: a stream may change its size on the way, and that one holds for all."""
    first = frame if index == 0 else first_frame(path)
    return first.width, first.height


class _Upright:
    """Frames to (H, W, 3) uint8 RGB, upright, all of one stored size."""

    def __init__(self, width: int, height: int) -> None:
        from av.video.reformatter import VideoReformatter

        self.width, self.height = width, height
        self.threads = 1 if width * height < SMALL_PX else 0  # 0: as many as there are cores
        self.reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        import cv2
        from av.error import FFmpegError

        try:
            rgb = self._rgb(frame)
        except (FFmpegError, ValueError) as exc:
            raise UnreadableMedia(f"a picture in {frame.format.name} cannot be made RGB: {exc}") from exc
        turns = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
        turn = turns.get(rotation(frame))
        return np.ascontiguousarray(rgb if turn is None else cv2.rotate(rgb, turn), np.uint8)

    def _rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        picture = self.reformatter.reformat(frame, self.width, self.height, "rgb24", threads=self.threads)
        return np.asarray(picture.to_ndarray(), np.uint8)


def _check(extent: Extent, frames: int) -> None:
    """Raise UnreadableMedia when the frames that came are not (nearly) all of the video."""
    if not frames:
        reason = extent.damaged[0] if extent.damaged else "it holds none"
        raise UnreadableMedia(f"{extent.path.name} has no frame that decodes: {reason}")
    _check_damage(extent, frames)
    extent.check()


def _check_damage(extent: Extent, frames: int) -> None:
    damaged, packets = len(extent.damaged), max(extent.packets, extent.declared_frames)
    if damaged > max(2, DAMAGED * packets):
        raise UnreadableMedia(
            f"{extent.path.name} is corrupt: {damaged} of {packets} packets do not decode "
            f"({extent.damaged[0]}), {frames} frames did"
        )


def read_frame(path: Path, time_s: float) -> Frame:
    """Decode the frame shown at `time_s`, by seeking; its index is computed from the mean rate. For stills."""
    return _seek(path, time_s, probe(path).fps)


def sample_frames(path: Path, n: int) -> list[Frame]:
    """Decode `n` frames from the middles of `n` equal parts of the video. For contact sheets."""
    facts = probe(path)
    return [_seek(path, (i + 0.5) / n * facts.duration_s, facts.fps) for i in range(n)]


def _seek(path: Path, time_s: float, fps: float) -> Frame:
    """The last frame at or before `time_s`; the nearest one where the video does not reach there."""
    from av.error import FFmpegError

    with open_video(path) as (container, stream, extent):
        zero_s = next((f.time or 0.0 for f in decoded(container, stream, extent)), 0.0)
        try:
            container.seek(round((zero_s + max(0.0, time_s)) / float(stream.time_base or 1)), stream=stream)
        except FFmpegError:  # no index: decode from the start
            container.seek(0)
        best: VideoFrame | None = None
        for frame in decoded(container, stream, extent):
            if best is not None and (frame.time or 0.0) - zero_s > time_s + 1e-6:
                break
            best = frame
        if best is None:
            raise UnreadableMedia(f"{path.name} has no frame that decodes at {time_s:.2f} s")
        at = max(0.0, (best.time or 0.0) - zero_s)
        return Frame(round(at * fps), at, _Upright(best.width, best.height)(best))
