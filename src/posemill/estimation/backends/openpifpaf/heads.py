"""Head metadata for the decoder, known without loading the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from posemill.estimation.backends.posenet.decoder import TREE
from posemill.estimation.backends.posenet.network import KEYPOINTS, STRIDE


@dataclass(frozen=True, slots=True)
class Heads:
    """Of a CIF and a CAF head.

    strides  pixels of the input a cell of each.
    edges    (from, to) positions of keypoints, one pair a field of the CAF head.
    weights  of the most confident, second most confident ... keypoint in a person's confidence; they add up to 1.
    """

    strides: tuple[int, int]
    edges: tuple[tuple[int, int], ...]
    weights: tuple[float, ...]

    @classmethod
    def of(cls, shell: Any) -> Heads:
        """Those of an OpenPifPaf network."""
        cif, caf = shell.head_metas[:2]
        weights = cif.score_weights or [1.0] * cif.n_fields
        return cls(
            (int(cif.stride), int(caf.stride)),
            tuple((a - 1, b - 1) for a, b in caf.skeleton),
            tuple(weight / sum(weights) for weight in weights),
        )


# As OpenPifPaf weighs COCO's keypoints: the three most confident count three times.
_WEIGHTS = (3.0,) * 3 + (1.0,) * (KEYPOINTS - 3)
POSENET_HEADS = Heads((STRIDE, STRIDE), TREE, tuple(weight / sum(_WEIGHTS) for weight in _WEIGHTS))
