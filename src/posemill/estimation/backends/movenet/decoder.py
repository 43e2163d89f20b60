"""MoveNet on one picture: the square given to the network, its heads decoded, and the main person of a picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.postprocess import mask_out_of_frame
from posemill.estimation.types import Pose, PoseSettings
from posemill.pose.skeleton import COCO_17

KEYPOINTS = len(COCO_17)
HEADS = (KEYPOINTS, 1, 2 * KEYPOINTS, 2 * KEYPOINTS)  # heat, centre, from the centre to keypoints, within their cells
REACH = 1.8  # cells: how soon heat counts less with the distance from where it is expected
SURE = 0.2  # confidence of a keypoint that a crop is laid around
TORSO_MARGIN, BODY_MARGIN = 1.9, 1.2
_SHOULDERS, _HIPS = ([COCO_17.index(f"{side}_{part}") for side in ("left", "right")] for part in ("shoulder", "hip"))

Box = tuple[int, int, int]  # left, top and side of a square, pixels of the picture; it may reach beyond the picture
PoseIn = Callable[[NDArray[np.uint8], Box], NDArray[np.float32]]  # picture, square → (17, 3), see pose_in


def pose_in(
    image: NDArray[np.uint8], box: Box, run: Callable[[NDArray[np.float32]], NDArray[np.float32]], side: int
) -> NDArray[np.float32]:
    """Pose the most confident and central person in the square: (17, 3) x, y, confidence; pixels of the picture.

    run   (1, 3, side, side) float32 RGB 0..255 → heads (86, side / 4, side / 4).
    """
    person = decode(run(network_input(image, box, side)))
    person[:, :2] = person[:, :2] * box[2] + box[:2]
    return person


def main_person(image: NDArray[np.uint8], pose: PoseIn, settings: PoseSettings, crops: bool = False) -> list[Pose]:
    """Return the most confident and central person of a picture, or nobody.

    The network runs on the whole picture, then on the crop around whom it found there.

    crops  the picture is a crop around a person already: the network runs once.
    """
    found = pose(image, whole(image))
    box = None if crops else crop_around(found, image)
    if box is not None:
        nearer = pose(image, box)
        found = max(found, nearer, key=lambda person: float(person[:, 2].mean()))
    masked = mask_out_of_frame(found[:, :2], found[:, 2], image, settings.keypoint_threshold)
    return [masked] if masked.person_confidence >= settings.instance_threshold else []


def decode(fields: NDArray[np.float32]) -> NDArray[np.float32]:
    """(86, h, w) heads to (17, 3): x, y in 0..1 of the sides, confidence. Heads: logits, and vectors (y, x) in cells.

    The centre is the most confident one near the middle; heat is weighted by its distance from where the centre
    expects a keypoint.
    """
    heat, centre, expected, within = np.split(fields, np.cumsum(HEADS)[:-1])
    height, width = heat.shape[1:]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    heat, centre = (1 / (1 + np.exp(-logits.clip(-50, 50))) for logits in (heat, centre[0]))
    row, column = np.unravel_index((centre / (np.hypot(y - height / 2, x - width / 2) + REACH)).argmax(), centre.shape)
    at = expected[:, row, column].reshape(-1, 2, 1, 1) + np.array([row, column]).reshape(2, 1, 1)
    likely = heat / (np.hypot(y - at[:, 0], x - at[:, 1]) + REACH)
    rows, columns = np.unravel_index(likely.reshape(KEYPOINTS, -1).argmax(1), (height, width))
    keypoint = np.arange(KEYPOINTS)
    offset = within.reshape(KEYPOINTS, 2, height, width)[keypoint, :, rows, columns]
    places = ((columns + offset[:, 1]) / width, (rows + offset[:, 0]) / height)
    return np.stack([*places, heat[keypoint, rows, columns]], -1).astype(np.float32)


def whole(image: NDArray[np.uint8]) -> Box:
    """The square around the middle of the picture that holds all of it."""
    height, width = image.shape[:2]
    side = max(height, width)
    return (width - side) // 2, (height - side) // 2, side


def crop_around(person: NDArray[np.float32], image: NDArray[np.uint8]) -> Box | None:
    """The square around a person's hips with room to move, as MoveNet's demonstration lays it.

    None where no torso is seen well enough, or where the square would be no smaller than the picture.
    """
    sure = person[:, 2] > SURE
    if not (sure[_SHOULDERS].any() and sure[_HIPS].any()):
        return None
    xy, middle = person[:, :2], person[_HIPS, :2].mean(0)
    away = np.abs(xy - middle)
    half = max(TORSO_MARGIN * away[[*_SHOULDERS, *_HIPS]].max(), BODY_MARGIN * away[sure].max())
    height, width = image.shape[:2]
    half = min(half, float(max(*middle, width - middle[0], height - middle[1])))
    if half >= max(height, width) / 2:
        return None
    left, top = np.floor(middle - half).astype(int).tolist()
    return left, top, max(1, round(2 * half))


def network_input(image: NDArray[np.uint8], box: Box, side: int) -> NDArray[np.float32]:
    """(H, W, 3) uint8 RGB to (1, 3, side, side) float32 RGB 0..255: the square, black where there is no picture."""
    import cv2

    left, top, length = box
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + length), min(height, top + length)
    square = np.zeros((1, 3, side, side), np.float32)
    if x1 <= x0 or y1 <= y0:
        return square
    scale = side / length
    at = [round(v * scale) for v in (x0 - left, y0 - top, x1 - left, y1 - top)]
    size = max(1, at[2] - at[0]), max(1, at[3] - at[1])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    part = cv2.resize(image[y0:y1, x0:x1], size, interpolation=way)[: side - at[1], : side - at[0]]
    square[0, :, at[1] : at[1] + part.shape[0], at[0] : at[0] + part.shape[1]] = part.transpose(2, 0, 1)
    return square
