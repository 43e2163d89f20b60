"""A video becomes tracks, streaming: frames are decoded ahead in a thread while the backend works."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.labelling.base import PoseBackend
from posemill.labelling.fingerprint import fingerprint
from posemill.labelling.prefetch import batched, prefetched
from posemill.labelling.tracking import Tracker
from posemill.params.label import LabelParams
from posemill.pose.track import MediumTracks
from posemill.video.decode import read_frames
from posemill.video.probe import probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posemill.video.decode import Frame

Progress = Callable[[int], None]  # gets the number of frames done since the last call


def label_medium(
    path: Path, medium_digest: str, backend: PoseBackend, params: LabelParams, progress: Progress | None = None
) -> MediumTracks:
    """Everybody in a video. A video without people gives no track and is no error.

    Errors: UnreadableMedia, also when only the end of the video is unreadable.
    """
    found = probe(path)
    tracker, frames, last_s = Tracker(backend.skeleton, params.tracking), 0, 0.0
    batches: Iterator[list[Frame]] = prefetched(batched(read_frames(path, params.frame_stride), params.batch_frames), 2)
    with closing(batches):  # type: ignore[type-var]  # a generator, so that an error here ends its thread
        for batch in batches:
            for frame, poses in zip(batch, backend.poses([f.image for f in batch]), strict=True):
                tracker.update(frame.index, frame.time_s, poses)
            frames, last_s = frames + len(batch), batch[-1].time_s
            if progress is not None:
                progress(len(batch))
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
