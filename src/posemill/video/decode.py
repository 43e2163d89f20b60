"""Decoding: frames of a video one at a time, as they are shown, RGB, with their presentation time."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.errors import UnreadableMedia
from posemill.video.clock import Clock
from posemill.video.container import open_video
from posemill.video.converter import FrameConverter
from posemill.video.orientation import Orientation
from posemill.video.packets import COMPLETE, Extent, decoded
from posemill.video.probe import measure
from posemill.video.seek import Pictures, enter, list_pictures
from posemill.video.still import still_kind, still_picture

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

DAMAGED = 0.01  # share of packets that may fail to decode before a video counts as corrupt
MOST_THREADS = 4  # each of them holds a picture of its own
SAME_S = 1e-6  # times that differ by less are the same
SEEK_BACK_S = (2.0, 10.0, 60.0)  # tried one after the other; keyframes of broadcasts are at most a few seconds apart


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video.

    index   number of the frame in the video, from 0.
    time_s  seconds from the first frame, by the video's own timestamps; strictly increasing over a video.
    image   (H, W, 3) uint8 RGB as it is shown: rotated, mirrored and in square pixels, as the container asks.
    """

    index: int
    time_s: float
    image: NDArray[np.uint8]


def read_frames(path: Path, stride: int = 1, start: int = 0, end: int | None = None) -> Iterator[Frame]:
    """Decode the frames start <= index < end whose index is a multiple of `stride`, lazily.

    Index, time and picture are those of a reading from the beginning, also where a seek saved decoding what comes
    before `start`. Memory stays flat. A picture file has one frame, at 0 s.

    Errors: UnreadableMedia at once when nothing decodes; after the last good frame when the file is cut off or
    more than a hundredth of its packets are damaged, as far as this reading comes.
    """
    if stride < 1 or start < 0:
        raise ValueError(f"stride should be 1 or more and start 0 or more, came as {stride} and {start}")
    if end is not None and end <= start:
        return
    if still_kind(path):
        if start == 0:
            yield Frame(0, 0.0, still_picture(path))
        return
    convert = FrameConverter(path)
    for index, time_s, frame, orientation in _numbered(path, start, end, convert.orientation):
        if index >= start and index % stride == 0:
            yield Frame(index, time_s, convert(frame, orientation))


def _numbered(
    path: Path, start: int, end: int | None, first: Orientation
) -> Iterator[tuple[int, float, VideoFrame, Orientation]]:
    """Frames with index, time and orientation, from `start` where the container can seek, else from the beginning."""
    pictures = list_pictures(path)
    if pictures is not None and start:
        with open_video(path) as (container, stream, extent):
            _use_threads(stream)
            extent.orientation = first
            frames = enter(container, stream, decoded(container, stream, extent), pictures, start)
            if frames is not None and not extent.damaged:
                clock = Clock(stream)
                for stamp in pictures.stamps[:start].tolist():
                    clock.of(stamp, pictures.time_base)
                whole = replace(pictures.extent, damaged=extent.damaged)
                for numbered in _timed(frames, clock, start, end, whole, pictures):
                    yield *numbered, extent.orientation
                return
    with open_video(path) as (container, stream, extent):
        _use_threads(stream)
        frames = decoded(container, stream, extent)
        # the extent of all of it, also in a reading that ends early
        whole = replace(pictures.extent, damaged=extent.damaged) if pictures else extent
        for numbered in _timed(frames, Clock(stream), 0, end, whole, pictures):
            yield *numbered, extent.orientation or first


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
    """Return the frame that is shown at `time_s` seconds after the first one; the last one where the video is shorter.

    Found by seeking, where the container allows it. Where it lists its pictures, `index` is the frame's number;
    elsewhere it is counted from the mean rate, and good enough for a caption.

    Errors: UnreadableMedia where nothing decodes there.
    """
    if still_kind(path):
        return Frame(0, 0.0, still_picture(path))
    pictures = list_pictures(path)
    if pictures is None:
        return _by_seeking(path, time_s)
    with open_video(path) as (_, stream, _):
        times = Clock(stream).of_all(pictures.stamps.tolist(), pictures.time_base)
    number = max(0, bisect_right(times, time_s + SAME_S) - 1)
    frame = next(read_frames(path, start=number, end=number + 1), None)
    return frame or _by_seeking(path, time_s)


def _by_seeking(path: Path, time_s: float) -> Frame:
    """The same in a container without a list of pictures, where a seek may land behind the picture that was wanted."""
    convert, measured = FrameConverter(path), measure(path)
    margins = () if measured.extent.glued else (0.0, *SEEK_BACK_S)  # a clock that starts again leads no seek
    for margin_s in (*margins, None):
        with open_video(path) as (container, stream, extent):
            found = _last_before(container, stream, extent, time_s, margin_s)
            if found is not None:
                frame, at_s, orientation = found
                return Frame(round(at_s * measured.fps), at_s, convert(frame, orientation))
    raise UnreadableMedia(f"{path.name} has no frame that decodes at {time_s:.2f} s")


def _last_before(
    container: InputContainer, stream: VideoStream, extent: Extent, time_s: float, margin_s: float | None
) -> tuple[VideoFrame, float, Orientation] | None:
    """The last frame at or before `time_s`, decoded from `margin_s` before it on (None: from the start), with its time.

    None where decoding begins after `time_s`, so that it is not known whether a frame before would be the one.
    """
    from av.error import FFmpegError

    clock = Clock(stream) if margin_s is None else None
    frames = decoded(container, stream, extent)
    zero_s = 0.0
    if margin_s is not None:
        zero_s = next((f.time or 0.0 for f in frames), 0.0)
        try:
            if time_s <= margin_s:
                container.seek(0)
            else:
                container.seek(round((zero_s + time_s - margin_s) / float(stream.time_base or 1)), stream=stream)
        except FFmpegError:  # no index
            return None
    best: tuple[VideoFrame, float, Orientation] | None = None
    for frame in decoded(container, stream, extent):
        at_s = clock.of(frame.pts, frame.time_base) if clock else (frame.time or 0.0) - zero_s
        if at_s > time_s + SAME_S and (best is not None or margin_s is not None):
            break
        best = frame, max(0.0, at_s), extent.orientation or Orientation()
        if at_s > time_s + SAME_S:
            break
    return best
