"""Temporal self-similarity of poses: how like its neighbours in time each pose is, as features of a network."""

from __future__ import annotations

import numpy as np

from posemill.applications.repetitions.poses import Floats, Mask

# bins; both directions are looked at. 0.2 to 8 s at ten bins a second
LAGS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 19, 22, 26, 30, 35, 40, 46, 53, 61, 70, 80)
SPREAD_BINS = 81  # over which the mean distance is taken that others are measured by
_NEARBY_BINS = 41
_SMALLEST = 0.003  # of a squared distance: a body at rest is no periodic motion of its own noise
CHANNELS = 24 + 12 + 4 * len(LAGS) + 1


def moving_mean(values: Floats, size: int) -> Floats:
    """Return the mean over `size` neighbours along axis 1 of (B, T, ...), the ends repeated."""
    if size <= 1:
        return values
    before = size // 2 + 1
    padded = np.pad(values, ((0, 0), (before, size - before)) + ((0, 0),) * (values.ndim - 2), "edge")
    total = np.cumsum(padded, axis=1, dtype=np.float64)
    return ((total[:, size:] - total[:, :-size]) / size).astype(np.float32)


def features(poses: Floats, seen: Mask) -> Floats:
    """Return the network's input for standardised poses on the grid.

    poses    (B, T, 12, 2), 0 where not seen; seen (B, T, 12).
    Returns  (B, T, 129): the pose, what is seen of it, similarities to earlier and later poses, speed.
    """
    b, t = poses.shape[:2]
    speed = np.zeros((b, t, 1), np.float32)
    both = seen[:, 1:] & seen[:, :-1]
    steps = ((poses[:, 1:] - poses[:, :-1]) ** 2 * both[..., None]).mean((2, 3))
    speed[:, 1:, 0] = np.sqrt(steps)
    return np.concatenate([poses.reshape(b, t, 24), seen, self_similarity(poses, seen), speed], -1, dtype=np.float32)


def self_similarity(poses: Floats, seen: Mask) -> Floats:
    """Return similarities 0..1 (B, T, 4 * lags): of the poses, then of the poses with left and right made alike.

    The second are what make repetitions by the left and the right side in turn alike.
    """
    smooth = _smoothed(_held(poses, seen))
    left, right = smooth[:, :, 0::2], smooth[:, :, 1::2]
    symmetric = np.concatenate([(left + right) / 2, np.abs(left - right) / 2], axis=2)
    anything: Mask = np.asarray(seen.any(-1))
    return np.concatenate([_profile(smooth, anything), _profile(symmetric, anything)], -1)


def local_movement(poses: Floats, seen: Mask) -> Floats:
    """Return how far the keypoint that moves most moves about its mean of four seconds: (B, T), in deviations."""
    smooth = moving_mean(_held(poses, seen), 3)
    away = ((smooth - moving_mean(smooth, _NEARBY_BINS)) ** 2).sum(-1)
    return np.asarray(np.sqrt(moving_mean(away, _NEARBY_BINS)).max(-1), np.float32)


def _held(poses: Floats, seen: Mask) -> Floats:
    """Repeat the last seen place of every keypoint where it is not seen."""
    t = poses.shape[1]
    last = np.maximum.accumulate(np.where(seen, np.arange(t)[None, :, None], 0), axis=1)
    return np.take_along_axis(poses, last[..., None], 1)


def _smoothed(poses: Floats) -> Floats:
    padded = np.pad(poses, ((0, 0), (1, 1), (0, 0), (0, 0)), "edge")
    return np.asarray((padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4, np.float32)


def _profile(embedding: Floats, anything: Mask) -> Floats:
    """Return exp(-distance / mean distance nearby) at every lag, later and earlier: (B, T, 2 * lags)."""
    b, t = embedding.shape[:2]
    flat = np.ascontiguousarray(embedding.reshape(b, t, -1), dtype=np.float32)
    distance = np.zeros((b, t, 2 * len(LAGS)), np.float32)
    known = np.zeros(distance.shape, bool)
    squares = (flat * flat).mean(-1)
    for i, lag in enumerate(LAGS):
        if lag >= t:
            break
        products = np.einsum("btk,btk->bt", flat[:, lag:], flat[:, :-lag]) / flat.shape[-1]
        apart = np.maximum(squares[:, lag:] + squares[:, :-lag] - 2 * products, 0)
        both = anything[:, lag:] & anything[:, :-lag]
        distance[:, lag:, 2 * i], distance[:, :-lag, 2 * i + 1] = apart, apart
        known[:, lag:, 2 * i], known[:, :-lag, 2 * i + 1] = both, both
    count = moving_mean(known.sum(-1, keepdims=True).astype(np.float32), SPREAD_BINS)
    usual = moving_mean((distance * known).sum(-1, keepdims=True), SPREAD_BINS) / np.maximum(count, 1)
    return np.where(known, np.exp(-distance / (usual + _SMALLEST)), 0).astype(np.float32)
