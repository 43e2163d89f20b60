"""What every pose backend offers, and how one is loaded by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.estimation.registry import find_backend
from posemill.pose.skeleton import Skeleton


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """One person in one frame.

    xy          (K, 2) float32, pixels of the given picture, origin top-left; NaN = not seen.
    confidence  (K,) float32, 0..1; 0 where not seen.
    person_confidence  0..1, the backend's own figure for the whole person.
    """

    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    person_confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class FramePoses:
    """Everybody found in one frame of a video, before anybody is followed.

    frame   number of the frame in the video, from 0.
    time_s  seconds from the first frame.
    hinted  only the surroundings of the people in the frame before were looked at, see hinted.py.
    """

    frame: int
    time_s: float
    poses: Sequence[Pose]
    propagated: bool = False


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """Frames of a video from `start` to before `end` (None: to its end)."""

    start: int = 0
    end: int | None = None


class PoseBackend(Protocol):
    """Finds the people in pictures."""

    skeleton: Skeleton

    def describe(self) -> dict[str, Any]:
        """Everything that changes keypoints (backend, checkpoint digest, runtime, parameters), as JSON values."""
        ...

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """Poses for every picture. images: (H, W, 3) uint8 RGB, any size."""
        ...


def load_backend(name: str, params: Any) -> PoseBackend:
    """The backend of that name, imported now, with the looks of the parameters; unknown names list the known ones."""
    entry = find_backend(name)
    if params.tta.enabled:
        from posemill.estimation.tta.ensemble import with_tta

        return with_tta(entry.load, params)
    if params.roi_propagation:
        if not entry.sizes:
            raise InputError(
                f"label.roi_propagation saves nothing with backend {name}, which looks close up at people anyway: "
                "set it to null"
            )
        from posemill.estimation.roi_propagation import RoiPropagatingBackend

        return RoiPropagatingBackend(entry.load, params)
    backend: PoseBackend = entry.load(params)
    return backend
