"""A video becomes poses, streaming: frames are decoded ahead in a thread. Poses become tracks.

Nothing is kept of a frame but its poses: memory is the same however long the video is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.fingerprint import fingerprint
from posemill.estimation.prefetch import batched, prefetched
from posemill.estimation.region import Region
from posemill.estimation.roi_propagation import RoiPropagatingBackend
from posemill.estimation.tracking import Tracker
from posemill.estimation.types import FramePoses, FrameSpan, Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.video.decode import read_frames
from posemill.video.probe import probe
from posemill.video.sandboxed import probe_sandboxed, read_frames_sandboxed

if TYPE_CHECKING:
    from posemill.video.decode import Frame

Progress = Callable[[int], None]  # gets the number of frames done since the last call
_NOTHING = np.empty((0, 0, 3), np.uint8)


@runtime_checkable
class StreamingBackend(Protocol):
    """A PoseBackend that works on several pictures at once, without waiting for a batch to be whole."""

    def stream(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[Sequence[Pose]]:
        """Poses of every picture, in order. Takes no more pictures ahead than it is working on."""
        ...


def find_poses(
    path: Path,
    backend: PoseBackend,
    params: LabelParams,
    span: FrameSpan | None = None,
    progress: Progress | None = None,
    *,
    apart: bool = False,
) -> Iterator[FramePoses]:
    """Poses of every `frame_stride`-th frame in the span (all of the video without one), in order.

    apart  a stranger sent the video: it is decoded in another process, within bounded time and memory.
    Errors: UnreadableMedia, also when only the end of the video is unreadable.
    """
    if isinstance(backend, RoiPropagatingBackend):
        yield from _propagated(path, backend, params, span or FrameSpan(), progress, apart)
        return
    frames: Iterator[Frame] = prefetched(_frames(path, params, span, apart), params.batch_frames)
    under_way: deque[tuple[Frame, Region | None]] = deque()  # without their pictures

    def images() -> Iterator[NDArray[np.uint8]]:
        for frame in frames:
            region = Region.of_shares(params.roi, *frame.image.shape[:2]) if params.roi else None
            under_way.append((replace(frame, image=_NOTHING), region))
            yield region.cut(frame.image) if region else frame.image

    # generators, so that an error here ends their threads
    with closing(frames), closing(_stream(backend, images(), params)) as found:  # type: ignore[type-var]
        for poses in found:
            frame, region = under_way.popleft()
            yield FramePoses(frame.index, frame.time_s, region.back(poses) if region else poses)
            if progress is not None:
                progress(1)


def _stream(backend: PoseBackend, images: Iterator[NDArray[np.uint8]], params: LabelParams) -> Iterator[Sequence[Pose]]:
    if isinstance(backend, StreamingBackend):
        yield from backend.stream(images)
    else:
        for batch in batched(images, params.batch_frames):
            yield from backend.poses(batch)


def _propagated(
    path: Path,
    backend: RoiPropagatingBackend,
    params: LabelParams,
    span: FrameSpan,
    progress: Progress | None,
    apart: bool,
) -> Iterator[FramePoses]:
    """The same by a backend that follows people: it begins to read a little before the span."""
    whole = FrameSpan(backend.begins(span), span.end)
    regions: dict[int, Region | None] = {}

    def cut(frame: Frame) -> Frame:
        region = Region.of_shares(params.roi, *frame.image.shape[:2]) if params.roi else None
        regions[frame.index] = region
        return replace(frame, image=region.cut(frame.image)) if region else frame

    frames: Iterator[Frame] = prefetched(_frames(path, params, whole, apart), params.batch_frames)
    with closing(frames), closing(backend.follow(map(cut, frames))) as found:  # type: ignore[type-var]
        for each in found:
            region = regions.pop(each.frame)
            if each.frame < span.start:
                continue
            yield replace(each, poses=region.back(each.poses)) if region else each
            if progress is not None:
                progress(1)


def _frames(path: Path, params: LabelParams, span: FrameSpan | None, apart: bool) -> Iterator[Frame]:
    span, read = span or FrameSpan(), read_frames_sandboxed if apart else read_frames
    return read(path, params.frame_stride, span.start, span.end)


def follow(frames: Iterable[FramePoses], skeleton: Skeleton, params: LabelParams) -> tuple[PoseTrack, ...]:
    """The people in successive frames' poses."""
    tracker = Tracker(skeleton, params.tracking)
    for each in frames:
        tracker.update(each.frame, each.time_s, each.poses)
    return tracker.tracks()


def label_medium(
    path: Path,
    medium_digest: str,
    backend: PoseBackend,
    params: LabelParams,
    progress: Progress | None = None,
    *,
    apart: bool = False,
) -> MediumTracks:
    """Everybody in a video. A video without people gives no track and is no error. `apart` as in find_poses."""
    found = probe_sandboxed(path) if apart else probe(path)
    tracker = Tracker(backend.skeleton, params.tracking)
    frames, last_s = 0, 0.0
    for each in find_poses(path, backend, params, progress=progress, apart=apart):
        tracker.update(each.frame, each.time_s, each.poses)
        frames, last_s = frames + 1, each.time_s
    return MediumTracks(
        medium=medium_digest,
        labeller=fingerprint(backend.describe(), params),
        skeleton=backend.skeleton,
        width_px=found.width_px,
        height_px=found.height_px,
        frames=frames,
        duration_s=max(found.duration_s, last_s),
        tracks=tracker.tracks(),
    )
