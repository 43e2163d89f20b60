"""PoseNet's fields to people, in numpy: every strong keypoint grows into a person along PoseNet's tree.

All seeds grow at once, so the time hardly depends on how many people there are. A position is never read from one
cell: the cells around it vote, each by its heat and by how close its vote comes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import COCO_17

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# The tree along which displacements are given: (parent, child), positions in COCO's 17 keypoints.
TREE = (
    (0, 1), (1, 3), (0, 2), (2, 4), (0, 5), (5, 7), (7, 9), (5, 11), (11, 13), (13, 15),
    (0, 6), (6, 8), (8, 10), (6, 12), (12, 14), (14, 16),
)  # fmt: skip
KEYPOINTS, EDGES = 17, len(TREE)
MOST_SEEDS = 120
SPREADS = (1.5, 0.75, 0.5)  # cells: how far a vote may lie from where it was expected, ever closer
TAKEN_PX = 20.0  # a keypoint this close to the same one of a surer person is that person's, as in PersonLab
SAME_PERSON = 0.4  # OKS from which two grown poses are one person
_WINDOW = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij"), -1).reshape(-1, 2)  # y, x


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


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """xy (17, 2) pixels of the network's input; confidence (17,) 0..1; person_confidence 0..1."""

    xy: Floats
    confidence: Floats
    person_confidence: float


def read_fields(raw: Floats, stride: int) -> Fields:
    """raw (115, h, w): heat logits, offsets, displacements to children and to parents, all y before all x."""
    _, height, width = raw.shape
    offset = raw[17:51].reshape(2, KEYPOINTS, height, width)
    moves = raw[51:].reshape(2, 2, EDGES, height, width)  # direction, axis
    return Fields(
        heat=1 / (1 + np.exp(-np.clip(raw[:17], -50, 50))),
        offset=np.ascontiguousarray(offset[::-1].transpose(1, 2, 3, 0)),
        displacement=np.ascontiguousarray(moves[:, ::-1].transpose(0, 2, 3, 4, 1)).reshape(-1, height, width, 2),
        stride=stride,
    )


def decode_many(fields: Fields, seed: float, instance: float) -> list[Person]:
    """Everybody, surest first. `seed`: heat of a person's first keypoint; `instance`: people less sure are left out."""
    keypoint, cells = _seeds(fields.heat, seed)
    if not len(keypoint):
        return []
    xy = _grow(fields, keypoint, cells * np.float32(fields.stride))
    confidence = _heat_at(fields, xy)
    return [p for p in _people(xy, confidence) if p.person_confidence >= instance]


def decode_one(fields: Fields) -> Person:
    """One person from the hottest cell of every keypoint; right only where one person is in the picture."""
    flat = fields.heat.reshape(KEYPOINTS, -1)
    y, x = np.divmod(flat.argmax(1), fields.heat.shape[2])
    every = np.arange(KEYPOINTS)
    xy = np.stack([x, y], -1) * np.float32(fields.stride)
    for spread in SPREADS:
        xy, *_ = _vote(fields, every, xy, spread)
    confidence = flat.max(1)
    return Person(xy, confidence, _sure(confidence[None])[0])


def _seeds(heat: Floats, threshold: float) -> tuple[Ints, Floats]:
    """Keypoint (N,) and cell (N, 2) x, y of every local maximum of the heat, hottest first."""
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)), constant_values=-1)
    rows = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    around = np.maximum(np.maximum(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])
    k, y, x = np.nonzero((heat >= around) & (heat >= threshold))
    order = np.argsort(-heat[k, y, x], kind="stable")[:MOST_SEEDS]
    return k[order], np.stack([x, y], -1)[order].astype(np.float32)


