"""Exercise recognition by posture rules: level or upright trunk, bending elbows, legs side by side or apart."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from posemill.applications.coach.measures import by_name
from posemill.pose.angles import joint_angles
from posemill.pose.skeleton import COCO_17, Skeleton

_SPAN_S = 3.0  # how much of the past decides
_LEVEL = 1.0  # a trunk more level than vertical is that of a plank or push-up


class ExerciseGuess:
    """Guess the exercise of one person from the last three seconds; once found it stays until another one is clear.

    A level trunk is a plank, or a push-up where the elbows bend and stretch by 35 degrees. An upright trunk with both
    knees below 135 degrees is a squat, or a lunge where one foot is more than 0.6 leg lengths from the other or the
    thighs differ.
    """

    def __init__(self) -> None:
        self.exercise: str | None = None
        self._past: deque[tuple[float, str | None, float]] = deque()

    def update(
        self,
        time_s: float,
        xy: NDArray[np.floating],
        confidence: NDArray[np.floating],
        skeleton: Skeleton,
    ) -> str | None:
        """Take the pose of a frame; return the exercise, None = not known yet. xy (K, 2) pixels, confidence (K,)."""
        points = by_name(np.where((confidence >= 0.2)[:, None], xy, np.nan), skeleton)
        angles = joint_angles(points, COCO_17)
        elbow = _mean(angles["elbow_left"], angles["elbow_right"])
        self._past.append((time_s, _posture(points, angles), elbow))
        while time_s - self._past[0][0] > _SPAN_S:
            self._past.popleft()
        self.exercise = self._decided() or self.exercise
        return self.exercise

    def _decided(self) -> str | None:
        """The exercise of the last three seconds; None where most frames tell nothing."""
        names = [name for _, name, _ in self._past if name]
        if len(names) < 3:
            return None
        name = max(set(names), key=names.count)
        if name == "level":
            if names.count(name) < 0.6 * len(self._past):
                return None
            elbows = np.array([elbow for _, _, elbow in self._past])
            low, high = np.nanpercentile(elbows, [5, 95]) if np.isfinite(elbows).any() else (0.0, 0.0)
            return "push_up" if high - low > 35 else "plank"
        return name


def _posture(points: NDArray[np.floating], angles: dict[str, NDArray[np.float64]]) -> str | None:
    """`level`, `squat` or `lunge`; None where the posture tells nothing, as standing."""
    shoulder, hip = (_middle(points, part) for part in ("shoulder", "hip"))
    trunk = np.abs(shoulder - hip)
    if not np.isfinite(trunk).all():
        return None
    if trunk[0] > _LEVEL * trunk[1]:
        return "level" if _straight(points) else None
    left, right = float(angles["knee_left"]), float(angles["knee_right"])
    if not max(left, right) < 135:  # also where one is not seen
        return None
    return "lunge" if _legs_apart(points) else "squat"


def _straight(points: NDArray[np.floating]) -> bool:
    """True if the ankles are far from the shoulders along the floor, as in a plank; not so for who bends forward."""
    shoulder, hip, ankle = (_middle(points, part) for part in ("shoulder", "hip", "ankle"))
    return bool(abs(ankle[0] - shoulder[0]) > 1.5 * abs(hip[0] - shoulder[0]))


def _legs_apart(points: NDArray[np.floating]) -> bool:
    index = COCO_17.index
    feet = points[index("left_ankle")] - points[index("right_ankle")]
    thighs = [points[index(f"{s}_knee")] - points[index(f"{s}_hip")] for s in ("left", "right")]
    shanks = [points[index(f"{s}_ankle")] - points[index(f"{s}_knee")] for s in ("left", "right")]
    leg = max(float(np.linalg.norm(t) + np.linalg.norm(s)) for t, s in zip(thighs, shanks, strict=True))
    knees = points[index("left_knee"), 1] - points[index("right_knee"), 1]
    return bool(abs(feet[0]) > 0.6 * leg or abs(knees) > 0.22 * leg)


def _middle(points: NDArray[np.floating], part: str) -> NDArray[np.floating]:
    both = points[[COCO_17.index(f"{s}_{part}") for s in ("left", "right")]]
    seen = np.isfinite(both).all(-1)
    return np.asarray(both[seen].mean(0) if seen.any() else np.full(2, np.nan))


def _mean(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    known = [float(v) for v in (left, right) if np.isfinite(v)]
    return sum(known) / len(known) if known else float("nan")
