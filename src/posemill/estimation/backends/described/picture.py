"""Pictures for described networks: crops around people, and letterboxes, with the way back to the picture's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.described.description import InputDescription

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Network input (1, 3, height, width) float32; its pixels lie in the picture at input · scale + shift."""

    array: NDArray[np.float32]
    scale: Floats
    shift: Floats

    def back(self, xy: NDArray[np.floating]) -> Floats:
        """Positions (..., 2) in the input to those in the picture."""
        return np.asarray(xy * self.scale + self.shift, np.float64)


def crop(image: NDArray[np.uint8], box: Floats, about: InputDescription) -> Placed:
    """Crop around a box (left, top, right, bottom), of the network's proportions."""
    size = np.array([about.width, about.height], np.float64)
    middle, sides = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * about.padding
    aspect = size[0] / size[1]
    sides = np.array([max(sides[0], sides[1] * aspect), max(sides[1], sides[0] / aspect)])
    steps = size - 1 if about.unbiased else size
    scale = sides / steps
    shift = middle - sides / 2
    return Placed(_network_input(_warped(image, scale, shift, about), about), scale, shift)


def letterbox(image: NDArray[np.uint8], about: InputDescription) -> Placed:
    """The whole picture in the network's frame, its proportions kept."""
    import cv2

    height, width = image.shape[:2]
    ratio = min(about.width / width, about.height / height)
    inner = max(1, round(width * ratio)), max(1, round(height * ratio))
    framed = np.full((about.height, about.width, 3), about.fill, np.uint8)
    free = np.array([about.width - inner[0], about.height - inner[1]])
    left, top = (free // 2).tolist() if about.align == "centre" else (0, 0)
    resized = image if inner == (width, height) else cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
    framed[top : top + inner[1], left : left + inner[0]] = resized
    scale = np.array([1 / ratio, 1 / ratio])
    return Placed(_network_input(framed, about), scale, -np.array([left, top]) * scale)


def _warped(image: NDArray[np.uint8], scale: Floats, shift: Floats, about: InputDescription) -> NDArray[np.uint8]:
    import cv2

    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = (about.fill,) * 3
    return np.asarray(cv2.warpAffine(image, matrix, (about.width, about.height), flags=flags, borderValue=border))


def _network_input(picture: NDArray[np.uint8], about: InputDescription) -> NDArray[np.float32]:
    ordered = picture if about.colours == "rgb" else picture[..., ::-1]
    values = (ordered.astype(np.float32) - np.array(about.mean, np.float32)) / np.array(about.std, np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])
