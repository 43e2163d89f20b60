"""PoseNet's fields, and how they are read: a position is never taken from one cell, the cells around it vote."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

KEYPOINTS, EDGES = 17, 16
_WINDOW = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij"), -1).reshape(-1, 2)  # y, x
AROUND = len(_WINDOW)


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """PoseNet's output for one picture; vectors are x, y in pixels of the network's input.

    heat          (17, h, w) 0..1.
    offset        (17, h, w, 2) from a cell to the keypoint near it.
    displacement  (32, h, w, 2) from a keypoint to its child (16) and to its parent (16).
    stride        pixels from one cell to the next.
    """

    heat: Floats
    offset: Floats
    displacement: Floats
    stride: int


def read_fields(raw: Floats, stride: int) -> Fields:
    """raw (115, h, w): heat logits, offsets, displacements to children and to parents, all y before all x."""
    _, height, width = raw.shape
    offset = raw[17:51].reshape(2, KEYPOINTS, height, width)
    moves = raw[51:].reshape(2, 2, EDGES, height, width)  # direction, axis
    return Fields(
        heat=np.asarray(1 / (1 + np.exp(-np.clip(raw[:17], -50, 50))), np.float32),
        offset=np.ascontiguousarray(offset[::-1].transpose(1, 2, 3, 0)),
        displacement=np.ascontiguousarray(moves[:, ::-1].transpose(0, 2, 3, 4, 1)).reshape(-1, height, width, 2),
        stride=stride,
    )


def seeds(heat: Floats, threshold: float, most: int) -> tuple[Ints, Floats]:
    """Keypoint (N,) and cell (N, 2) x, y of every local maximum of the heat, hottest first, at most `most`."""
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)), constant_values=-1)
    rows = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    around = np.maximum(np.maximum(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])
    k, y, x = np.nonzero((heat >= around) & (heat >= threshold))
    order = np.argsort(-heat[k, y, x], kind="stable")[:most]
    return k[order], np.stack([x, y], -1)[order].astype(np.float32)


def vote(fields: Fields, keypoint: Ints, xy: Floats, spreads: tuple[float, ...]) -> tuple[Floats, Floats, Ints, Ints]:
    """Vote of the 5 × 5 cells around each position (N, 2) for where its keypoint is.

    spreads  cells; how far a vote may lie from where it is expected, from one round to the next.
    Returns  the positions, and the weights (N, 25), rows and columns (N, 25) of those cells.
    """
    height, width = fields.heat.shape[1:]
    stride, k = np.float32(fields.stride), keypoint[:, None]
    cell = np.rint(xy[:, ::-1] / stride).astype(np.int64)[:, None] + _WINDOW
    y, x = cell[..., 0], cell[..., 1]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    y, x = y.clip(0, height - 1), x.clip(0, width - 1)
    votes = fields.offset[k, y, x] + np.stack([x, y], -1).astype(np.float32) * stride
    heat, weight = fields.heat[k, y, x] * inside, np.empty(0, np.float32)
    for spread in spreads:
        far = ((votes - xy[:, None]) ** 2).sum(-1) * np.float32(-0.5 / (spread * stride) ** 2)
        weight = heat * np.exp(far) + np.float32(1e-9)
        weight /= weight.sum(1, keepdims=True)
        xy = np.matmul(weight[:, None], votes)[:, 0]
    return xy, weight, y, x


def heat_at(fields: Fields, xy: Floats) -> Floats:
    """(N, 17) heat at positions (N, 17, 2), bilinear; 0 outside the picture."""
    height, width = fields.heat.shape[1:]
    place = xy / fields.stride
    low = np.floor(place).astype(np.int64)
    share = (place - low).astype(np.float32)
    total = np.zeros(xy.shape[:2], np.float32)
    every = np.arange(KEYPOINTS)
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = low[..., 0] + dx, low[..., 1] + dy
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            part = np.abs(1 - dx - share[..., 0]) * np.abs(1 - dy - share[..., 1])
            total += part * inside * fields.heat[every, y.clip(0, height - 1), x.clip(0, width - 1)]
    return total
