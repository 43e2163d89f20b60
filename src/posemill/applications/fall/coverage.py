"""Coverage test: which part of the floor a camera can watch, learned from the feet of people who walked there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from posemill.applications.fall.geometry import BodyGeometry, GeometryReader
from posemill.applications.fall.params import FallParams
from posemill.applications.protocol import StreamFacts, TrackedFrame
from posemill.errors import InputError
from posemill.pose.polygon import Corner, inside

COLUMNS, ROWS = 32, 18  # cells of the picture
ENOUGH = 3  # well seen feet in a cell or its neighbours: that cell is covered


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Answer of a coverage test.

    floor    (ROWS, COLUMNS) bool, cells whose middle is in a floor zone.
    well     (ROWS, COLUMNS) int64, times that somebody's feet were seen there, whole and large enough.
    poorly   (ROWS, COLUMNS) int64, times that somebody was there cut off or too small.
    people   poses looked at.
    """

    floor: NDArray[np.bool_]
    well: NDArray[np.int64]
    poorly: NDArray[np.int64]
    people: int

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(ROWS, COLUMNS) floor cells in which, or next to which, feet were well seen often enough."""
        return self.floor & (_with_neighbours(self.well) >= ENOUGH)

    @property
    def blind(self) -> NDArray[np.bool_]:
        """(ROWS, COLUMNS) floor cells in which people were mostly cut off or too small."""
        poorly = _with_neighbours(self.poorly)
        return self.floor & ~self.covered & (poorly >= ENOUGH) & (poorly > _with_neighbours(self.well))

    @property
    def share(self) -> float:
        """Share of the floor that is covered, 0..1."""
        return float(self.covered.sum() / max(self.floor.sum(), 1))

    def sentence(self, wanted_share: float = 0.8) -> str:
        """Say in one sentence what the camera can watch and what to do."""
        if not self.people:
            return "nobody was seen: walk through the whole room once, also along its walls"
        share, blind = f"{self.share:.0%}", float(self.blind.sum() / max(self.floor.sum(), 1))
        if self.share >= wanted_share:
            return f"the camera can watch {share} of the floor"
        if blind > 1 - wanted_share:
            return f"the camera can watch {share} of the floor, on {blind:.0%} people are cut off or too small: move it"
        return f"feet were seen on {share} of the floor so far: walk where the picture shows none"

    def picture(self, background: NDArray[np.uint8] | None = None, width_px: int = 640) -> NDArray[np.uint8]:
        """Draw the coverage picture: floor covered green, blind red, not yet walked on grey.

        Args:
            background: (H, W, 3) uint8 RGB, a picture of the camera; None = dark.
            width_px: of the result where there is no background.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        height_px = width_px * ROWS // COLUMNS
        base = np.full((height_px, width_px, 3), 32, np.uint8) if background is None else background
        y = np.arange(base.shape[0]) * ROWS // base.shape[0]
        x = np.arange(base.shape[1]) * COLUMNS // base.shape[1]
        colours = np.zeros((ROWS, COLUMNS, 3))
        colours[self.floor] = (150, 150, 150)
        colours[self.covered] = (40, 190, 80)
        colours[self.blind] = (220, 50, 40)
        marked = self.floor[np.ix_(y, x)][..., None]
        return np.where(marked, 0.5 * base + 0.5 * colours[np.ix_(y, x)], base).astype(np.uint8)


class CoverageTest:
    """Self-test of a camera's place: somebody walks through the room, and the test says what part of the floor it sees.

    Args:
        stream: facts of the camera's stream.
        params: parameters of the fall alarm, for its floor and bed zones; without floor zones the whole picture counts.

    Examples:
        >>> from posemill.pose.skeleton import COCO_17
        >>> test = CoverageTest(StreamFacts(COCO_17, 640, 360), FallParams())
        >>> test.update(TrackedFrame(0, 0.0))
        >>> test.result().sentence()
        'nobody was seen: walk through the whole room once, also along its walls'
    """

    def __init__(self, stream: StreamFacts, params: FallParams | None = None) -> None:
        self._params = params or FallParams()
        self._size = np.array([stream.width_px, stream.height_px], np.float64)
        self._reader = GeometryReader(stream.skeleton, stream.width_px, stream.height_px)
        self._floor = _cells(self._params.floor_zones, self._params.bed_zones)
        if not self._floor.any():
            raise InputError("the floor zones leave no cell of the picture to watch: draw them larger")
        self._well, self._poorly = np.zeros((2, ROWS, COLUMNS), np.int64)
        self._people = 0

    def update(self, frame: TrackedFrame) -> None:
        """Take the next frame."""
        for pose in frame.people.values():
            body = self._reader.read(frame.time_s, pose.xy, pose.confidence, self._params.min_keypoint_confidence)
            if body is not None:
                self._people += 1
                self._count(body)

    def result(self) -> Coverage:
        """Return the coverage so far."""
        return Coverage(self._floor, self._well.copy(), self._poorly.copy(), self._people)

    def _count(self, body: BodyGeometry) -> None:
        whole = not body.cut_off and not isnan(body.ankle_y)
        good = whole and not body.length_px < self._params.min_body_px
        feet_x = body.middle[0] if isnan(body.hip_x) else body.hip_x
        feet_y = body.bottom_px if isnan(body.ankle_y) else body.ankle_y
        cell = np.array([feet_x, feet_y]) / self._size * (COLUMNS, ROWS)
        column, row = np.clip(cell, 0, (COLUMNS - 1, ROWS - 1)).astype(int)  # feet outside: at the border
        (self._well if good else self._poorly)[row, column] += 1


def _cells(floor: Sequence[Sequence[Corner]], beds: Sequence[Sequence[Corner]]) -> NDArray[np.bool_]:
    """(ROWS, COLUMNS) cells whose middle is in one of the floor zones (no zones: everywhere), and in no bed."""
    y, x = (np.mgrid[:ROWS, :COLUMNS] + 0.5) / np.array([ROWS, COLUMNS])[:, None, None]
    points = np.stack([x.ravel(), y.ravel()], -1)
    watched = np.any([inside(points, zone) for zone in floor], axis=0) if floor else np.ones(len(points), bool)
    for bed in beds:
        watched &= ~inside(points, bed)
    return watched.reshape(ROWS, COLUMNS)


def _with_neighbours(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of every cell and its eight neighbours."""
    padded = np.pad(counts, 1)
    return np.asarray(sum(padded[y : y + ROWS, x : x + COLUMNS] for y in range(3) for x in range(3)))
