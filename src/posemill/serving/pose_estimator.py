"""Pose estimator of a package: the very backend and parameters that labelled the training data."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.track import MediumTracks
from posemill.telemetry import trace

LABELLER = "labeller.json"


@dataclass(frozen=True, slots=True, eq=False)
class PackagedPoseEstimator:
    """A pose backend that is loaded once. One video at a time; pictures are looked at between a video's frames."""

    estimator: PoseEstimator
    lock: Lock

    @classmethod
    def load(cls, folder: Path) -> PackagedPoseEstimator:
        """Load labeller.json of a package. CheckpointError where the backend here would find other keypoints."""
        wanted = json.loads((folder / LABELLER).read_text())
        estimator = _estimator_class()(params=LabelParams.model_validate(wanted["params"])).load()
        _require_same(wanted.get("describes"), json.loads(json.dumps(estimator.describe())))
        return cls(estimator, Lock())

    @property
    def backend(self) -> PoseBackend:
        """The loaded backend."""
        return self.estimator.backend

    @property
    def params(self) -> LabelParams:
        """Parameters of the estimator."""
        return self.estimator.params

    def warm(self) -> None:
        """Run the network once on a usual picture, so that nothing is loaded in the first request."""
        self.poses(np.full((360, 640, 3), 127, np.uint8))

    def tracks(self, path: Path, progress: Callable[[int], None] | None = None) -> MediumTracks:
        """Return the tracks of everybody in an untrusted video. UnreadableMedia says why a file cannot be used.

        progress  gets the number of frames done since the last call; an error of it ends the work.
        """
        on_frame = None if progress is None else lambda _: progress(1)
        with self.lock:
            return self.estimator.track(path, on_frame, sandboxed=True)

    def poses(self, image: NDArray[np.uint8]) -> list[Pose]:
        """Return the poses in a picture (H, W, 3) uint8 RGB, highest confidence first."""
        return self.estimator.predict([image])[0]

    def live(self) -> Callable[[NDArray[np.uint8]], list[Pose]]:
        """Return a function that poses successive frames of one live stream, of one size."""
        return self.estimator.live()


def _estimator_class() -> type[PoseEstimator]:
    if not trace.active():
        return PoseEstimator
    from posemill.serving.traced_estimator import TracedPoseEstimator

    return TracedPoseEstimator


def _require_same(wanted: dict[str, Any] | None, actual: dict[str, Any]) -> None:
    """Training and serving must see the same keypoints; `wanted` None means the labels were imported."""
    if wanted is None or wanted == actual:
        return
    other = sorted(k for k in wanted.keys() | actual.keys() if wanted.get(k) != actual.get(k))
    raise CheckpointError(
        f"the labeller here differs from the one that labelled the training data in {', '.join(other)}: "
        "install the versions of requirements.lock, or label and train again"
    )