def _vote(fields: Fields, keypoint: Ints, xy: Floats, spread: float) -> tuple[Floats, Floats, Ints, Ints]:
    """What the 5 × 5 cells around each position (N, 2) say of where its keypoint is.

    Returns the positions, and the weights (N, 25), rows and columns (N, 25) of those cells.
    """
    height, width = fields.heat.shape[1:]
    stride = fields.stride
    cell = np.rint(xy[:, ::-1] / stride).astype(np.int64)
    around = cell[:, None] + _WINDOW
    inside = ((around >= 0) & (around < (height, width))).all(-1)
    y, x = np.clip(around[..., 0], 0, height - 1), np.clip(around[..., 1], 0, width - 1)
    votes = fields.offset[keypoint[:, None], y, x] + np.stack([x, y], -1).astype(np.float32) * stride
    far = ((votes - xy[:, None]) ** 2).sum(-1) / np.float32(2 * (spread * stride) ** 2)
    weight = fields.heat[keypoint[:, None], y, x] * np.exp(-far) * inside + np.float32(1e-9)
    weight /= weight.sum(1, keepdims=True)
    return (weight[..., None] * votes).sum(1), weight, y, x


def _orders() -> tuple[Ints, Ints, Ints]:
    """(17, 16) each: from which keypoint to which, by which displacement, when the tree is walked from each root."""
    ways: dict[int, list[tuple[int, int]]] = {k: [] for k in range(KEYPOINTS)}
    for number, (parent, child) in enumerate(TREE):
        ways[parent].append((child, number))
        ways[child].append((parent, number + EDGES))
    table = np.zeros((3, KEYPOINTS, EDGES), np.int64)
    for root in range(KEYPOINTS):
        queue, known, step = deque([root]), {root}, 0
        while queue:
            here = queue.popleft()
            for there, number in ways[here]:
                if there not in known:
                    known.add(there)
                    queue.append(there)
                    table[:, root, step] = here, there, number
                    step += 1
    return table[0], table[1], table[2]


_FROM, _TO, _BY = _orders()


def _grow(fields: Fields, root: Ints, start: Floats) -> Floats:
    """(N, 17, 2): each seed's person, one edge of its tree after the other."""
    count = np.arange(len(root))
    xy = np.zeros((len(root), KEYPOINTS, 2), np.float32)
    around_each = len(root), KEYPOINTS, len(_WINDOW)
    cells = np.zeros(around_each, np.float32), np.zeros(around_each, np.int64), np.zeros(around_each, np.int64)

    def settle(keypoint: Ints, place: Floats) -> None:
        for spread in SPREADS:
            place, *around = _vote(fields, keypoint, place, spread)
        xy[count, keypoint] = place
        for kept, new in zip(cells, around, strict=True):
            kept[count, keypoint] = new

    settle(root, start)
    for step in range(EDGES):
        here, there, by = _FROM[root, step], _TO[root, step], _BY[root, step]
        weight, y, x = (kept[count, here] for kept in cells)
        move = (weight[..., None] * fields.displacement[by[:, None], y, x]).sum(1)
        settle(there, xy[count, here] + move)
    return xy


def _heat_at(fields: Fields, xy: Floats) -> Floats:
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


def _sure(confidence: Floats) -> list[float]:
    """Of every person (N, 17): the mean in which the three surest keypoints count three times."""
    ranked = -np.sort(-confidence, axis=1)
    weight = np.where(np.arange(KEYPOINTS) < 3, 3.0, 1.0)
    return [float(v) for v in (ranked * weight).sum(1) / weight.sum()]


def _people(xy: Floats, confidence: Floats) -> list[Person]:
    """Poses (N, 17, 2), surest first; one that agrees with a surer one is the same person seen from another seed.

    A keypoint that a surer person has already says nothing for a second one: most ghosts are made of others' limbs.
    """
    area = np.maximum(box_area(xy), 1).astype(np.float32)
    free = np.ones(confidence.shape, bool)
    left, found = np.arange(len(xy)), []
    while len(left):
        sure = np.array(_sure(confidence[left] * free[left]), np.float32)
        best = left[int(sure.argmax())]
        found.append(Person(xy[best], confidence[best], float(sure.max())))
        other = oks(xy[left], xy[best][None], area[best : best + 1], COCO_17) < SAME_PERSON
        other[left == best] = False
        left = left[other]
        free &= ((xy - xy[best]) ** 2).sum(-1) > TAKEN_PX**2
    return found
