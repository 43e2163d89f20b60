"""Near-duplicate detection: keypoints that are equal up to shift, scale and trimming.

Every pose is centred on the mean of its seen keypoints and scaled by their spread, so that shift and scale fall away.
Poses of both sides are looked up by locality-sensitive hashing; where one is found, the two performances are laid over
each other there, and compared pose by pose. A copy that was filmed or labelled anew, or mirrored, is not found.

Time grows with the number of poses, not of pairs. What is reported is always a copy by the rule; a copy is missed only
if none of its poses meets the other's in any table, see posemill.pose.pose_hashes: fewer than one in a thousand, by the
tests against all pairs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from posemill.pose.pose_hashes import close_poses

TOLERANCE = 0.02  # root mean square over keypoints, in spreads of the body: half a pixel of a small person
ALIKE = 0.9  # share of the poses they have in common that must be that close
OVERLAP = 0.5  # of the shorter performance; two that only begin alike are not copies
LEAST_POSES, LEAST_KEYPOINTS = 5, 6
_LOOKED_AT, _ENOUGH = 8, 3  # of so many poses in common so many must be close, or it is not worth to compare all
_CHUNK = 50_000  # pairs that are looked at together


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
    with tempfile.TemporaryDirectory(prefix="posemill-poses-") as folder, PerformanceStore(Path(folder)) as store:
        for xy in performances:
            store.add(xy)
        return store.near_duplicates(sides)


class PerformanceStore:
    """Performances on disk, to be added one by one and compared with each other: memory does not grow with them.

    folder  for scratch files of 8 bytes a coordinate, at most; whoever made it removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "shapes.raw"
        self._file: IO[bytes] = self._path.open("wb")
        self._lengths: list[int] = []
        self._width = 0

    def __enter__(self) -> PerformanceStore:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, xy: NDArray[np.float32]) -> None:
        """Add the next performance: (T, K, 2) pixels, NaN = not seen."""
        shapes = _shapes(xy)
        self._lengths.append(len(shapes))
        self._width = max(self._width, 2 * xy.shape[1])
        self._file.write(np.ascontiguousarray(shapes).tobytes())

    @property
    def lengths(self) -> list[int]:
        """Number of poses that are kept of each performance."""
        return self._lengths

    def written(self, first: int) -> tuple[Path, int, int]:
        """Return where the poses from number `first` on are: a file, the first byte and how many."""
        self._file.flush()
        size = 4 * self._width
        return self._path, size * first, size * (sum(self._lengths) - first)

    def append(self, blocks: Iterable[bytes], lengths: Sequence[int], width: int) -> None:
        """Add performances as they were written by `add`, each of so many poses of `width` coordinates."""
        for block in blocks:
            self._file.write(block)
        self._lengths.extend(lengths)
        self._width = max(self._width, width)

    def near_duplicates(self, sides: Sequence[str | None]) -> list[NearDuplicate]:
        """Find near-duplicates across different sides; performances whose side is None are left out."""
        self._file.flush()
        lengths = np.array(self._lengths, np.int64)
        names = sorted({side for side in sides if side is not None})
        number = np.array([-1 if side is None else names.index(side) for side in sides], np.int64)
        number[lengths < LEAST_POSES] = -1
        if len(set(number[number >= 0].tolist())) < 2:
            return []
        shapes = np.memmap(self._path, np.float32, "r", shape=(int(lengths.sum()), self._width))
        comparison = _Comparison(shapes, np.concatenate([[0], np.cumsum(lengths)]))
        reach = TOLERANCE * float(np.sqrt(self._width / 2))
        for first, second in close_poses(shapes, comparison.starts, number, reach, self._folder):
            comparison.add(first, second)
        return [NearDuplicate(i, j, poses) for (i, j), poses in sorted(comparison.shared.items())]


class _Comparison:
    """Lays performances over each other where a pose of theirs is close. shared: poses by pair that are copies."""

    def __init__(self, shapes: NDArray[np.float32], starts: NDArray[np.int64]) -> None:
        self.shapes, self.starts = shapes, starts
        self.shared: dict[tuple[int, int], int] = {}
        self._seen: set[tuple[int, int, int]] = set()

    def add(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
        """first, second  (M,) rows of `shapes` that are close, of two performances each."""
        i, j = (np.searchsorted(self.starts, rows, side="right") - 1 for rows in (first, second))
        offset = (second - self.starts[j]) - (first - self.starts[i])
        swap = i > j
        i, j, offset = np.where(swap, j, i), np.where(swap, i, j), np.where(swap, -offset, offset)
        found = np.unique(np.stack([i, j, offset], 1), axis=0)
        for at in range(0, len(found), _CHUNK):
            for one, other, by in self._worth(found[at : at + _CHUNK]).tolist():
                self._compare(one, other, by)

    def _worth(self, found: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows (i, j, offset) that overlap enough and of which some poses are close, looked at all together."""
        i, j, offset = found.T
        lengths = np.diff(self.starts)
        start, end = np.maximum(0, -offset), np.minimum(lengths[i], lengths[j] - offset)
        enough = end - start >= np.maximum(LEAST_POSES, OVERLAP * np.minimum(lengths[i], lengths[j]))
        found, i, j, offset, start, end = (values[enough] for values in (found, i, j, offset, start, end))
        steps = np.linspace(0, 1, _LOOKED_AT)
        at = (start[:, None] + (end - 1 - start)[:, None] * steps).round().astype(np.int64)
        close = np.zeros(len(found), np.int64)
        for k in range(_LOOKED_AT):
            here = self.shapes[self.starts[i] + at[:, k]] - self.shapes[self.starts[j] + at[:, k] + offset]
            close += _close(here)
        return np.asarray(found[close >= _ENOUGH])

    def _compare(self, i: int, j: int, offset: int) -> None:
        if (i, j, offset) in self._seen:
            return
        self._seen.add((i, j, offset))
        one, other = (self.shapes[self.starts[p] : self.starts[p + 1]] for p in (i, j))
        if poses := _shared(one, other, offset):
            self.shared[i, j] = max(poses, self.shared.get((i, j), 0))


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


def _shared(first: NDArray[np.float32], second: NDArray[np.float32], offset: int) -> int:
    """Count the poses in common at that offset; 0 where they are no copies."""
    start, end = max(0, -offset), min(len(first), len(second) - offset)
    if end - start < max(LEAST_POSES, OVERLAP * min(len(first), len(second))):
        return 0
    close = _close(first[start:end] - second[start + offset : end + offset])
    return int(close.sum()) if close.mean() >= ALIKE else 0


def _close(apart: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N,) whether poses (N, 2K) that far apart are close."""
    return np.asarray((apart**2).sum(-1) <= TOLERANCE**2 * apart.shape[1] / 2)
