"""PoseNet's fields to people, in numpy: every strong keypoint grows into a person along PoseNet's tree.

All seeds grow at once, so the time hardly depends on how many people there are.
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
    every = np.arange(KEYPOINTS)
    xy = np.stack([x, y], -1) * np.float32(fields.stride)
    xy, *_ = vote(fields, every, xy, SPREADS)
    confidence = flat.max(1)
    return DecodedPose(xy, confidence, _person_confidence(confidence[None])[0])


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
    weights = np.zeros((len(root), KEYPOINTS, AROUND), np.float32)
    rows, columns = np.zeros((2, *weights.shape), np.int64)

    def place_at(keypoint: Ints, position: Floats) -> None:
        at = count, keypoint
        xy[at], weights[at], rows[at], columns[at] = vote(fields, keypoint, position, SPREADS)

    place_at(root, start)
    for step in range(EDGES):
        here, there, by = _FROM[root, step], _TO[root, step], _BY[root, step]
        weight, y, x = weights[count, here], rows[count, here], columns[count, here]
        move = (weight[..., None] * fields.displacement[by[:, None], y, x]).sum(1)
        place_at(there, xy[count, here] + move)
    return xy


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
