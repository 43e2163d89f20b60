"""Count repetitions in an array of poses: `count_repetitions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.applications.repetitions.poses import standardise
from posemill.applications.repetitions.subject import Repetition, SubjectCounter
from posemill.errors import InputError
from posemill.pose.skeleton import BODY_12, Skeleton, conversion_index
from posemill.pose.unseen import hide_not_found

if TYPE_CHECKING:
    from posemill.applications.repetitions.params import RepetitionParams

UNKNOWN_FPS = 30.0


@dataclass(frozen=True, slots=True)
class RepetitionResult:
    """Repetitions of one body.

    repetitions  in order of time.
    duration_s   of the poses.
    """

    repetitions: tuple[Repetition, ...]
    duration_s: float

    @property
    def count(self) -> int:
        """Return how many there are."""
        return len(self.repetitions)


def count_repetitions(
    poses: NDArray[np.floating],
    skeleton: Skeleton,
    fps: float | None = None,
    params: RepetitionParams | None = None,
) -> RepetitionResult:
    """Count the repetitions of one body, whatever it repeats.

    Args:
        poses: (T, K, 2) or (T, K, 3): x, y and, not used, z. Any unit, even stretched to 0..1 in every frame; NaN or
            0, 0 = not seen, a frame of nothing but these = nobody.
        skeleton: with at least the keypoints of body-12.
        fps: frames per second; None = not known, taken for 30.
        params: of the counter; None = the defaults.

    Raises:
        InputError: the shape does not fit the skeleton, or fps is not positive.
        SkeletonError: the skeleton lacks a keypoint of the body.
    """
    points = np.asarray(poses, np.float64)
    if points.ndim != 3 or points.shape[1] != len(skeleton.keypoints) or points.shape[2] not in (2, 3):
        raise InputError(
            f"poses should be (T, {len(skeleton.keypoints)}, 2 or 3) for {skeleton.name}; got {points.shape}"
        )
    rate = UNKNOWN_FPS if fps is None else fps
    if not rate > 0:
        raise InputError(f"fps should be positive; got {fps}")
    body = hide_not_found(points[:, conversion_index(skeleton, BODY_12), :2])[0]
    if params is None:
        from posemill.applications.repetitions.params import RepetitionParams

        params = RepetitionParams()
    counter = SubjectCounter(params.lookahead_s, params.least_range_deg)
    standard, seen = standardise(body)
    found: list[Repetition] = []
    for i in range(len(body)):
        found += counter.update_standardised(i / rate, body[i], standard[i], seen[i])
    return RepetitionResult((*found, *counter.finish()), len(body) / rate)
