"""Face blurring: heads are found by keypoints and made unrecognizable, with a margin, and held over short gaps.

It follows the pose tracks: a face whose person is not tracked stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from posemill.pose.track import MediumTracks, PoseTrack
from posemill.video.draw import Image

HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head", "head_top", "neck")
MARGIN = 0.5  # of the head's radius, around it
HOLD_S = 1.0  # how long a head that is not seen is blurred where it was, or on the way between two sightings
_OF_SHOULDERS = 0.6  # head radius by the distance of the shoulders, where that says more than the keypoints of the head
_OF_BODY = 0.09  # and by the height of what is seen
_LEAST_PX = 3.0
_CELLS = 4  # pixels across a head: what is left of it


@dataclass(frozen=True, slots=True)
class Head:
    """A circle in the picture, pixels."""

    x_px: float
    y_px: float
    radius_px: float


class FaceBlur:
    """Blurs the heads of tracked people, frame by frame.

    margin  of the radius, added around the head.
    hold_s  seconds for which a head that is not seen counts as where it was, before and after it is seen; over a gap of
            up to twice as long it moves evenly from one sighting to the next.
    """

    def __init__(self, tracks: MediumTracks, margin: float = MARGIN, hold_s: float = HOLD_S) -> None:
        self._margin, self._hold_s = margin, hold_s
        found = (_sightings(track) for track in tracks.tracks)
        self._tracks = [(time_s, heads) for time_s, heads in found if len(time_s)]

    def heads(self, time_s: float) -> list[Head]:
        """Return the heads at a moment, without the margin."""
        found = (self._at(times, heads, time_s) for times, heads in self._tracks)
        return [head for head in found if head is not None]

    def blur(self, image: Image, time_s: float) -> Image:
        """Return a copy of the picture, (H, W, 3) uint8, with the heads of that moment blurred."""
        copy = image.copy()
        for head in self.heads(time_s):
            _pixelate(copy, head.x_px, head.y_px, head.radius_px * (1 + self._margin))
        return copy

    def _at(self, times: NDArray[np.float64], heads: NDArray[np.float64], time_s: float) -> Head | None:
        after = int(np.searchsorted(times, time_s))
        last = min(after, len(times) - 1)
        first = last if times[last] <= time_s else max(after - 1, 0)
        span = times[last] - times[first]
        if span <= 2 * self._hold_s and times[first] <= time_s <= times[last]:
            share = (time_s - times[first]) / span if span > 0 else 0.0
            x, y, _ = heads[first] + (heads[last] - heads[first]) * share
            return Head(float(x), float(y), float(max(heads[first][2], heads[last][2])))
        nearest = min((first, last), key=lambda row: abs(times[row] - time_s))
        return Head(*heads[nearest].tolist()) if abs(times[nearest] - time_s) <= self._hold_s else None


def _sightings(track: PoseTrack) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (N,) and heads (N, 3: x, y, radius) of the poses in which a head or shoulders are seen."""
    names = track.skeleton.keypoints
    head = [names.index(name) for name in HEAD if name in names]
    times, heads = [], []
    for time_s, xy in zip(track.time_s.tolist(), track.xy, strict=True):
        circle = _circle(xy, head, names)
        if circle is not None:
            times.append(time_s)
            heads.append(circle)
    return np.array(times, float), np.array(heads, float).reshape(-1, 3)


def _circle(xy: NDArray[np.float32], head: list[int], names: tuple[str, ...]) -> tuple[float, float, float] | None:
    seen = xy[~np.isnan(xy[:, 0])]
    if not len(seen):
        return None
    points = xy[head]
    points = points[~np.isnan(points[:, 0])]
    shoulders = _distance(xy, names, "left_shoulder", "right_shoulder")
    least = max(_OF_BODY * float(np.ptp(seen[:, 1])), _OF_SHOULDERS * (shoulders or 0.0), _LEAST_PX)
    if len(points):
        x, y = (points.min(0) + points.max(0)) / 2
        return float(x), float(y), max(float(np.ptp(points, axis=0).max()), least)
    if shoulders is None:
        return None
    both = xy[[names.index("left_shoulder"), names.index("right_shoulder")]]
    x, y = both.mean(0)
    return float(x), float(y) - least, 1.5 * least  # above the shoulders, wherever the face looks


def _distance(xy: NDArray[np.float32], names: tuple[str, ...], a: str, b: str) -> float | None:
    if a not in names or b not in names:
        return None
    distance = float(np.linalg.norm(xy[names.index(a)] - xy[names.index(b)]))
    return None if math.isnan(distance) else distance


def _pixelate(image: Image, x_px: float, y_px: float, radius_px: float) -> None:
    """Replace a circle by a few averages of it, which nothing can be computed back from."""
    high, wide = image.shape[:2]
    left, right = max(0, math.floor(x_px - radius_px)), min(wide, math.ceil(x_px + radius_px) + 1)
    top, low = max(0, math.floor(y_px - radius_px)), min(high, math.ceil(y_px + radius_px) + 1)
    if left >= right or top >= low:
        return
    part = image[top:low, left:right]
    few = cv2.resize(part, (min(_CELLS, right - left), min(_CELLS, low - top)), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(few, (right - left, low - top), interpolation=cv2.INTER_LINEAR)
    rows, columns = np.ogrid[top:low, left:right]
    inside = (columns - x_px) ** 2 + (rows - y_px) ** 2 <= radius_px**2
    part[inside] = smooth[inside]
