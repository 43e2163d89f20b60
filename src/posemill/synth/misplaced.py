"""Limbs that a pose network puts in the wrong place: for a while an arm or a leg is guessed, and reported all the same.

A network that completes every pose (OpenPifPaf's force_complete_pose) leaves no keypoint out: what it does not see is
drawn too short, put onto the other limb, onto something in the background, or left where it was. On real videos this
is the usual error of wrists (two jumps a second, one in ten tracks has none), elbows and ankles, and most of all of
arms above the head and of the legs of somebody who lies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import COCO_17
from posemill.synth.estimated import LEAST_SEEN, _level, _slow, _spells
from posemill.synth.rotation import Floats

_SIDES = ("left", "right")
_CHAINS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
_NOSE = COCO_17.index("nose")
_RATE_HZ = (0.7, 0.4)  # of an arm and a leg of a usual film
_LONG_S = (0.1, 1.6)
_HARDER = (2.0, 3.5)  # times the rate: an arm above the head, limbs of somebody who lies


def misplaced(xy: Floats, fps: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Put arms and legs in wrong places for a while.

    xy       (T, 17, 2) pixels.
    Returns  xy with the guesses, and (T, 17) 0..1, how much of each keypoint is a guess.
    """
    out, guessed = xy.copy(), np.zeros(xy.shape[:2])
    strength = float(np.exp(rng.normal(0.0, 0.9)))
    level, body = _level(xy), float(np.median(np.ptp(xy, axis=1).max(-1)))
    for (root, middle, end), rate in zip(_CHAINS, _RATE_HZ, strict=True):
        for side in range(2):
            parts = [COCO_17.index(f"{_SIDES[side]}_{name}") for name in (root, middle, end)]
            other = [COCO_17.index(f"{_SIDES[1 - side]}_{name}") for name in (root, middle, end)]
            hard = 1 + _HARDER[1] * level
            if root == "shoulder":
                hard = hard + _HARDER[0] * (xy[:, parts[2], 1] < xy[:, _NOSE, 1])
            spells = _spells((len(xy), 1), rate * strength * hard, fps, float(rng.uniform(*_LONG_S)), rng)[:, 0]
            for first, last in _runs(spells):
                whole = rng.uniform() < (0.5 if root == "shoulder" else 0.7)
                for place in (1, 2) if whole else (2,):
                    k = parts[place]
                    guess = _guess(xy, slice(first, last), parts, other, place, body, fps, rng)
                    out[first:last, k] = guess
                    guessed[first:last, k] = 1.0
    return out, guessed


def _runs(spells: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], spells, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _guess(
    xy: Floats,
    rows: slice,
    parts: list[int],
    other: list[int],
    place: int,
    body: float,
    fps: float,
    rng: np.random.Generator,
) -> Floats:
    """(t, 2) where a keypoint of a limb is reported that is not seen."""
    count = rows.stop - rows.start
    root, true = xy[rows, parts[0]], xy[rows, parts[place]]
    near = 0.025 * body * _slow((count, 2), 0.25 * fps, rng)
    kind = rng.uniform()
    if kind < 0.4:  # drawn too short
        return np.asarray(root + rng.uniform(0.1, 0.65) * (true - root) + near)
    if kind < 0.6:  # onto the other limb
        return np.asarray(xy[rows, other[place]] + near)
    if kind < 0.85:  # onto something in the background, which stays where it is
        spot = true[0] + rng.normal(0, 0.16 * body, 2)
        return np.asarray(spot + near)
    return np.asarray(true[:1] + near)  # where it was


def at_the_border(
    xy: Floats, size_px: tuple[int, int], fps: float, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    """Put what is outside the picture onto its border or a little inside, most of the time.

    xy       (T, 17, 2) pixels.
    Returns  xy, and (T, 17) true where a keypoint was put. Somebody of whom less than LEAST_SEEN keypoints are in the
    picture stays as he is: he is not found.
    """
    limit, body = np.array(size_px) - 1.0, np.median(np.ptp(xy, axis=1).max(-1))
    outside = ((xy < 0) | (xy > limit)).any(-1)
    far = ((xy < -0.7 * body) | (xy > limit + 0.7 * body)).any(-1)
    often = _slow((len(xy), 1), fps, rng) + 0.7 * _slow(outside.shape, fps, rng) > -1.4
    put = outside & ~far & often & ((~outside).sum(1, keepdims=True) >= LEAST_SEEN)
    deep = body * rng.exponential(0.04) * np.abs(_slow(xy.shape, 0.5 * fps, rng))
    middle = np.median(xy, axis=1, keepdims=True)
    inside = np.clip(np.clip(xy, 0, limit) + deep * np.sign(middle - xy), 0, limit)
    return np.where(put[..., None], inside, xy), put
