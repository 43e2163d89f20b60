"""Streams of tracked poses from videos and cameras, with their pictures for an overlay; memory is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from posemill.applications.protocol import Application, StreamFacts, TrackedFrame, TrackedPose
from posemill.applications.sources import Stream, stream_of_tracks
from posemill.errors import Unavailable
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.tracking import OnlineTracker
from posemill.estimation.types import FramePoses, Image
from posemill.params.label import LabelParams
from posemill.pose.track import MediumTracks
from posemill.video.camera import Camera, is_live, redacted_source
from posemill.video.decode import Frame, read_frames
from posemill.video.probe import probe
from posemill.video.sandboxed import probe_sandboxed, read_frames_sandboxed
from posemill.video.sandboxed_camera import SandboxedCamera


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A source that was opened.

    stream    its tracked poses.
    pictures  for every frame of the stream its picture, to be taken after it; None = keypoints only.
    fps       frames a second, for an overlay video.
    frames    how many frames are expected; None = nobody knows.
    """

    stream: Stream
    pictures: Iterator[Image] | None
    fps: float
    frames: int | None


def estimator_for(application: Application[Any], params: LabelParams, backend: str | None = None) -> PoseEstimator:
    """Return the pose estimator of an application: its backend, or another, with the other parameters of a labeller.

    Every frame is posed whatever the labeller's stride: with four poses a second a fall is not seen.
    Runtime and long edge are the usual ones unless the labeller has the same backend: they were chosen for that one.
    """
    name, params = backend or application.backend, params.model_copy(update={"frame_stride": 1})
    if name == params.backend:
        return PoseEstimator(params=params)
    usual = LabelParams()
    return PoseEstimator(name, params=params, runtime=usual.runtime, long_edge_px=usual.long_edge_px)


@contextmanager
def open_source(source: str, estimator: PoseEstimator, sandboxed: bool = False) -> Iterator[Opened]:
    """Open a video file, a camera (its number) or a network stream (URL), with an online tracker behind it.

    A file and a camera go the same way, so that they get the same answers. A camera's frames that come while the
    network works are dropped, oldest first.

    sandboxed  decode in a separate process with bounded time and memory, for untrusted files and streams.

    Errors: Unavailable where a camera does not open or gives nothing; UnreadableMedia where a file is no video.
    """
    if is_live(source):
        with SandboxedCamera(source) if sandboxed else Camera(source) as camera:
            yield _of_camera(camera, estimator)
    else:
        with closing(estimator.stream(source, sandboxed=sandboxed)) as frames:
            yield _of_video(Path(source), estimator, frames, sandboxed)


def track_online(frames: Iterable[FramePoses], tracker: OnlineTracker) -> Iterator[TrackedFrame]:
    """Number the people of a stream of poses: what a file and a camera have in common."""
    for frame in frames:
        people = tracker.update(frame)
        yield TrackedFrame(
            frame.frame,
            frame.time_s,
            {person: TrackedPose(pose.xy, pose.confidence, pose.z) for person, pose in sorted(people.items())},
        )


def opened_tracks(tracks: MediumTracks, source: str, sandboxed: bool = False) -> Opened:
    """Return stored tracks as an opened source, with the pictures of their video where it is known.

    sandboxed  decode it in a separate process with bounded time and memory, for untrusted files.
    """
    pictures = None
    if tracks.source is not None and tracks.source.is_file():
        pictures = _pictures_at(tracks.source, tracks.frame_numbers.tolist(), sandboxed)
    return Opened(stream_of_tracks(tracks, source), pictures, tracks.fps, len(tracks.frame_numbers))


def _of_video(path: Path, estimator: PoseEstimator, frames: Iterator[FramePoses], sandboxed: bool) -> Opened:
    about = probe_sandboxed(path) if sandboxed else probe(path)
    facts = StreamFacts(estimator.skeleton, about.width_px, about.height_px, path.name)
    tracker = OnlineTracker(estimator.skeleton, estimator.params.tracking)
    stride = estimator.params.frame_stride
    again = read_frames_sandboxed(path, stride) if sandboxed else read_frames(path, stride)
    pictures = (frame.image for frame in again)  # decoded again only where somebody looks
    return Opened(Stream(facts, track_online(frames, tracker)), pictures, about.fps / stride, about.frames // stride)


def _of_camera(camera: Camera | SandboxedCamera, estimator: PoseEstimator) -> Opened:
    frames = camera.newest_frames()
    first = next(frames, None)
    if first is None:
        raise Unavailable(
            f"{redacted_source(camera.source)} opened and gave no picture: is it used by another program?"
        )
    height, width = first.image.shape[:2]
    facts = StreamFacts(estimator.skeleton, width, height, redacted_source(camera.source))
    newest: list[Image] = []
    estimate = estimator.live()

    def posed(frame: Frame) -> FramePoses:
        newest[:] = [frame.image]
        return FramePoses(frame.index, frame.time_s, estimate(frame.image))

    poses = (posed(frame) for frame in chain([first], frames))
    tracker = OnlineTracker(estimator.skeleton, estimator.params.tracking)
    return Opened(Stream(facts, track_online(poses, tracker)), _always_newest(newest), camera.fps, None)


def _always_newest(box: list[Image]) -> Iterator[Image]:
    while True:
        yield box[0]


def _pictures_at(path: Path, numbers: list[int], sandboxed: bool) -> Iterator[Image]:
    wanted = iter(numbers)
    number = next(wanted, None)
    for frame in read_frames_sandboxed(path) if sandboxed else read_frames(path):
        if frame.index == number:
            yield frame.image
            number = next(wanted, None)
