"""Pose estimation of pictures and videos: the one way from a video to poses and tracks."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from pydantic import ValidationError

from posemill.errors import InputError, validation_faults
from posemill.estimation.fingerprint import fingerprint, pose_fingerprint
from posemill.estimation.region import Region
from posemill.estimation.registry import find_backend
from posemill.estimation.stream import OnFrame, stream_poses
from posemill.estimation.tracking import Tracker
from posemill.estimation.types import FramePoses, FrameSpan, Image, LiveBackend, Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import FrameTimes, MediumTracks
from posemill.video.probe import probe


class PoseEstimator:
    """Estimate the poses of everybody in pictures and videos, and track people through a video.

    Args:
        backend: name of a pose backend (`posemill backends` lists them); None takes that of `params`.
        params: label section of params.yaml; None takes the defaults.
        **settings: keys of that section, in place of those of `params`.

    Raises:
        InputError: unknown backend, or a setting that does not exist or has a wrong value.

    The network is loaded on first use. May be shared by threads; videos of several threads run beside each other.

    Examples:
        >>> estimator = PoseEstimator("posenet", long_edge_px=257)
        >>> estimator.skeleton.name
        'coco-17'
        >>> estimator.predict([np.zeros((120, 160, 3), np.uint8)])
        [[]]
    """

    def __init__(self, backend: str | None = None, *, params: LabelParams | None = None, **settings: Any) -> None:
        self.params = _params(backend, params or LabelParams(), settings)
        find_backend(self.params.backend)
        self._backend: PoseBackend | None = None
        self._loading = Lock()

    @classmethod
    def from_backend(cls, backend: PoseBackend, params: LabelParams | None = None) -> PoseEstimator:
        """Return an estimator around a backend that is loaded already; `params` are those it was loaded with."""
        estimator = cls.__new__(cls)
        estimator.params, estimator._backend, estimator._loading = params or LabelParams(), backend, Lock()
        return estimator

    @property
    def backend(self) -> PoseBackend:
        """The loaded backend."""
        return self._require_loaded()

    def load(self) -> PoseEstimator:
        """Load the network now rather than on first use, and return the estimator."""
        self._require_loaded()
        return self

    @property
    def skeleton(self) -> Skeleton:
        """Skeleton of the poses."""
        return self.backend.skeleton

    def _require_loaded(self) -> PoseBackend:
        with self._loading:  # of several threads one loads
            if self._backend is None:
                from posemill.estimation.factory import load_backend

                self._backend = load_backend(self.params.backend, self.params)
            return self._backend

    def describe(self) -> dict[str, Any]:
        """Return everything that changes keypoints (backend, checkpoint digest, code, parameters), as JSON values."""
        return self.backend.describe()

    @cached_property
    def pose_fingerprint(self) -> str:
        """Name of the poses, as SHA-256 (hex); equal fingerprints give equal poses of the same file."""
        return pose_fingerprint(self.describe(), self.params)

    @cached_property
    def fingerprint(self) -> str:
        """Name of the tracks, as SHA-256 (hex)."""
        return fingerprint(self.describe(), self.params)

    def predict(self, images: Sequence[Image]) -> list[list[Pose]]:
        """Estimate the poses of everybody in each picture.

        Args:
            images: (H, W, 3) uint8 RGB arrays, any sizes.

        Returns:
            For every picture its people, the most confident first; coordinates in pixels of that picture.

        Raises:
            InputError: something else than such arrays.
        """
        for image in images:
            _require_picture(image)
        roi = self.params.roi
        regions = [Region.of_shares(roi, *image.shape[:2]) if roi else None for image in images]
        cropped = [region.crop(image) if region else image for region, image in zip(regions, images, strict=True)]
        poses = self.backend.poses(cropped)
        found = [region.to_image(people) if region else people for region, people in zip(regions, poses, strict=True)]
        return [sorted(people, key=lambda pose: -pose.person_confidence) for people in found]

    def live(self) -> Callable[[Image], list[Pose]]:
        """Return a function that estimates the poses of successive frames of one live stream as they come.

        Frames must have one size. It keeps the orientation of people who lie from frame to frame, as `stream` does, and
        so costs little more than the plain network; `predict` runs every picture in four orientations.
        """
        backend, roi = self.backend, self.params.roi
        one_by_one = backend.one_by_one() if isinstance(backend, LiveBackend) else None

        def poses(image: Image) -> list[Pose]:
            if one_by_one is None:
                return self.predict([image])[0]
            _require_picture(image)
            region = Region.of_shares(roi, image.shape[0], image.shape[1]) if roi else None
            people = one_by_one(region.crop(image) if region else image)
            return sorted(region.to_image(people) if region else people, key=lambda pose: -pose.person_confidence)

        return poses

    def stream(
        self, path: Path | str, span: FrameSpan | None = None, on_frame: OnFrame | None = None, sandboxed: bool = False
    ) -> Generator[FramePoses, None, None]:
        """Yield the poses of a video frame by frame; memory is bounded however long it is.

        Args:
            path: video file.
            span: frames to read; None = the whole video.
            on_frame: called with every frame's poses after they were yielded; an error of it ends the stream.
            sandboxed: decode in a separate process with bounded time and memory, for untrusted files.

        Raises:
            UnreadableMedia: the file is no video, or only its end is unreadable.
        """
        return stream_poses(Path(path), self.backend, self.params, span, on_frame, sandboxed=sandboxed)

    def track(self, path: Path | str, on_frame: OnFrame | None = None, sandboxed: bool = False) -> MediumTracks:
        """Track everybody in a video. A video without people gives no track and is no error.

        Args:
            path: video file.
            on_frame: called with every frame's poses, for progress; an error of it ends the work.
            sandboxed: decode in a separate process with bounded time and memory, for untrusted files.

        Raises:
            UnreadableMedia: the file is no video, or its end is cut off.
        """
        path = Path(path)
        if sandboxed:
            from posemill.video.sandboxed import probe_sandboxed

            facts = probe_sandboxed(path)
        else:
            facts = probe(path)
        with path.open("rb") as file:
            medium = hashlib.file_digest(file, "sha256").hexdigest()
        frames = self.stream(path, on_frame=on_frame, sandboxed=sandboxed)
        tracks = self.follow(frames, medium, (facts.width_px, facts.height_px), facts.duration_s)
        return replace(tracks, source=path)

    def follow(
        self, frames: Iterable[FramePoses], medium: str, size_px: tuple[int, int], duration_s: float = 0.0
    ) -> MediumTracks:
        """Track people through poses that are known already, without running the network.

        Args:
            frames: successive frames of one video, as `stream` yields them.
            medium: SHA-256 (hex) of the video file, or another name of it.
            size_px: width and height of the video.
            duration_s: of the video; the time of the last frame if that is later.
        """
        tracker = Tracker(self.skeleton, self.params.tracking)
        numbers, times_s = array("i"), array("d")
        for frame in frames:
            tracker.update(frame.frame, frame.time_s, frame.poses)
            numbers.append(frame.frame)
            times_s.append(frame.time_s)
        analysed = FrameTimes(np.array(numbers, np.int32), np.array(times_s, np.float64))
        return MediumTracks(
            medium=medium,
            labeller=self.fingerprint,
            skeleton=self.skeleton,
            width_px=size_px[0],
            height_px=size_px[1],
            frames=len(analysed),
            duration_s=max(duration_s, times_s[-1] if times_s else 0.0),
            tracks=tracker.tracks(),
            analysed=analysed,
        )


def _params(backend: str | None, params: LabelParams, settings: dict[str, Any]) -> LabelParams:
    """The parameters with the settings in them. Another backend than that of `params` takes its usual checkpoint."""
    name = backend or params.backend
    changed: dict[str, Any] = dict(settings)
    if name != params.backend:
        changed = {"backend": name, "checkpoint": find_backend(name).checkpoint, "checkpoint_sha256": None} | changed
    if not changed:
        return params
    try:
        return LabelParams.model_validate(params.model_dump() | changed)
    except ValidationError as exc:
        faults = validation_faults(exc, given=True)
        raise InputError(f"settings of the pose estimator: {faults}") from exc


def _require_picture(image: Image) -> None:
    shape, kind = getattr(image, "shape", None), getattr(image, "dtype", None)
    if kind != np.uint8 or shape is None or len(shape) != 3 or shape[2] != 3 or min(shape) < 1:
        came = type(image).__name__ if shape is None else f"{kind} of shape {shape}"
        raise InputError(f"pictures should be a list of (H, W, 3) uint8 RGB arrays, came {came}")
