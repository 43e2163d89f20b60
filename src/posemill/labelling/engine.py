"""A video becomes poses, streaming: frames are decoded ahead in a thread. Poses become tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.labelling.base import FramePoses, FrameSpan, PoseBackend
from posemill.labelling.fingerprint import fingerprint
from posemill.labelling.prefetch import batched, prefetched
from posemill.labelling.tracking import Tracker
from posemill.params.label import LabelParams
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.video.decode import read_frames
from posemill.video.probe import probe

if TYPE_CHECKING:
    from posemill.video.decode import Frame

Progress = Callable[[int], None]  # gets the number of frames done since the last call


def find_poses(
    path: Path,
    backend: PoseBackend,
    params: LabelParams,
    span: FrameSpan | None = None,
    progress: Progress | None = None,
) -> Iterator[FramePoses]:
    """Poses of every `frame_stride`-th frame in the span (all of the video without one), in order.

    Errors: UnreadableMedia, also when only the end of the video is unreadable.
    """
    batches: Iterator[list[Frame]] = prefetched(batched(_frames(path, params, span), params.batch_frames), 2)
    with closing(batches):  # type: ignore[type-var]  # a generator, so that an error here ends its thread
        for batch in batches:
            for frame, poses in zip(batch, backend.poses([f.image for f in batch]), strict=True):
                yield FramePoses(frame.index, frame.time_s, poses)
            if progress is not None:
                progress(len(batch))


def _frames(path: Path, params: LabelParams, span: FrameSpan | None) -> Iterator[Frame]:
    frames = read_frames(path, params.frame_stride)
    if span is None:
        return frames
    end = span.end
    wanted = frames if end is None else takewhile(lambda frame: frame.index < end, frames)
    return (frame for frame in wanted if frame.index >= span.start)


def follow(frames: Iterable[FramePoses], skeleton: Skeleton, params: LabelParams) -> tuple[PoseTrack, ...]:
    """The people in successive frames' poses."""
    tracker = Tracker(skeleton, params.tracking)
    for each in frames:
        tracker.update(each.frame, each.time_s, each.poses)
    return tracker.tracks()


def label_medium(
    path: Path, medium_digest: str, backend: PoseBackend, params: LabelParams, progress: Progress | None = None
) -> MediumTracks:
    """Everybody in a video. A video without people gives no track and is no error."""
    found = probe(path)
    frames = list(find_poses(path, backend, params, progress=progress))
    return MediumTracks(
        medium=medium_digest,
        labeller=fingerprint(backend.describe(), params),
        skeleton=backend.skeleton,
        width_px=found.width_px,
        height_px=found.height_px,
        frames=len(frames),
        duration_s=max(found.duration_s, frames[-1].time_s if frames else 0.0),
        tracks=follow(frames, backend.skeleton, params),
    )
