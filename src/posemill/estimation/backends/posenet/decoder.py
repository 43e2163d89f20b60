"""PoseNet's fields to people, in numpy: every strong keypoint grows into a person along PoseNet's tree.

All seeds grow at once, and all edges at one distance from their seeds, so the time hardly depends on how many people
there are.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from posemill.estimation.backends.posenet.fields import (
    AROUND,
    EDGES,
    KEYPOINTS,
    Fields,
    Floats,
    Ints,
    heat_at,
    seeds,
    vote,
    ways,
)
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import COCO_17

# The tree along which displacements are given: (parent, child), positions in COCO's 17 keypoints.
TREE = (
    (0, 1),
    (1, 3),
    (0, 2),
    (2, 4),
    (0, 5),
    (5, 7),
    (7, 9),
    (5, 11),
    (11, 13),
    (13, 15),
    (0, 6),
    (6, 8),
    (8, 10),
    (6, 12),
    (12, 14),
    (14, 16),
)
MOST_SEEDS = 120
SPREADS = (1.5, 0.75, 0.5)  # cells: how far a vote may lie from where it was expected, ever closer
TAKEN_PX = 20.0  # a keypoint this close to the same one of a surer person is that person's, as in PersonLab
SAME_PERSON = 0.4  # OKS from which two grown poses are one person


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPose:
    """xy (17, 2) pixels of the network's input; confidence (17,) 0..1; person_confidence 0..1."""

    xy: Floats
    confidence: Floats
    person_confidence: float


def decode_many(fields: Fields, seed: float, instance: float) -> list[DecodedPose]:
    """Decode everybody, the most confident first.

    seed      heat of a person's first keypoint.
    instance  people of less confidence are left out.
    """
    keypoint, cells = seeds(fields.heat, seed, MOST_SEEDS)
    if not len(keypoint):
        return []
    xy = _grow(fields, keypoint, cells * np.float32(fields.stride))
    confidence = heat_at(fields, xy)
    return [p for p in _people(xy, confidence) if p.person_confidence >= instance]


def decode_one(fields: Fields) -> DecodedPose:
    """One person from the hottest cell of every keypoint; right only where one person is in the picture."""
    flat = fields.heat.reshape(KEYPOINTS, -1)
    y, x = np.divmod(flat.argmax(1), fields.heat.shape[2])
    left, top = (x * fields.stride).astype(np.float32), (y * fields.stride).astype(np.float32)
    votes = vote(fields, np.arange(KEYPOINTS), left, top, SPREADS)
    confidence = flat.max(1)
    return DecodedPose(np.stack([votes.x, votes.y], -1), confidence, _person_confidence(confidence[None])[0])


def _orders() -> tuple[Ints, Ints, Ints, Ints]:
    """(17, 16) each, of the tree walked from each root: from which keypoint, to which, by which displacement, and how
    many edges from the root.
    """
    neighbours: dict[int, list[tuple[int, int]]] = {k: [] for k in range(KEYPOINTS)}
    for number, (parent, child) in enumerate(TREE):
        neighbours[parent].append((child, number))
        neighbours[child].append((parent, number + EDGES))
    table = np.zeros((4, KEYPOINTS, EDGES), np.int64)
    for root in range(KEYPOINTS):
        queue, known, step = deque([(root, 0)]), {root}, 0
        while queue:
            here, level = queue.popleft()
            for there, number in neighbours[here]:
                if there not in known:
                    known.add(there)
                    queue.append((there, level + 1))
                    table[:, root, step] = here, there, number, level
                    step += 1
    return table[0], table[1], table[2], table[3]


_FROM, _TO, _BY, _LEVEL = _orders()


def _grow(fields: Fields, root: Ints, start: Floats) -> Floats:
    """(N, 17, 2): each seed's person, all edges of one distance from its root after the others.

    root, start  keypoint (N,) and position (N, 2) of every seed.
    """
    first = np.arange(len(root)) * KEYPOINTS  # a keypoint of a seed is at first + keypoint
    xy = np.zeros((2, len(root) * KEYPOINTS), np.float32)
    weights = np.zeros((xy.shape[1], AROUND), np.float32)
    cells = np.zeros(weights.shape, np.int64)

    def place_at(target: Ints, keypoint: Ints, x: Floats, y: Floats) -> None:
        xy[0, target], xy[1, target], weights[target], cells[target] = vote(fields, keypoint, x, y, SPREADS)

    place_at(first + root, root, start[:, 0], start[:, 1])
    level = _LEVEL[root].reshape(-1)
    order = np.argsort(level, kind="stable")
    seed = order // EDGES
    at = root[seed], order % EDGES
    source, keypoint, by = first[seed] + _FROM[at], _TO[at], _BY[at]
    target = first[seed] + keypoint
    ends = np.cumsum(np.bincount(level)).tolist()
    for begin, end in zip([0, *ends], ends, strict=False):
        now = slice(begin, end)
        here = source[now]
        x, y = ways(fields, weights[here], cells[here], by[now])
        place_at(target[now], keypoint[now], xy[0, here] + x, xy[1, here] + y)
    return xy.T.reshape(len(root), KEYPOINTS, 2)


def _person_confidence(confidence: Floats) -> list[float]:
    """Person confidence of (N, 17): the mean in which the three most confident keypoints count three times."""
    ranked = -np.sort(-confidence, axis=1)
    weight = np.where(np.arange(KEYPOINTS) < 3, 3.0, 1.0)
    return [float(v) for v in (ranked * weight).sum(1) / weight.sum()]


def _people(xy: Floats, confidence: Floats) -> list[DecodedPose]:
    """Poses (N, 17, 2), most confident first; one that agrees with a better one is the same person from another seed.

    A keypoint that a better person has already does not count for a second one: most ghosts are others' limbs.
    """
    area = np.maximum(box_area(xy), 1).astype(np.float32)
    free = np.ones(confidence.shape, bool)
    left, found = np.arange(len(xy)), []
    while len(left):
        sure = np.array(_person_confidence(confidence[left] * free[left]), np.float32)
        best = left[int(sure.argmax())]
        found.append(DecodedPose(xy[best], confidence[best], float(sure.max())))
        other = oks(xy[left], xy[best][None], area[best : best + 1], COCO_17) < SAME_PERSON
        other[left == best] = False
        left = left[other]
        free &= ((xy - xy[best]) ** 2).sum(-1) > TAKEN_PX**2
    return found
