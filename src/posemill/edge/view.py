"""Faults of a camera that its pictures show: frozen, covered, turned; found on small grey pictures."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from posemill.edge.config import CameraConfig
from posemill.estimation.types import Image

SMALL_PX = (48, 27)
FLAT = 7.0  # standard deviation of grey levels, of 255: below, nothing is to be seen
ALIKE = 0.45  # correlation with the usual view: below, it shows something else
VIEW_S = 30.0  # time constant of the usual view, so that daylight and furniture are no fault
LEARN_S = 2.0  # a view is usual after this long
FROZEN, COVERED, TURNED = "frozen", "covered", "turned"
_ADVICE = {
    FROZEN: "the picture does not change: restart the camera",
    COVERED: "nothing is to be seen: is the camera covered, or the room dark?",
    TURNED: "it shows something else than before: was the camera turned?",
}


def advice(fault: str) -> str:
    """Return the sentence for a fault."""
    return _ADVICE[fault]


@dataclass(frozen=True, slots=True)
class ViewChange:
    """A fault begins (`begun`) or is over, since `start_s` seconds of the source."""

    fault: str
    begun: bool
    start_s: float


class ViewWatch:
    """Watches the pictures of one source.

    A picture that is equal to the one before for `frozen_s` is frozen: every sensor has noise. One without contrast for
    `covered_s` is covered. One that does not correlate with the usual view for `turned_s` is turned; the new view is
    usual from then on.
    """

    def __init__(self, config: CameraConfig) -> None:
        self._after_s = {FROZEN: config.frozen_s, COVERED: config.covered_s, TURNED: config.turned_s}
        self._since_s: dict[str, float] = {}
        self._digest = 0
        self._usual: NDArray[np.float32] | None = None
        self._began_s, self._last_s = 0.0, 0.0
        self.faults: set[str] = set()

    def update(self, image: Image, time_s: float) -> list[ViewChange]:
        """Take the next picture (H, W, 3) uint8 RGB; returns what begins or is over."""
        small = cv2.cvtColor(cv2.resize(image, SMALL_PX, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        grey = small.astype(np.float32)
        digest = zlib.crc32(np.ascontiguousarray(image[::4, ::4]).tobytes())
        flat = float(grey.std()) < FLAT
        shows = {FROZEN: digest == self._digest, COVERED: flat, TURNED: not flat and self._differs(grey, time_s)}
        self._digest = digest
        changes = [change for fault, now in shows.items() if (change := self._change(fault, now, time_s))]
        if not flat:
            self._learn(grey, time_s)
        return changes

    def restart(self) -> None:
        """Forget the view, as after another size."""
        self._usual, self._digest = None, 0
        self._since_s.clear()

    def _change(self, fault: str, now: bool, time_s: float) -> ViewChange | None:
        if not now:
            start_s = self._since_s.pop(fault, time_s)
            if fault in self.faults:
                self.faults.discard(fault)
                return ViewChange(fault, False, start_s)
            return None
        start_s = self._since_s.setdefault(fault, time_s)
        if fault in self.faults or time_s - start_s < self._after_s[fault]:
            return None
        self.faults.add(fault)
        if fault == TURNED:
            self._usual = None
        return ViewChange(fault, True, start_s)

    def _differs(self, grey: NDArray[np.float32], time_s: float) -> bool:
        if self._usual is None or time_s - self._began_s < LEARN_S:
            return False
        return _correlation(grey, self._usual) < ALIKE

    def _learn(self, grey: NDArray[np.float32], time_s: float) -> None:
        if self._usual is None:
            self._usual, self._began_s = grey, time_s
        elif TURNED not in self._since_s:
            share = 1 - float(np.exp(-(time_s - self._last_s) / VIEW_S))
            self._usual = self._usual + np.float32(share) * (grey - self._usual)
        self._last_s = time_s


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / max(float(np.sqrt((a**2).sum() * (b**2).sum())), 1e-6))
