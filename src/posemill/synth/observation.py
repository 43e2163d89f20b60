"""Motion as a pose estimator would give it: random cameras with cuts, and an estimator's errors, by batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.float64]  # (B, T, 12, 3 or 2)
Mask = NDArray[np.bool_]

_EXCHANGED = np.array([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10])  # left and right of body-12
_MOST_CUTS = 5
_SMOOTHING_BINS = (1, 3, 9, 25)  # errors of an estimator are alike in neighbouring frames
# keypoints that are poorly found together: legs, feet, an arm, a side
_GROUPS: tuple[tuple[int, ...], ...] = (
    (8, 9, 10, 11),
    (6, 7, 8, 9, 10, 11),
    (4, 5),
    (2, 4),
    (3, 5),
    (0, 2, 4),
    (1, 3, 5),
    (7, 9, 11),
    (6, 8, 10),
    (10, 11),
)
_HIDDEN = ((8, 9, 10, 11), (10, 11), (4, 5), (2, 4))


def moving_mean(values: NDArray[np.floating], size: int) -> Batch:
    """Return the mean over `size` neighbours along axis 1, the ends repeated."""
    if size <= 1:
        return np.asarray(values, np.float64)
    before = size // 2 + 1
    padded = np.pad(values, ((0, 0), (before, size - before)) + ((0, 0),) * (values.ndim - 2), "edge")
    total = np.cumsum(padded, axis=1, dtype=np.float64)
    return np.asarray((total[:, size:] - total[:, :-size]) / size)


def project(rng: np.random.Generator, points: Batch, cuts: Mask) -> Batch:
    """Project motion by random cameras: mostly level, some from above, some pictures lying on a side, some moving.

    points  (B, T, 12, 3) metres; cuts (B, T) true where another camera may take over.
    Returns (B, T, 12, 2), y down, in no particular unit.
    """
    b, t = points.shape[:2]
    stray = (rng.random((b, 1)) < 0.2) & (rng.random((b, t)) < 1.5 / t)
    shot = np.minimum(np.cumsum((cuts & (rng.random((b, 1)) < 0.8)) | stray, axis=1), _MOST_CUTS)
    cameras = np.stack([_cameras(rng, b) for _ in range(_MOST_CUTS + 1)], axis=1)
    azimuth, elevation, roll, distance = np.moveaxis(np.take_along_axis(cameras, shot[..., None], axis=1), -1, 0)
    pans = np.where(rng.random(b) < 0.2, rng.normal(0, 0.5, b), 0)
    azimuth = azimuth + pans[:, None] * np.linspace(-1, 1, t)
    seen = points @ np.swapaxes(_rotation(azimuth, elevation, roll), -1, -2)
    seen = seen - seen.mean((1, 2), keepdims=True)
    depth = np.maximum(distance[..., None] + seen[..., 2] + 0.6, 0.35)
    return np.stack([seen[..., 0] / depth, -seen[..., 1] / depth], axis=-1)


def _cameras(rng: np.random.Generator, b: int) -> Batch:
    """Return (B, 4): azimuth, elevation, roll in radians, and distance in metres."""
    azimuth = np.where(rng.random(b) < 0.6, rng.uniform(-1.8, 1.8, b), rng.uniform(-np.pi, np.pi, b))
    above = rng.random(b) < 0.06
    elevation = np.where(above, rng.uniform(0.6, 1.5, b), np.radians(rng.normal(8, 14, b)))
    lying = np.where(rng.random(b) < 0.04, rng.choice([-1, 1], b) * np.pi / 2, 0)
    roll = np.radians(rng.normal(0, 4, b)) + lying
    return np.stack([azimuth, elevation, roll, np.exp(rng.uniform(np.log(1.6), np.log(8), b))], axis=-1)


def _rotation(azimuth: Batch, elevation: Batch, roll: Batch) -> Batch:
    zero, one = np.zeros_like(azimuth), np.ones_like(azimuth)

    def matrix(*rows: Batch) -> Batch:
        return np.stack(rows, axis=-1).reshape(*azimuth.shape, 3, 3)

    ca, sa, ce, se, cr, sr = (f(angle) for angle in (azimuth, elevation, roll) for f in (np.cos, np.sin))
    turned = matrix(ca, zero, -sa, zero, one, zero, sa, zero, ca)
    tilted = matrix(one, zero, zero, zero, ce, se, zero, -se, ce)
    rolled = matrix(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    return np.asarray(rolled @ tilted @ turned)


def estimated(rng: np.random.Generator, points: Batch) -> tuple[Batch, Mask]:
    """Add an estimator's errors: jitter, poorly found limbs, outliers, exchanged sides, somebody else, nobody.

    points   (B, T, 12, 2).
    Returns  the points with errors, and (B, T, 12) what is found at all.
    """
    b, t = points.shape[:2]
    extent = np.ptp(points, axis=2).mean((1, 2))[:, None, None, None]
    found = points + extent * _jitter(rng, points.shape)
    for _ in range(2):
        found = _poor_group(rng, found, extent)
    for _ in range(3):
        which = _bursts(rng, b, t, 4, (1, 5), 0.5)[:, :, None] & (
            rng.random((b, 1, 12)) < rng.uniform(0.1, 0.6, (b, 1, 1))
        )
        found = np.where(which[..., None], found + rng.normal(size=points.shape) * extent * 0.25, found)
    exchanged = found[:, :, _EXCHANGED].copy()
    legs_only = rng.random(b) >= 0.5
    exchanged[legs_only, :, :6] = found[legs_only, :, :6]
    found = np.where(_bursts(rng, b, t, 4, (1, 8), 0.3)[..., None, None], exchanged, found)
    other = found.mean((1, 2), keepdims=True) + rng.normal(size=(b, 1, 12, 2)) * extent * 0.3
    other = other + moving_mean(rng.normal(size=points.shape), 3) * extent * 0.3
    found = np.where(_bursts(rng, b, t, 2, (2, 40), 0.2)[..., None, None], other, found)
    return found, _found(rng, b, t)


def _jitter(rng: np.random.Generator, shape: tuple[int, ...]) -> Batch:
    b = shape[0]
    size = np.exp(rng.uniform(np.log(0.002), np.log(0.035), (b, 1, 1, 1))) * np.exp(rng.normal(0, 0.6, (b, 1, 12, 1)))
    shares = rng.dirichlet(np.full(len(_SMOOTHING_BINS), 0.7), b)
    total = np.zeros(shape)
    for i, bins in enumerate(_SMOOTHING_BINS):
        total += shares[:, i, None, None, None] * moving_mean(rng.normal(size=shape), bins) * np.sqrt(bins)
    return np.asarray(total * size)


def _poor_group(rng: np.random.Generator, points: Batch, extent: Batch) -> Batch:
    group = np.zeros((len(points), 12), bool)
    for i in np.flatnonzero(rng.random(len(points)) < 0.12):
        group[i, list(_GROUPS[rng.integers(len(_GROUPS))])] = True
    error = moving_mean(rng.normal(size=points.shape), 7) * np.sqrt(7)
    size = rng.uniform(0.02, 0.12, (len(points), 1, 1, 1))
    return np.asarray(np.where(group[:, None, :, None], points + error * extent * size, points))


def _bursts(rng: np.random.Generator, b: int, t: int, rate: float, length: tuple[int, int], share: float) -> Mask:
    """Return (B, T) true in random short spans of a share of the sequences."""
    which = np.zeros((b, t), bool)
    for i in np.flatnonzero(rng.random(b) < share):
        for _ in range(rng.poisson(rate) + 1):
            start = rng.integers(t)
            which[i, start : start + rng.integers(length[0], length[1] + 1)] = True
    return which


def _found(rng: np.random.Generator, b: int, t: int) -> Mask:
    found = np.ones((b, t, 12), bool)
    found &= ~_bursts(rng, b, t, 3, (1, 6), 0.4)[..., None]
    found &= ~_bursts(rng, b, t, 1, (8, 60), 0.2)[..., None]
    for _ in range(2):
        found &= ~(_bursts(rng, b, t, 3, (1, 20), 0.25)[:, :, None] & (rng.random((b, 1, 12)) < 0.3))
    for i in np.flatnonzero(rng.random(b) < 0.08):
        found[i][:, list(_HIDDEN[rng.integers(len(_HIDDEN))])] = False
    return found
