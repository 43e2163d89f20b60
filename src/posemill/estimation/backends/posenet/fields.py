"""PoseNet's fields, and how they are read: a position is never taken from one cell, the cells around it vote."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

KEYPOINTS, EDGES = 17, 16
AROUND = 25  # cells that vote: 5 × 5
_RIM = 5  # cells around the picture that repeat its border, so that no window of cells has to be clipped
_FEWEST = np.float32(1e-9)  # weight of a cell without heat


class Votes(NamedTuple):
    """Votes of the cells around N positions.

    x, y    (N,) positions, pixels of the network's input.
    weight  (N, 25) of the cells, sums are 1.
    cell    (N, 25) which cells, see Fields.
    """

    x: Floats
    y: Floats
    weight: Floats
    cell: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """PoseNet's output for one picture, in pixels of the network's input.

    A cell is its number in a grid of `width` columns that has a rim around the picture; vectors lie there field by
    field, so that a cell of field f is at f * size + cell.

    heat     (17, h, w) 0..1.
    rimmed   (17 * size,) the heat with its rim, where it is 0.
    vectors  (98 * size,) where the keypoint is after each cell: 17 y, 17 x; then the way from a keypoint to its child
             (16 y, 16 x) and to its parent (16 y, 16 x).
    stride   pixels from one cell to the next.
    """

    heat: Floats
    rimmed: Floats
    vectors: Floats
    stride: int

    @property
    def width(self) -> int:
        """Columns of the grid."""
        return int(self.heat.shape[2]) + 2 * _RIM

    @property
    def size(self) -> int:
        """Cells of the grid."""
        return (int(self.heat.shape[1]) + 2 * _RIM) * self.width


def read_fields(raw: Floats, stride: int) -> Fields:
    """raw (115, h, w): heat logits, offsets, displacements to children and to parents, all y before all x."""
    _, height, width = raw.shape
    rows, columns, nearest = _grid(height, width)
    heat = np.asarray(1 / (1 + np.exp(-np.clip(raw[:KEYPOINTS], -50, 50))), np.float32)
    rimmed = np.zeros((KEYPOINTS, height + 2 * _RIM, width + 2 * _RIM), np.float32)
    rimmed[:, _RIM:-_RIM, _RIM:-_RIM] = heat
    vectors = raw[KEYPOINTS:].reshape(-1, height * width).take(nearest, axis=1).astype(np.float32, copy=False)
    vectors[:KEYPOINTS] += rows * np.float32(stride)
    vectors[KEYPOINTS : 2 * KEYPOINTS] += columns * np.float32(stride)
    return Fields(heat, rimmed.reshape(-1), vectors.reshape(-1), stride)


@lru_cache(maxsize=16)
def _grid(height: int, width: int) -> tuple[Floats, Floats, Ints]:
    """Row, column and number of the cell of the picture that is nearest to every cell of the grid with its rim."""
    rows = np.arange(-_RIM, height + _RIM).clip(0, height - 1).repeat(width + 2 * _RIM)
    columns = np.tile(np.arange(-_RIM, width + _RIM).clip(0, width - 1), height + 2 * _RIM)
    return rows.astype(np.float32), columns.astype(np.float32), rows * width + columns


@lru_cache(maxsize=16)
def _window(width: int) -> Ints:
    """(25,) from a cell to those around it, in a grid of so many columns."""
    steps = np.arange(-2, 3)
    return np.asarray((steps[:, None] * width + steps).reshape(-1), np.int64)


def seeds(heat: Floats, threshold: float, most: int) -> tuple[Ints, Floats]:
    """Keypoint (N,) and cell (N, 2) x, y of every local maximum of the heat, hottest first, at most `most`."""
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)), constant_values=-1)
    rows = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    around = np.maximum(np.maximum(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])
    k, y, x = np.nonzero((heat >= around) & (heat >= threshold))
    order = np.argsort(-heat[k, y, x], kind="stable")[:most]
    return k[order], np.stack([x, y], -1)[order].astype(np.float32)


def vote(fields: Fields, keypoint: Ints, x: Floats, y: Floats, spreads: tuple[float, ...]) -> Votes:
    """Vote of the 5 × 5 cells around each position (N,), (N,) for where its keypoint is.

    spreads  cells; how far a vote may lie from where it is expected, from one round to the next.
    """
    cell = _cells(fields, x, y)
    at = cell + (keypoint * fields.size)[:, None]
    heat, vote_y = fields.rimmed.take(at), fields.vectors.take(at)
    vote_x = fields.vectors.take(at + KEYPOINTS * fields.size)
    weight, total = heat, heat[:, 0]
    for spread in spreads:
        weight = vote_x - x[:, None]
        weight *= weight
        away_y = vote_y - y[:, None]
        away_y *= away_y
        weight += away_y
        weight *= np.float32(-0.5 / (spread * fields.stride) ** 2)
        np.exp(weight, out=weight)
        weight *= heat
        weight += _FEWEST
        total = weight.sum(1)
        x, y = np.einsum("nc,nc->n", weight, vote_x) / total, np.einsum("nc,nc->n", weight, vote_y) / total
    return Votes(x, y, weight / total[:, None], cell)


def ways(fields: Fields, weight: Floats, cell: Ints, displacement: Ints) -> tuple[Floats, Floats]:
    """x and y (N,) of the way along an edge from where cells (N, 25) voted.

    displacement  (N,) 0..31: from a keypoint to its child (16) and to its parent (16).
    """
    field = 2 * KEYPOINTS + displacement + np.where(displacement < EDGES, 0, EDGES)
    at = cell + (field * fields.size)[:, None]
    way_y = np.einsum("nc,nc->n", weight, fields.vectors.take(at))
    at += EDGES * fields.size
    return np.einsum("nc,nc->n", weight, fields.vectors.take(at)), way_y


def _cells(fields: Fields, x: Floats, y: Floats) -> Ints:
    """(N, 25) cells around positions; from some way outside the picture on they are all its border's."""
    _, height, width = fields.heat.shape
    row = np.rint(y / np.float32(fields.stride)).clip(2 - _RIM, height + _RIM - 3)
    column = np.rint(x / np.float32(fields.stride)).clip(2 - _RIM, width + _RIM - 3)
    centre = (row.astype(np.int64) + _RIM) * fields.width + column.astype(np.int64) + _RIM
    return np.asarray(centre[:, None] + _window(fields.width), np.int64)


def heat_at(fields: Fields, xy: Floats) -> Floats:
    """(N, 17) heat at positions (N, 17, 2), bilinear; 0 outside the picture."""
    _, height, width = fields.heat.shape
    place = xy / np.float32(fields.stride)
    low = np.floor(place)
    right, below = (place - low).transpose(2, 0, 1)
    column, row = low.transpose(2, 0, 1)
    cell = (
        (row.clip(-2, height).astype(np.int64) + _RIM) * fields.width + column.clip(-2, width).astype(np.int64) + _RIM
    )
    cell += np.arange(KEYPOINTS) * fields.size
    heat = fields.rimmed
    above = (1 - right) * heat.take(cell) + right * heat.take(cell + 1)
    cell += fields.width
    return np.asarray((1 - below) * above + below * ((1 - right) * heat.take(cell) + right * heat.take(cell + 1)))
