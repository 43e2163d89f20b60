"""Near-duplicate detection: keypoints that are equal up to shift, scale and trimming.

Every pose is centred on the mean of its seen keypoints and scaled by their spread, so that shift and scale fall away. A
few poses of each performance are looked up among all poses of the other side; where one is found, the two are laid over
each other there, and compared pose by pose. A copy that was filmed or labelled anew, or mirrored, is not found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.02  # root mean square over keypoints, in spreads of the body: half a pixel of a small person
ALIKE = 0.9  # share of the poses they have in common that must be that close
OVERLAP = 0.5  # of the shorter performance; two that only begin alike are not copies
LEAST_POSES, LEAST_KEYPOINTS = 5, 6
_PROBES, _NEAREST, _PLACES, _DIMENSIONS = 8, 16, 3, 8


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two performances (their positions in the input), and the number of poses they share."""

    first: int
    second: int
    poses: int


def find_near_duplicates(performances: Sequence[NDArray[np.float32]], sides: Sequence[str]) -> list[NearDuplicate]:
    """Find near-duplicates across different sides of a split, by first and second.

    performances  each (T, K, 2) pixels of the same K keypoints, NaN = not seen; poses that show fewer than 6 of them,
                  and performances with fewer than 5 poses that show more, are passed over.
    sides         the side of each, such as its split.
    """
    shapes = [_shapes(xy) for xy in performances]
    usable = [i for i, shape in enumerate(shapes) if len(shape) >= LEAST_POSES]
    shared: dict[tuple[int, int], int] = {}
    for one, other in permutations(sorted(set(sides)), 2):
        probed = [i for i in usable if sides[i] == one]
        kept = [i for i in usable if sides[i] == other]
        for (i, j), offsets in _candidates(shapes, probed, kept).items():
            poses = max(_shared(shapes[i], shapes[j], offset) for offset, _ in offsets.most_common(_PLACES))
            if poses:
                pair = min(i, j), max(i, j)
                shared[pair] = max(poses, shared.get(pair, 0))
    return [NearDuplicate(i, j, poses) for (i, j), poses in sorted(shared.items())]


def _shapes(xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centre and scale poses to (T', 2K), unseen keypoints at the centre; without those that show too little."""
    known: NDArray[np.bool_] = np.asarray(~np.isnan(xy).any(-1))
    enough = known.sum(-1) >= LEAST_KEYPOINTS
    points, seen = np.asarray(xy[enough], np.float64), known[enough]
    number = np.maximum(seen.sum(-1), 1)[:, None]
    points = np.where(seen[..., None], points, 0)
    points -= (points.sum(1) / number)[:, None]
    points[~seen] = 0
    spread = np.sqrt((points**2).sum((1, 2)) / number[:, 0])
    good = spread > 1e-6
    scaled = points[good] / spread[good, None, None]
    return np.asarray(scaled.reshape(len(scaled), 2 * xy.shape[1]), np.float32)


def _candidates(
    shapes: Sequence[NDArray[np.float32]], probed: Sequence[int], kept: Sequence[int]
) -> dict[tuple[int, int], Counter[int]]:
    """Vote for offsets: (probed, kept) → count by offset (position in kept less position in probed)."""
    from scipy.spatial import cKDTree

    if not probed or not kept:
        return {}
    width = shapes[kept[0]].shape[1]
    reach = TOLERANCE * np.sqrt(width / 2)
    axes = _axes(width)
    owner = np.repeat(kept, [len(shapes[i]) for i in kept])
    position = np.concatenate([np.arange(len(shapes[i])) for i in kept])
    tree = cKDTree(np.concatenate([shapes[i] @ axes for i in kept]))
    votes: dict[tuple[int, int], Counter[int]] = {}
    for i in probed:
        at = np.unique(np.linspace(0, len(shapes[i]) - 1, _PROBES).round().astype(int))
        _, near = tree.query(shapes[i][at] @ axes, k=_NEAREST, distance_upper_bound=reach)
        for probe, row in zip(at.tolist(), near, strict=True):
            for n in row[row < len(owner)].tolist():
                votes.setdefault((i, int(owner[n])), Counter())[int(position[n]) - probe] += 1
    return votes


def _axes(width: int) -> NDArray[np.float32]:
    """(width, 8) orthonormal directions, always the same: distances along them are never longer than whole ones."""
    directions = np.random.default_rng(0).normal(size=(width, min(_DIMENSIONS, width)))
    return np.asarray(np.linalg.qr(directions)[0], np.float32)


def _shared(first: NDArray[np.float32], second: NDArray[np.float32], offset: int) -> int:
    """Count the poses in common at that offset; 0 where they are no copies."""
    start, end = max(0, -offset), min(len(first), len(second) - offset)
    if end - start < max(LEAST_POSES, OVERLAP * min(len(first), len(second))):
        return 0
    apart = first[start:end] - second[start + offset : end + offset]
    close = (apart**2).sum(-1) <= TOLERANCE**2 * first.shape[1] / 2
    return int(close.sum()) if close.mean() >= ALIKE else 0
