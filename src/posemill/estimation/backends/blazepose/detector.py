"""BlazePose's person detector: SSD anchors, box decoding and weighted non-maximum suppression, as in MediaPipe.

A detection is of a face; its alignment points say where the body is: the middle of the hips, a point on the circle
around the whole body in the direction of the head, and the same two for the upper body.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.blazepose.roi import Roi, crop
from posemill.estimation.backends.blazepose.tflite import TfLiteNetwork

Floats = NDArray[np.float32]

SIDE_PX = 224
STRIDES_PX = (8, 16, 32, 32, 32)
ANCHORS_A_LAYER = 2  # in every cell; strides that follow one another share their cells
ANCHORS, VALUES = 2254, 12  # centre x, y, width, height, and x, y of the four alignment points
DETECTOR_SHAPES = [(1, SIDE_PX, SIDE_PX, 3), (1, ANCHORS, VALUES), (1, ANCHORS, 1)]
WINDOW_OVERLAP = 1 / 3  # of a window's side, at least
MIN_ZOOM = 1.2  # windows in which people are hardly larger are not worth it
SAME_FACE = 0.3  # intersection over union
THRESHOLD = 0.5  # confidence of a detection, MediaPipe's own


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One person found by the detector, in pixels of the picture.

    confidence  0..1.
    box         (4,) left, top, right, bottom of the face.
    points      (4, 2) middle of the hips, circle of the body, middle of the shoulders, circle of the upper body.
    zoomed      found in windows only, not in the whole picture.
    """

    confidence: float
    box: Floats
    points: Floats
    zoomed: bool = False


class Detector:
    """The detector's network with its decoder. May be used by several threads.

    threshold     0..1, detections less confident are dropped.
    long_edge_px  long edge of the picture in windows, see `windows`; 0 = MediaPipe's way, the whole picture alone.
    """

    def __init__(self, network: TfLiteNetwork, threshold: float = THRESHOLD, long_edge_px: int = 0) -> None:
        self._network, self._threshold, self._long_edge_px = network, threshold, long_edge_px

    def __call__(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Detect everybody in (H, W, 3) uint8 RGB, the most confident first."""
        found: list[Detection] = []
        height, width = image.shape[:2]
        for number, roi in enumerate(windows(height, width, self._long_edge_px)):
            values, logits = self._network(crop(image, roi, SIDE_PX, border=0) * 2 - 1)
            there = [in_picture(each, roi) for each in decode(values[0], logits[0, :, 0], self._threshold)]
            found += [replace(each, zoomed=number > 0) for each in there]
        return weighted_nms(found)


def windows(height_px: int, width_px: int, long_edge_px: int) -> list[Roi]:
    """Return the squares of a picture that the detector runs on: the whole, and windows in which people are larger.

    A window has the detector's 224 pixels where the picture's longer side has `long_edge_px`; windows overlap by a
    third. Up to 257 there is the whole picture alone, as in MediaPipe.

    Examples:
        >>> len(windows(480, 640, 225)), len(windows(480, 640, 385)), len(windows(720, 1280, 641))
        (1, 7, 9)
    """
    whole = Roi.whole(height_px, width_px)
    side = whole.side_px * SIDE_PX / max(long_edge_px, 1)
    if whole.side_px <= MIN_ZOOM * side:
        return [whole]
    middles = [_middles(length, side) for length in (width_px, height_px)]
    return [whole, *(Roi(x, y, side, 0.0) for y in middles[1] for x in middles[0])]


def _middles(length_px: int, side_px: float) -> list[float]:
    """Middles of the windows along one side of the picture."""
    if length_px <= side_px:
        return [length_px / 2]
    count = 1 + ceil((length_px - side_px) / (side_px * (1 - WINDOW_OVERLAP)))
    return [float(x) for x in np.linspace(side_px / 2, length_px - side_px / 2, count)]


@cache
def anchors() -> Floats:
    """Return the centres (2254, 2) of all anchors, x and y as shares 0..1 of the input's side."""
    centres = []
    for stride in dict.fromkeys(STRIDES_PX):
        cells = SIDE_PX // stride
        row, column = np.mgrid[:cells, :cells].reshape(2, -1)
        centre = (np.stack([column, row], -1) + 0.5) / cells
        centres.append(np.repeat(centre, ANCHORS_A_LAYER * STRIDES_PX.count(stride), axis=0))
    return np.concatenate(centres).astype(np.float32)


def decode(values: Floats, logits: Floats, threshold: float) -> list[Detection]:
    """Decode the network's outputs, (2254, 12) and (2254,), to detections in shares 0..1 of the input's side."""
    confidence = 1 / (1 + np.exp(-logits.astype(np.float64).clip(-100, 100)))
    sure = np.flatnonzero(confidence >= threshold)
    offset = anchors()[sure]
    points = values[sure].reshape(-1, VALUES // 2, 2) / SIDE_PX
    centre, half = points[:, 0] + offset, points[:, 1] / 2
    boxes = np.concatenate([centre - half, centre + half], -1)
    alignment = points[:, 2:] + offset[:, None]
    return [Detection(float(confidence[n]), boxes[i], alignment[i]) for i, n in enumerate(sure.tolist())]


def weighted_nms(detections: list[Detection]) -> list[Detection]:
    """Weighted non-maximum suppression: overlapping faces become their mean, weighted by confidence.

    Returns one detection a face, the most confident first, each with the confidence of the best.
    """
    left = sorted(detections, key=lambda d: -d.confidence)
    kept = []
    while left:
        best, *others = left
        overlap = _iou(best.box, np.stack([d.box for d in left]))[1:]
        kept.append(_mean([best, *(d for d, share in zip(others, overlap, strict=True) if share > SAME_FACE)]))
        left = [d for d, share in zip(others, overlap, strict=True) if share <= SAME_FACE]
    return kept


def in_picture(detection: Detection, roi: Roi) -> Detection:
    """Map a detection from shares of a region's side to pixels of the picture."""
    box, points = roi.to_picture(detection.box.reshape(2, 2)), roi.to_picture(detection.points)
    return Detection(detection.confidence, box.reshape(4), points)


def _mean(same: list[Detection]) -> Detection:
    weight = np.array([d.confidence for d in same], np.float32)
    weight /= weight.sum()
    box = np.einsum("n,nc->c", weight, np.stack([d.box for d in same]))
    points = np.einsum("n,npc->pc", weight, np.stack([d.points for d in same]))
    return Detection(same[0].confidence, box, points, all(d.zoomed for d in same))


def _iou(box: Floats, others: Floats) -> Floats:
    """Intersection over union of one box (4,) with others (N, 4); 0 where a box has no area."""
    size = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    intersection = size.clip(0).prod(-1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(-1) - intersection
    return np.asarray(np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0), np.float32)
