"""Keypoints as a pose network would report them: exact ones with jitter, jumps, swapped sides, gaps and confidences.

Errors are in parts of the person's size, the longer side of the box around the pose, as in features/labeller_noise.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import COCO_17
from posemill.synth.rotation import Floats

Bools = NDArray[np.bool_]
# error of each keypoint on people who stand, in thousandths of their size
_ERROR = np.array([7, 6, 6, 8, 8, 12, 12, 16, 16, 21, 21, 17, 17, 17, 17, 20, 20]) / 1000
_CONFIDENCE = np.array([78, 78, 78, 72, 72, 86, 86, 78, 78, 70, 70, 84, 84, 80, 80, 74, 74]) / 100
_LEGS = [COCO_17.index(f"{s}_{p}") for p in ("knee", "ankle") for s in ("left", "right")]
LEAST_SEEN = 4  # keypoints of a person who is reported


@dataclass(frozen=True, slots=True)
class Labeller:
    """Quality of a pose network on one camera.

    error     times the usual error.
    lying     times the error and the gaps when the trunk is level: networks see lying people badly.
    swaps_hz, jumps_hz, gaps_hz  events a second: sides exchanged, one keypoint elsewhere, one keypoint lost.
    missed_hz  a second: the whole person is not found for a while.
    """

    error: float
    lying: float
    swaps_hz: float
    jumps_hz: float
    gaps_hz: float
    missed_hz: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Labeller:
        """Some network on some camera."""
        error = float(np.exp(rng.normal(0, 0.35)))
        return cls(
            error=error,
            lying=rng.uniform(1.2, 2.6),
            swaps_hz=0.03 * error,
            jumps_hz=0.04 * error,
            gaps_hz=0.05 * error,
            missed_hz=0.01 * error,
        )


def estimate(
    exact: Floats, size_px: tuple[int, int], fps: float, labeller: Labeller, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Keypoints and confidences as reported; a person who is not reported in a frame has NaN in all of it.

    exact    (T, 17, 2) pixels, NaN where it is behind the camera; may be outside the picture.
    size_px  (width, height) of the picture.
    Returns  (T, 17, 2) float32 pixels with NaN = not seen, and (T, 17) float32 confidence, 0 where not seen.
    """
    body = np.nan_to_num(np.ptp(exact, axis=1).max(-1), nan=1.0)
    hard = 1 + (labeller.lying - 1) * _level(exact)
    strength = labeller.error * hard[:, None] * _ERROR
    xy = _swap(exact, fps, labeller, rng)
    error = (
        0.7 * _slow(xy.shape, 0.35 * fps, rng) + 0.45 * rng.normal(size=xy.shape) + 0.6 * _slow(xy.shape, 4 * fps, rng)
    )
    jumping = _spells(xy.shape[:2], labeller.jumps_hz * hard, fps, 0.25, rng)
    far = np.where(jumping[..., None], 0.12 * _slow(xy.shape, 0.4 * fps, rng), 0.0)
    off = error * strength[..., None] + far
    xy = xy + off * body[:, None, None]
    confidence = _CONFIDENCE + 0.06 * _slow(xy.shape[:2], 0.5 * fps, rng) + 0.04 * rng.normal(size=xy.shape[:2])
    confidence -= 1.6 * np.linalg.norm(off, axis=-1) + 0.10 * (hard - 1)[:, None]
    lost = _spells(xy.shape[:2], labeller.gaps_hz * hard, fps, 0.4, rng)
    confidence = np.where(lost, rng.uniform(0.02, 0.25, lost.shape), confidence)
    return _reported(xy, np.clip(confidence, 0.02, 0.99), body, size_px, fps, labeller, hard, rng)


def _reported(
    xy: Floats,
    confidence: Floats,
    body: Floats,
    size_px: tuple[int, int],
    fps: float,
    labeller: Labeller,
    hard: Floats,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Leave out what is outside the picture (some of it is put onto its border, unsurely) and who is not found."""
    limit = np.array(size_px) - 1.0
    inside = np.isfinite(xy).all(-1) & (xy >= 0).all(-1) & (xy <= limit).all(-1)
    near = np.isfinite(xy).all(-1) & (xy >= -0.15 * body[:, None, None]).all(-1)
    near &= (xy <= limit + 0.15 * body[:, None, None]).all(-1)
    pushed = near & ~inside & (rng.uniform(size=inside.shape) < 0.6)
    xy = np.where(pushed[..., None], np.clip(np.nan_to_num(xy), 0, limit), xy)
    confidence = np.where(pushed, rng.uniform(0.05, 0.35, inside.shape), confidence)
    seen = (inside | pushed) & ~((confidence < 0.12) & (rng.uniform(size=inside.shape) < 0.5))
    missed = _spells((len(xy), 1), labeller.missed_hz * hard**2, fps, 0.7, rng)
    found = (inside.sum(1) >= LEAST_SEEN) & ~missed[:, 0] & (body > 12)
    seen &= found[:, None]
    return (
        np.where(seen[..., None], xy, np.nan).astype(np.float32),
        np.where(seen, confidence, 0.0).astype(np.float32),
    )


def _level(exact: Floats) -> Floats:
    """(T,) 0..1, how level the trunk looks in the picture."""
    neck = (exact[:, COCO_17.index("left_shoulder")] + exact[:, COCO_17.index("right_shoulder")]) / 2
    hips = (exact[:, COCO_17.index("left_hip")] + exact[:, COCO_17.index("right_hip")]) / 2
    up = hips - neck
    steep = up[:, 1] / np.maximum(np.linalg.norm(up, axis=-1), 1e-6)
    return np.asarray(np.clip(np.nan_to_num(1 - 1.4 * steep), 0, 1))


def _swap(exact: Floats, fps: float, labeller: Labeller, rng: np.random.Generator) -> Floats:
    """Exchange left and right, of the legs alone or of everything, for some tenths of a second."""
    rate = np.full(len(exact), labeller.swaps_hz)
    spells = _spells((len(exact), 2), rate, fps, 0.3, rng)
    keypoints = np.repeat(spells[:, :1] & spells[:, 1:], exact.shape[1], 1)
    keypoints[:, _LEGS] |= spells[:, :1]
    return np.asarray(np.where(keypoints[..., None], exact[:, COCO_17.flip_index], exact))


def _spells(
    shape: tuple[int, ...], rate_hz: Floats | float, fps: float, mean_s: float, rng: np.random.Generator
) -> Bools:
    """(T, N) true during spells that begin at a rate (a second, (T,) or one) and last `mean_s` on average."""
    t, n = shape
    begins = rng.uniform(size=(t, n)) < np.broadcast_to(np.asarray(rate_hz).reshape(-1, 1) / fps, (t, n))
    out = np.zeros((t, n), bool)
    for row, column in np.argwhere(begins):
        out[row : row + 1 + int(rng.exponential(mean_s * fps)), column] = True
    return out


def _slow(shape: tuple[int, ...], knot_frames: float, rng: np.random.Generator) -> Floats:
    """Smooth noise (T, ...) of unit variance, from random knots with lines between them."""
    step = max(knot_frames, 1.0)
    at = np.arange(shape[0]) / step + rng.uniform()
    knots = rng.normal(size=(int(at[-1]) + 2, *shape[1:]))
    low = at.astype(int)
    u = (at - low).reshape(-1, *([1] * (len(shape) - 1)))
    return np.asarray((knots[low] * (1 - u) + knots[low + 1] * u) / np.sqrt((1 - u) ** 2 + u**2))
