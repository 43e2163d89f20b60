"""Pose estimator: images or a video → poses and tracks, with any registered backend."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.estimation.types import FramePoses, Pose, load_backend
from posemill.params.label import LabelParams
from posemill.pose.topology import Skeleton
from posemill.pose.track import MediumTracks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class PoseEstimator:
    """Finds everybody's keypoints in images and videos; the backend is imported now, and kept.

    backend   name in the register of pose backends.
    params    the label section of params.yaml; `settings` replace single fields of it.

    Examples:
        >>> PoseEstimator("posenet", long_edge_px=257).skeleton.name
        'coco-17'
    """

    def __init__(self, backend: str = "openpifpaf", *, params: LabelParams | None = None, **settings: Any) -> None:
        fields = (params or LabelParams()).model_dump() | {"backend": backend} | settings
        self.params = LabelParams.model_validate(fields)
        self.backend = load_backend(self.params.backend, self.params)

    @property
    def skeleton(self) -> Skeleton:
        """Keypoints that the backend finds."""
        return self.backend.skeleton

    def predict(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """Return everybody's poses in each image (H, W, 3) uint8 RGB."""
        return self.backend.poses(images)

    def stream(self, path: Path | str, *, sandboxed: bool = False) -> Iterator[FramePoses]:
        """Yield the poses of every frame of a video, in order."""
        from posemill.estimation.video import find_poses

        return find_poses(Path(path), self.backend, self.params, apart=sandboxed)

    def track(
        self, path: Path | str, on_frame: Callable[[int], None] | None = None, sandboxed: bool = False
    ) -> MediumTracks:
        """Return the tracks of everybody in a video. Errors: UnreadableMedia where it cannot be decoded."""
        from posemill.estimation.video import label_medium

        path = Path(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        tracks = label_medium(path, digest, self.backend, self.params, on_frame, apart=sandboxed)
        return replace(tracks, source=path)
