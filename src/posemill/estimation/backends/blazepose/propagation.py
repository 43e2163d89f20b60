"""BlazePose between keyframes: landmarks on the squares of the frame before, as MediaPipe follows people in a video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.blazepose.backend import BlazePoseBackend, distinct
from posemill.estimation.backends.blazepose.landmarks import Landmarks
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.roi_propagation import RoiPropagatingBackend
from posemill.estimation.types import FramePoses, Pose, PoseBackend
from posemill.params.label import LabelParams

if TYPE_CHECKING:
    from posemill.video.decode import Frame

Wrap = Callable[[PoseBackend], PoseBackend]


class BlazePosePropagation(RoiPropagatingBackend):
    """See RoiPropagatingBackend, whose groups of frames it shares; `margin` has no meaning, squares have their own.

    Nobody is looked for between keyframes as long as everybody of the frame before is still in their square.
    """

    def __init__(
        self, load: Callable[[LabelParams], BlazePoseBackend], params: LabelParams, wrap: Wrap = lambda backend: backend
    ) -> None:
        super().__init__(load, params)
        self._load_blazepose, self._wrap = load, wrap
        self._blazepose = cast(BlazePoseBackend, self._full)

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        return {**super().describe(), "propagation_code": pose_code(__name__)}

    def through(self, wrap: Wrap) -> RoiPropagatingBackend:
        """See RoiPropagatingBackend."""
        return BlazePosePropagation(self._load_blazepose, self._params, wrap)

    def _group(self, frames: Sequence[Frame]) -> list[FramePoses]:
        follower = Follower(self._blazepose)
        wrapped = self._wrap(follower)
        found: list[FramePoses] = []
        for frame in frames:
            (poses,) = wrapped.poses([frame.image])
            found.append(FramePoses(frame.index, frame.time_s, poses, follower.propagated))
        return found


class Follower:
    """A PoseBackend for the successive frames of one group: it remembers the squares of the people.

    propagated  True if the last picture was posed on the squares of the one before alone.
    """

    def __init__(self, backend: BlazePoseBackend) -> None:
        self._backend = backend
        self._people: list[Landmarks] = []
        self.skeleton, self.propagated = backend.skeleton, False

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        return self._backend.describe()

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """See PoseBackend: the next frames, in order."""
        return [self._next(image) for image in images]

    def _next(self, image: NDArray[np.uint8]) -> list[Pose]:
        followed = distinct(self._backend.present(image, [person.roi for person in self._people]))
        self.propagated = bool(followed) and len(followed) == len(self._people)
        self._people = followed if self.propagated else self._backend.people(image)
        return self._backend.as_poses(self._people, image)
