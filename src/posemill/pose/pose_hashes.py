"""Locality-sensitive hashing of poses: pairs of close poses of different sides, without comparing all with all.

In each of TABLES tables a pose falls into a cell of a randomly turned and shifted grid. The grid lies in the principal
components in which these poses differ most, and in more of them the more poses there are, so that cells stay small.
Two poses that are as far apart as a copy's may be share a cell of one table with probability 0.4 (eight directions;
0.25 in twelve), identical ones always; a performance has many poses, and one that meets its copy is enough. In a cell,
poses lie in the order of one more component, and each is compared with its next NEIGHBOURS alone: so that a cell that
half the world stands in costs no more than its share.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLES, NEIGHBOURS = 4, 8
DIRECTIONS, FEW, GROWTH = 8, 50_000, 4.0  # one direction more for every GROWTH times as many poses as FEW
SAMPLE = 50_000  # poses that the principal components are found from
CELL = 7.0  # sides of a cell, in root mean square distances a coordinate of poses that are just close
PART = 2_000_000  # records that are sorted together
_CHUNK = 200_000  # poses or pairs that are in memory together
_FIRST, _EVERY = 4, 8  # who stands still fills a cell: of a stay in one the first poses count, and then every eighth
_RECORD = np.dtype([("key", "<i8"), ("row", "<i8")])
_ORDER_BITS = 14  # lowest bits of a key: the place within the cell


def close_poses(
    shapes: NDArray[np.float32], starts: NDArray[np.int64], sides: NDArray[np.int64], reach: float, scratch: Path
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield pairs of rows of `shapes`, (M,) and (M,), that are at most `reach` apart and of different sides.

    shapes  (N, D) poses, performance by performance; may be a memmap.
    starts  (P + 1,) first row of every performance, and N.
    sides   (P,) number of its side; negative = left out.
    scratch folder for files of 16 bytes a pose.
    """
    row_side = np.repeat(sides.astype(np.int8), np.diff(starts))
    components = principal_components(shapes)
    more = max(0, round(float(np.log(max(len(shapes), 1) / FEW) / np.log(GROWTH))))
    for table in range(TABLES):
        grid = _Grid(np.random.default_rng(table), components, DIRECTIONS + more, reach)
        paths = _write_records(grid, shapes, starts, sides, scratch)
        for path in paths:
            records = np.fromfile(path, _RECORD)
            path.unlink()
            yield from _neighbours(records, shapes, row_side, reach)


def principal_components(shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(D, D) orthonormal directions in columns, those in which poses (N, D) differ most first; from SAMPLE of them."""
    rows = np.unique(np.linspace(0, len(shapes) - 1, min(len(shapes), SAMPLE)).round().astype(np.int64))
    some = np.asarray(shapes[rows], np.float64)
    some -= some.mean(0)
    return np.asarray(np.linalg.eigh(some.T @ some)[1][:, ::-1], np.float32)


class _Grid:
    """One randomly turned and shifted grid in the first principal components."""

    def __init__(
        self, rng: np.random.Generator, components: NDArray[np.float32], directions: int, reach: float
    ) -> None:
        width = len(components)
        used = min(directions, width)
        turn = np.linalg.qr(rng.normal(size=(used, used)))[0]
        self._axes = np.asarray(components[:, :used] @ turn, np.float32)
        self._order = components[:, min(used, width - 1)]
        self._cell = CELL * reach / np.sqrt(width)
        self._shift = rng.uniform(0, 1, used)
        self._factors = rng.integers(1, 2**62, used, np.int64) | 1

    def keys(self, shapes: NDArray[np.float32]) -> NDArray[np.int64]:
        """(N,) the cell in the upper bits, the place within it in the lower ones."""
        cells = np.floor(shapes @ self._axes / self._cell + self._shift).astype(np.int64)
        hashed = (cells * self._factors).sum(1)  # wraps around, which is as good
        hashed ^= hashed >> 29
        limit = float(np.sqrt(shapes.shape[1] / 2))  # no shape is longer
        place = ((shapes @ self._order) / limit + 1) / 2 * (2**_ORDER_BITS - 1)
        return np.asarray((hashed << _ORDER_BITS) | place.clip(0, 2**_ORDER_BITS - 1).astype(np.int64))


def _write_records(
    grid: _Grid, shapes: NDArray[np.float32], starts: NDArray[np.int64], sides: NDArray[np.int64], scratch: Path
) -> list[Path]:
    """Write (key, row) of the poses that count, so many files that each can be sorted; a cell is in one of them."""
    number = max(1, -(-int(starts[-1]) // PART))
    paths = [scratch / f"records-{p}.raw" for p in range(number)]
    files = [path.open("wb") for path in paths]
    try:
        for first, last in _spans(starts):
            rows = np.arange(starts[first], starts[last])
            keys = grid.keys(np.asarray(shapes[rows[0] : rows[-1] + 1]))
            owner = np.repeat(np.arange(first, last), np.diff(starts[first : last + 1]))
            cell = keys >> _ORDER_BITS
            kept = _counts(cell, owner) & (sides[owner] >= 0)
            records = np.empty(int(kept.sum()), _RECORD)
            records["key"], records["row"] = keys[kept], rows[kept]
            part = cell[kept] % number
            for p, file in enumerate(files):
                file.write(records[part == p].tobytes())
    finally:
        for file in files:
            file.close()
    return paths


def _spans(starts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield first and last performance (not included) of stretches of about _CHUNK poses."""
    first, count = 0, len(starts) - 1
    while first < count:
        last = int(np.searchsorted(starts, starts[first] + _CHUNK, side="right")) - 1
        last = min(max(last, first + 1), count)
        if starts[last] > starts[first]:
            yield first, last
        first = last


def _counts(cell: NDArray[np.int64], owner: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,) which poses count: all but those in the middle of a long stay in one cell."""
    new = np.ones(len(cell), bool)
    new[1:] = (cell[1:] != cell[:-1]) | (owner[1:] != owner[:-1])
    began = np.maximum.accumulate(np.where(new, np.arange(len(cell)), 0))
    stayed = np.arange(len(cell)) - began
    return np.asarray((stayed < _FIRST) | (stayed % _EVERY == 0))


def _neighbours(
    records: NDArray[np.void], shapes: NDArray[np.float32], sides: NDArray[np.int8], reach: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    order = np.argsort(records["key"], kind="stable")
    cell, row = records["key"][order] >> _ORDER_BITS, records["row"][order]
    side = sides[row]
    for step in range(1, NEIGHBOURS + 1):
        at = np.flatnonzero((cell[step:] == cell[:-step]) & (side[step:] != side[:-step]))
        for i in range(0, len(at), _CHUNK):
            first, second = row[at[i : i + _CHUNK]], row[at[i : i + _CHUNK] + step]
            apart = shapes[first] - shapes[second]
            close = (apart**2).sum(-1) <= reach**2
            if close.any():
                yield first[close], second[close]
