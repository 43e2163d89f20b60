"""Camera view of a pose and the projection error of its angles, by comparison with reference poses.

The reference poses are bodies in space (rendered people with and without form faults). Each is seen from 36 azimuths
and three camera heights; a pose in the picture is compared with all of them. Those that look alike say from where the
camera looks, and how far an angle measured in the picture is from the true one there: mean and spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from posemill.applications.coach.measures import KEYPOINTS, KINDS, Flags, Floats, Seen
from posemill.applications.coach.rules import Measure

AZIMUTHS_DEG = tuple(range(0, 360, 10))  # 0 = from the front, 90 = from the person's left
HEIGHTS_M = (0.4, 1.1, 2.0)
DISTANCE_M = 3.5
SIDE_DEG, FRONT_DEG = 65, 50  # widest angle to the profile, and to front or back, that still counts as such a view
SOFTNESS = 0.004  # of the weights: relative squared residual of keypoint noise and of the gaps between references
# arms differ between people who do the same exercise
_WEIGHT = np.array([0.5 if "elbow" in k or "wrist" in k else 0.4 if "eye" in k else 1.0 for k in KEYPOINTS])


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """From where the camera seems to look at a person.

    azimuth_deg   0 = from the front, 90 = from the person's left, 180 = from behind, -90 = from the right.
    side          0..1 probability of a view within 65 degrees of the profile; front: within 50 of front or back.
    near_left     0..1 probability that the person's left is toward the camera.
    px_per_m      scale of the picture at the person.
    distance      0 = just like a reference pose; above about 0.04 the person does something else.
    weights       (M,) of the reference views; alike: (A,) numbers of those that have any.
    """

    azimuth_deg: float
    side: float
    front: float
    near_left: float
    px_per_m: float
    distance: float
    weights: NDArray[np.float64]
    alike: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """A measure in space estimated from the picture: value and standard error, in the measure's unit.

    in_picture  the value as measured in the picture.
    """

    value: float
    error: float
    in_picture: float


class References:
    """Reference poses of one exercise, seen from everywhere.

    space     (N, 17, 3) metres: forward, up, left of the body.
    """

    def __init__(self, space: Floats) -> None:
        self.space = np.asarray(space, np.float64)
        views = [(a, h) for h in HEIGHTS_M for a in AZIMUTHS_DEG]
        self.azimuth = np.repeat(np.deg2rad([a for a, _ in views]), len(space))
        self.picture = np.concatenate([_project(self.space, np.deg2rad(a), h) for a, h in views])
        self._flat = self.picture.reshape(len(self.picture), -1).astype(np.float32)
        self._square = self._flat**2
        self._left: Flags = np.sin(self.azimuth) > 0

    def view(self, points: Floats) -> View:
        """Compare a pose with all reference views. points (17, 2): x to the right, y up, NaN = not seen."""
        seen = np.asarray(np.isfinite(points).all(-1), bool)
        weight: Floats = _WEIGHT * seen
        total = weight.sum()
        shape = np.where(seen[:, None], points, 0.0)
        shape = (shape - (weight[:, None] * shape).sum(0) / total) * seen[:, None]
        size = (weight[:, None] * shape**2).sum()
        both = np.repeat(weight, 2).astype(np.float32)
        product = self._flat @ (both * shape.ravel()).astype(np.float32)
        middle = np.stack([self._flat[:, i::2] @ both[i::2] for i in (0, 1)], 1)
        norm = self._square @ both - (middle**2).sum(1) / total
        cosine = np.maximum(product, 0.0) / np.sqrt(np.maximum(norm * size, 1e-12))
        distance = 1 - cosine.astype(np.float64) ** 2
        best = int(distance.argmin())
        alike = np.flatnonzero(distance < distance[best] + 9 * SOFTNESS)
        weights = np.zeros(len(distance))
        weights[alike] = np.exp(-(distance[alike] - distance[best]) / SOFTNESS)
        weights /= weights.sum()
        return self._described(weights, alike, float(distance[best]), float(size / max(float(product[best]), 1e-9)))

    def _described(self, weights: Floats, alike: NDArray[np.int64], distance: float, px_per_m: float) -> View:
        share, azimuth = weights[alike], self.azimuth[alike]
        sine, cosine = np.sin(azimuth), np.cos(azimuth)
        return View(
            azimuth_deg=float(np.degrees(np.arctan2((share * sine).sum(), (share * cosine).sum()))),
            side=float(share[np.abs(sine) >= np.cos(np.deg2rad(SIDE_DEG))].sum()),
            front=float(share[np.abs(cosine) >= np.cos(np.deg2rad(FRONT_DEG))].sum()),
            near_left=float(share[self._left[alike]].sum()),
            px_per_m=px_per_m,
            distance=distance,
            weights=weights,
            alike=alike,
        )

    @cached_property
    def in_picture(self) -> Seen:
        """Every reference view in its side frame."""
        return Seen(sided(self.picture, self._left), self._left)

    @lru_cache(maxsize=64)  # noqa: B019 - references live as long as the process
    def projection_error(self, measure: Measure) -> Floats:
        """Return (M,) the true value less the value in the picture, of every reference view; NaN where undefined."""
        function = KINDS[measure.kind].function
        count = len(self.picture) // len(self.space)
        truth = np.stack(
            [function(Seen(self.space, np.full(len(self.space), near)), *measure.points) for near in (False, True)]
        )
        space = np.tile(truth, count)
        true = np.where(self._left, space[1], space[0])
        return np.asarray(true - function(self.in_picture, *measure.points))

    def estimate(self, points: Floats, view: View, measure: Measure, keypoint_error_m: float) -> Estimate | None:
        """Estimate a measure in space; None where a keypoint that it needs is not seen.

        points (17, 2): x to the right, y up. keypoint_error_m: standard error of the keypoints, across the view.
        """
        function = KINDS[measure.kind].function
        sides = [
            function(_jittered(points, left, keypoint_error_m * view.px_per_m), *measure.points) for left in (0, 1)
        ]
        needed = [s for s, share in zip(sides, (1 - view.near_left, view.near_left), strict=True) if share > 0.02]
        if any(np.isnan(s[0]) for s in needed):
            return None
        alike = view.alike
        error, left, weights = self.projection_error(measure)[alike], self._left[alike], view.weights[alike]
        values = np.where(left, sides[1][0], sides[0][0]) + error
        known = np.isfinite(values)
        if weights[known].sum() < 0.5:
            return None
        values, weights = values[known], weights[known] / weights[known].sum()
        in_picture, *jittered = sides[int(view.near_left >= 0.5)]
        mean = float((weights * values).sum())
        spread = float((weights * (values - mean) ** 2).sum())
        # a mean error that is smaller than its spread is taken off in part only, as in James and Stein's estimator
        correction = (mean - in_picture) ** 3 / max((mean - in_picture) ** 2 + spread, 1e-12)
        value = float(in_picture + correction)
        noise = float(np.nansum((np.array(jittered) - in_picture) ** 2))
        return Estimate(value, float(np.sqrt(spread + (mean - value) ** 2 + noise)), float(in_picture))


@cache
def references_of(exercise: str) -> References:
    """Return the reference poses of an exercise."""
    with as_file(files(__package__) / "reference_poses.npz") as path, np.load(path) as poses:
        return References(poses[exercise])


def sided(points: Floats, near_left: Flags) -> Floats:
    """Return points (..., 17, 2) in the side frame: whose left is toward the camera faces left in the picture."""
    facing = np.where(near_left, -1.0, 1.0)[..., None, None]
    return np.asarray(points * np.concatenate([facing, np.ones_like(facing)], -1))


def _jittered(points: Floats, near_left: int, step: float) -> Seen:
    """The pose in the side frame, followed by every keypoint moved by a step in x, and in y: (1 + 34, 17, 2)."""
    moves = np.concatenate([np.zeros((1, 34)), step * np.eye(34)]).reshape(-1, *points.shape)
    left = np.full(len(moves), bool(near_left))
    return Seen(sided(points + moves, left), left)


def _project(space: Floats, azimuth: float, height_m: float) -> Floats:
    """(N, 17, 2) the poses before a pinhole camera, metres at the body's middle: x to the right, y up."""
    target = (space.min(1) + space.max(1)) / 2
    away = np.array([np.cos(azimuth), 0.0, np.sin(azimuth)])  # forward, up, left
    place = target + DISTANCE_M * away
    place[:, 1] = height_m
    forward = target - place
    distance = np.linalg.norm(forward, axis=-1, keepdims=True)
    forward = forward / distance
    right = np.stack([forward[:, 2], np.zeros(len(space)), -forward[:, 0]], -1)  # from the front, left is at the right
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    up = _cross(right, forward)
    seen = space - place[:, None]
    depth = np.einsum("nkd,nd->nk", seen, forward)
    across = np.stack([np.einsum("nkd,nd->nk", seen, axis) for axis in (right, up)], -1)
    return np.asarray(across / depth[..., None] * distance[:, None])


def _cross(right: Floats, forward: Floats) -> Floats:
    """The upward axis of a camera, whatever the handedness of the axes."""
    up = np.cross(right, forward)
    return np.asarray(up * np.sign(up[:, 1:2]))
