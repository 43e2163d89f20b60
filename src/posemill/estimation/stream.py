"""Poses of a video, streaming: frames are decoded ahead in a thread while the network works.

Only the poses of a frame are kept: memory is bounded however long the video is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from posemill.estimation.prefetch import prefetched
from posemill.estimation.region import Region
from posemill.estimation.threaded import stream_through
from posemill.estimation.types import (
    FramePoses,
    FrameSpan,
    Image,
    PoseBackend,
    PropagatingBackend,
)
from posemill.params.label import LabelParams
from posemill.video.decode import read_frames

if TYPE_CHECKING:
    from posemill.video.decode import Frame

OnFrame = Callable[[FramePoses], object]
_NO_IMAGE = np.empty((0, 0, 3), np.uint8)


def stream_poses(
    path: Path,
    backend: PoseBackend,
    params: LabelParams,
    span: FrameSpan | None = None,
    on_frame: OnFrame | None = None,
    *,
    sandboxed: bool = False,
) -> Generator[FramePoses, None, None]:
    """Yield the poses of every `frame_stride`-th frame in the span (the whole video without one), in order.

    Args:
        path: video file.
        backend: loaded pose backend.
        params: label section of params.yaml.
        span: frames to read.
        on_frame: called with every frame's poses after they were yielded; an error of it ends the stream.
        sandboxed: decode in a separate process with bounded time and memory, for untrusted files.

    Raises:
        UnreadableMedia: the file is no video, or only its end is unreadable.
    """
    span = span or FrameSpan()
    if isinstance(backend, PropagatingBackend):
        frames = _propagated(path, backend, params, span, sandboxed)
    else:
        frames = _independent(path, backend, params, span, sandboxed)
    with closing(frames):
        for frame in frames:
            yield frame
            if on_frame is not None:
                on_frame(frame)


def _independent(
    path: Path, backend: PoseBackend, params: LabelParams, span: FrameSpan, sandboxed: bool
) -> Generator[FramePoses, None, None]:
    """Poses of frames that have nothing to do with each other."""
    frames = prefetched(_frames(path, params, span, sandboxed), params.batch_frames)
    under_way: deque[tuple[Frame, Region | None]] = deque()  # without their pictures

    def images() -> Iterator[Image]:
        for frame in frames:
            region = _region(frame, params)
            under_way.append((replace(frame, image=_NO_IMAGE), region))
            yield region.crop(frame.image) if region else frame.image

    # generators, so that an error here ends their threads
    with closing(frames), closing(stream_through(backend, images(), params.batch_frames)) as found:
        for poses in found:
            frame, region = under_way.popleft()
            yield FramePoses(frame.index, frame.time_s, region.to_image(poses) if region else poses)


def _propagated(
    path: Path, backend: PropagatingBackend, params: LabelParams, span: FrameSpan, sandboxed: bool
) -> Generator[FramePoses, None, None]:
    """Poses by a backend that uses the frames before: it begins to read a little before the span."""
    whole = FrameSpan(backend.begins(span), span.end)
    regions: dict[int, Region | None] = {}

    def cropped(frame: Frame) -> Frame:
        region = regions[frame.index] = _region(frame, params)
        return replace(frame, image=region.crop(frame.image)) if region else frame

    frames = prefetched(_frames(path, params, whole, sandboxed), params.batch_frames)
    with closing(frames), closing(backend.follow(map(cropped, frames))) as found:
        for frame in found:
            region = regions.pop(frame.frame)
            if frame.frame >= span.start:
                yield replace(frame, poses=region.to_image(frame.poses)) if region else frame


def _region(frame: Frame, params: LabelParams) -> Region | None:
    return Region.of_shares(params.roi, *frame.image.shape[:2]) if params.roi else None


def _frames(path: Path, params: LabelParams, span: FrameSpan, sandboxed: bool) -> Iterator[Frame]:
    if sandboxed:
        from posemill.video.sandboxed import read_frames_sandboxed

        return read_frames_sandboxed(path, params.frame_stride, span.start, span.end)
    return read_frames(path, params.frame_stride, span.start, span.end)
