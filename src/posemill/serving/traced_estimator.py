"""A pose estimator whose steps are spans. In use only where traces are exported."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.stream import OnFrame
from posemill.estimation.types import FramePoses, FrameSpan
from posemill.pose.track import MediumTracks
from posemill.telemetry import trace


class TracedPoseEstimator(PoseEstimator):
    """A pose estimator whose work on a video is the spans `pose` and `track`.

    Frames stream through all steps, so that these overlap; the attribute busy_s is the time that each took. Poses are
    waited for, so that theirs includes the decoding wherever that is the slower one.
    """

    def stream(
        self, path: Path | str, span: FrameSpan | None = None, on_frame: OnFrame | None = None, sandboxed: bool = False
    ) -> Generator[FramePoses, None, None]:
        """As PoseEstimator.stream."""
        return trace.watched("pose", super().stream(path, span, on_frame, sandboxed), "frames")

    def follow(
        self, frames: Iterable[FramePoses], medium: str, size_px: tuple[int, int], duration_s: float = 0.0
    ) -> MediumTracks:
        """As PoseEstimator.follow."""
        whole, waiting = trace.Stopwatch(), trace.Stopwatch()
        with whole.busy():
            tracks = super().follow(_waited_for(frames, waiting), medium, size_px, duration_s)
        whole.busy_s -= waiting.busy_s
        whole.record("track", frames=tracks.frames, people=len(tracks.tracks))
        return tracks


def _waited_for(frames: Iterable[FramePoses], watch: trace.Stopwatch) -> Iterator[FramePoses]:
    iterator = iter(frames)
    while True:
        with watch.busy():
            try:
                frame = next(iterator)
            except StopIteration:
                return
        yield frame
