"""Keypoints that were not found, as other tools write them: 0, 0 or −1, −1 with confidence 0.

OpenPose, YOLO, MediaPipe and many converters have no other way to say it. Taken for a position, such a point pulls box,
centre and scale into the picture's corner. Every import and the service apply this one rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MARKS = (0.0, -1.0)  # no keypoint is measured exactly there


def not_found(position: NDArray[np.floating], confidence: NDArray[np.floating] | None = None) -> NDArray[np.bool_]:
    """Return (...) true where a keypoint was not found.

    position    (..., D) coordinates, D = 2 pixels or 3; NaN = not seen, which is not found as well.
    confidence  (...), None where the format has none.

    With a confidence: whatever is exactly at the origin, or has a negative coordinate in pixels (D = 2), and has
    confidence 0 (or NaN). Without: whatever is exactly at the origin or, in pixels, at −1, −1. A point with confidence
    0 inside the picture stays: some estimators place what they are not sure of.

    Examples:
        >>> xy = np.array([[0.0, 0.0], [-1.0, -1.0], [0.0, 0.0], [5.0, 7.0]])
        >>> not_found(xy, np.array([0.0, 0.0, 0.9, 0.0])).tolist()
        [True, True, False, False]
        >>> not_found(xy).tolist()
        [True, True, True, False]
    """
    position = np.asarray(position)
    in_pixels = position.shape[-1] == 2
    missing: NDArray[np.bool_] = np.isnan(position).any(-1)
    if confidence is None:
        marks = _MARKS if in_pixels else _MARKS[:1]
        return np.asarray(missing | np.logical_or.reduce([(position == mark).all(-1) for mark in marks]))
    nowhere = (position == 0).all(-1)
    if in_pixels:
        nowhere |= (position < 0).any(-1)
    return np.asarray(missing | (nowhere & ~(np.asarray(confidence) > 0)))


def hide_not_found(
    position: NDArray[Any], confidence: NDArray[Any] | None = None
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return copies in which what was not found is NaN, with confidence 0; see `not_found`.

    Examples:
        >>> xy, confidence = hide_not_found(np.zeros((1, 2)), np.zeros(1))
        >>> xy.tolist(), confidence.tolist()
        ([[nan, nan]], [0.0])
    """
    missing = not_found(position, confidence)
    hidden = np.where(missing[..., None], np.nan, position).astype(np.asarray(position).dtype)
    if confidence is None:
        return hidden, None
    return hidden, np.where(missing, 0, confidence).astype(np.asarray(confidence).dtype)
