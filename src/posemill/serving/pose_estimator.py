"""Pose estimator of a package: the very backend and parameters that labelled the training data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.estimation.types import Pose, PoseBackend, load_backend
from posemill.params.label import LabelParams
from posemill.pose.track import MediumTracks

LABELLER = "labeller.json"


@dataclass(frozen=True, slots=True, eq=False)
class PackagedPoseEstimator:
    """A pose backend that is loaded once. One video at a time; pictures are looked at between a video's frames."""

    backend: PoseBackend
    params: LabelParams
    lock: Lock

    @classmethod
    def load(cls, folder: Path) -> PackagedPoseEstimator:
        """Load labeller.json of a package. CheckpointError where the backend here would find other keypoints."""
        wanted = json.loads((folder / LABELLER).read_text())
        params = LabelParams.model_validate(wanted["params"])
        backend = load_backend(wanted["backend"], params)
        _require_same(wanted.get("describes"), json.loads(json.dumps(backend.describe())))
        return cls(backend, params, Lock())

    def warm(self) -> None:
        """Run the network once on a usual picture, so that nothing is loaded in the first request."""
        self.poses(np.full((360, 640, 3), 127, np.uint8))

    def tracks(self, path: Path, progress: Callable[[int], None] | None = None) -> MediumTracks:
        """Return the tracks of everybody in an untrusted video. UnreadableMedia says why a file cannot be used.

        progress  gets the number of frames done since the last call; an error of it ends the work.
        """
        from posemill.estimation.video import label_medium

        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with self.lock:
            tracks: MediumTracks = label_medium(path, digest, self.backend, self.params, progress, apart=True)
        return tracks

    def poses(self, image: NDArray[np.uint8]) -> list[Pose]:
        """Return the poses in a picture (H, W, 3) uint8 RGB, highest confidence first."""
        from posemill.estimation.region import Region

        region = Region.of_shares(self.params.roi, *image.shape[:2]) if self.params.roi else None
        (poses,) = self.backend.poses([region.cut(image) if region else image])
        poses = region.back(poses) if region else poses
        return sorted(poses, key=lambda pose: -pose.person_confidence)


def _require_same(wanted: dict[str, Any] | None, actual: dict[str, Any]) -> None:
    """Training and serving must see the same keypoints; `wanted` None means the labels were imported."""
    if wanted is None or wanted == actual:
        return
    other = sorted(k for k in wanted.keys() | actual.keys() if wanted.get(k) != actual.get(k))
    raise CheckpointError(
        f"the labeller here differs from the one that labelled the training data in {', '.join(other)}: "
        "install the versions of requirements.lock, or label and train again"
    )
