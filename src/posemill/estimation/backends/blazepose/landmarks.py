"""BlazePose's landmark network: 33 keypoints of one upright person in a square, with depth, and in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.blazepose.roi import Roi, crop
from posemill.estimation.backends.blazepose.tflite import TfLiteNetwork

Floats = NDArray[np.float32]

SIDE_PX = 256
LANDMARKS = 39  # 33 keypoints, two alignment points of the body, four that nobody uses
KEYPOINTS = 33
LANDMARK_SHAPES = [
    (1, SIDE_PX, SIDE_PX, 3),
    (1, 5 * LANDMARKS),
    (1, 1),
    (1, SIDE_PX, SIDE_PX, 1),
    (1, SIDE_PX // 4, SIDE_PX // 4, LANDMARKS),
    (1, 3 * LANDMARKS),
]
LANDMARK_OUTPUTS = (0, 1, 3, 4)  # landmarks, person, heat map, metres; the segmentation takes half the time of lite
KERNEL = 7  # cells of the heat map around a landmark that refine it
SURE = 0.5  # confidence in the hottest of them from which they do


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """One person as the landmark network sees them; coordinates of the picture.

    xy          (33, 2) float32, pixels.
    visibility  (33,) float32, 0..1: in the square and not hidden.
    presence    (33,) float32, 0..1: in the square.
    world_m     (33, 3) float32, metres from the middle of the hips: x right, y down, z away from the camera.
    person_confidence  0..1: there is somebody in the square.
    square      the region that was posed.
    roi         the region in which the same person is looked for next.
    """

    xy: Floats
    visibility: Floats
    presence: Floats
    world_m: Floats
    person_confidence: float
    square: Roi
    roi: Roi

    @property
    def px_per_m(self) -> float:
        """Pixels of a metre at the person's distance: spread of the keypoints in the picture over that in metres."""
        weight = self.confidence / max(float(self.confidence.sum()), 1e-6)
        spreads = [_spread(at, weight) for at in (self.xy, self.world_m[:, :2])]
        return spreads[0] / max(spreads[1], 1e-6)

    @property
    def z(self) -> Floats:
        """(33,) depth from the middle of the hips, away from the camera, in pixels of the picture as x and y are.

        That of `world_m` in the scale of the picture (weak perspective). The network's own depth in the square is not
        used: on rendered people it is three times too deep.
        """
        return np.asarray(self.world_m[:, 2] * np.float32(self.px_per_m), np.float32)

    @property
    def confidence(self) -> Floats:
        """(33,) the lesser of visibility and presence."""
        return np.minimum(self.visibility, self.presence)


class LandmarkNetwork:
    """The network of a landmark file, without segmentation, with its decoder. May be used by several threads."""

    def __init__(self, network: TfLiteNetwork) -> None:
        self._network = network

    def __call__(self, image: NDArray[np.uint8], roi: Roi) -> Landmarks:
        """Pose the person in a region of (H, W, 3) uint8 RGB."""
        raw, person, heat, world = self._network(crop(image, roi, SIDE_PX))
        values = raw.reshape(LANDMARKS, 5)
        shares = refine(values[:, :2] / np.float32(SIDE_PX), heat[0])
        xy, likely = roi.to_picture(shares), _sigmoid(values[:, 3:])
        metres = world.reshape(LANDMARKS, 3)[:KEYPOINTS].copy()
        metres[:, :2] = metres[:, :2] @ roi.axes.T
        return Landmarks(
            xy=xy[:KEYPOINTS],
            visibility=likely[:KEYPOINTS, 0],
            presence=likely[:KEYPOINTS, 1],
            world_m=metres,
            person_confidence=float(person.ravel()[0]),
            square=roi,
            roi=Roi.from_alignment(xy[KEYPOINTS], xy[KEYPOINTS + 1]),
        )


def refine(shares: Floats, heat: Floats) -> Floats:
    """Move landmarks to the centre of heat around them, where the heat map is sure.

    Args:
        shares: (L, 2) x, y, 0..1 of the square.
        heat: (h, w, L) logits.

    Returns:
        (L, 2), unchanged for landmarks outside the square or without heat of 0.5 in the kernel of 7 cells.
    """
    height, width = heat.shape[:2]
    refined = shares.copy()
    reach = KERNEL // 2
    for k, (x, y) in enumerate(np.trunc(shares * (width, height)).astype(int).tolist()):
        if not (0 <= x < width and 0 <= y < height):
            continue
        left, top = max(0, x - reach), max(0, y - reach)
        hot = _sigmoid(heat[top : y + reach + 1, left : x + reach + 1, k])
        if hot.max() >= SURE:
            weight = hot / hot.sum()
            refined[k, 0] = (weight.sum(0) @ np.arange(left, left + hot.shape[1])) / width
            refined[k, 1] = (weight.sum(1) @ np.arange(top, top + hot.shape[0])) / height
    return refined


def _spread(at: Floats, weight: Floats) -> float:
    """Weighted root mean square distance of (N, 2) from their mean."""
    away = at - weight @ at
    return float(np.sqrt(weight @ (away**2).sum(-1)))


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logits.clip(-80, 80))), np.float32)
