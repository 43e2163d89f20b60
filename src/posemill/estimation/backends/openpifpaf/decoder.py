"""OpenPifPaf's C++ decoder. Its thresholds are global to the process: this is the only place that sets them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from posemill.estimation.backends.openpifpaf.heads import Heads
from posemill.estimation.backends.openpifpaf.operators import CifCaf, CifSeeds, Suppression

DecodedPose = tuple[NDArray[np.float32], float]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of the decoder. With `force_complete` all keypoints of a person are placed, however unsure."""

    force_complete: bool
    instance: float
    keypoint: float
    seed: float

    _condition: ClassVar[threading.Condition] = threading.Condition()
    _set: ClassVar[list[Any]] = [None, 0]  # the thresholds in force, and how many decode with them

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Decode inside this block only, and end it soon: those with other thresholds wait until nobody is inside."""
        with self._condition:
            self._condition.wait_for(lambda: self._set[1] == 0 or self._set[0] == self)
            if self._set[0] != self:
                self._apply()
                self._set[0] = self
            self._set[1] += 1
        try:
            yield
        finally:
            with self._condition:
                self._set[1] -= 1
                self._condition.notify_all()

    def _apply(self) -> None:
        CifCaf.set_force_complete(self.force_complete)
        CifCaf.set_keypoint_threshold(0.0 if self.force_complete else min(self.keypoint, self.seed))
        CifCaf.set_keypoint_threshold_rel(0.0 if self.force_complete else 0.5)
        CifSeeds.set_threshold(self.seed)
        Suppression.set_keypoint_threshold(0.0 if self.force_complete else self.keypoint)
        Suppression.set_instance_threshold(self.instance)


class Decoder:
    """Fields of one picture to people. Any number of threads may decode at once."""

    def __init__(self, heads: Heads, thresholds: Thresholds) -> None:
        self._heads, self._thresholds = heads, thresholds
        self._edges, self._weights = torch.tensor(heads.edges), np.array(heads.weights)

    def __call__(self, fields: list[NDArray[np.float32]]) -> list[DecodedPose]:
        """(K, 3) x, y in pixels of the network's input and confidence, and the person's own; most confident first."""
        cif, caf = (torch.from_numpy(field) for field in fields[:2])
        # a used decoder adds a running number to its buffers, so that keypoints would depend on what it saw before
        decoder = CifCaf(len(cif), self._edges)
        with self._thresholds.in_force():
            people, _ = decoder.call(cif, self._heads.strides[0], caf, self._heads.strides[1])
        points = people.numpy()[..., [1, 2, 0]]  # from confidence, x, y, size
        sure = np.sort(points[..., 2], -1)[:, ::-1] @ self._weights
        return [(points[i], float(sure[i])) for i in np.argsort(-sure, kind="stable")]
