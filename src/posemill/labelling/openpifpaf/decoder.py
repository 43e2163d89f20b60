"""OpenPifPaf's C++ decoder. Its thresholds are global to the process: this is the only place that sets them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from posemill.labelling.openpifpaf.library import openpifpaf

_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the decoder keeps. With `force_complete` all keypoints of a person are placed, however unsure."""

    force_complete: bool
    instance: float
    keypoint: float
    seed: float

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Decode inside this block only: backends with other thresholds wait until it ends."""
        with _LOCK:
            self._set()
            yield

    def _set(self) -> None:
        cifcaf, utils = torch.classes.openpifpaf_decoder.CifCaf, openpifpaf.decoder.utils
        keypoint = 0.0 if self.force_complete else min(self.keypoint, self.seed)
        cifcaf.set_force_complete(self.force_complete)
        cifcaf.set_keypoint_threshold(keypoint)
        cifcaf.set_keypoint_threshold_rel(0.0 if self.force_complete else 0.5)
        utils.CifSeeds.set_threshold(self.seed)
        utils.nms.Keypoints.set_keypoint_threshold(0.0 if self.force_complete else self.keypoint)
        utils.nms.Keypoints.set_instance_threshold(self.instance)


class Decoder:
    """Fields of one picture to people. Not for two threads at once."""

    def __init__(self, shell: Any) -> None:
        cif, caf = shell.head_metas[:2]
        self._decode = openpifpaf.decoder.CifCaf(
            [cif], [caf], cif_visualizers=[], cifhr_visualizers=[], caf_visualizers=[]
        )
        self._size, self._edges = cif.n_fields, torch.tensor(caf.skeleton) - 1

    def __call__(self, fields: list[torch.Tensor]) -> list[tuple[NDArray[np.float32], float]]:
        """(K, 3) x, y in pixels of the network's input and confidence, and the person's own; surest first."""
        # a used decoder adds a running number to its buffers, so that keypoints would depend on what it saw before
        self._decode.cpp_decoder = torch.classes.openpifpaf_decoder.CifCaf(self._size, self._edges)
        people = [(found.data, float(found.score)) for found in self._decode(fields)]
        return sorted(people, key=lambda person: -person[1])
