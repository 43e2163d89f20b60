"""Drawing: skeletons on pictures, contact sheets, and picture files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from posemill.atomic import write_bytes
from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

LEFT: Colour = (255, 150, 20)  # the person's left, whatever side of the picture it is on
RIGHT: Colour = (40, 150, 255)
MIDDLE: Colour = (90, 230, 90)
OUTLINE: Colour = (20, 20, 20)
PEOPLE: tuple[Colour, ...] = (MIDDLE, (235, 90, 220), (245, 225, 70), (80, 220, 220), (230, 100, 90), (190, 190, 190))
_SUBPIXEL = 4  # cv2 draws at 1/16 pixel


def draw_pose(
    image: Image,
    xy: NDArray[np.floating],
    confidence: NDArray[np.floating] | None,
    skeleton: Skeleton,
    color: Colour | None = None,
    *,
    minimum_confidence: float = 0.0,
) -> Image:
    """Draw one person's skeleton on a copy of the picture.

    image       (H, W, 3) uint8 RGB.
    xy          (K, 2) pixels; a NaN keypoint and its edges are skipped.
    confidence  (K,) or None; keypoints below `minimum_confidence` are skipped.
    color       RGB of the trunk and the keypoints in the middle. Limbs are orange on the person's left, blue on the
                person's right. Lines grow with the picture.
    """
    copy = image.copy()
    _draw(copy, xy, confidence, skeleton, color or MIDDLE, minimum_confidence)
    return copy


def draw_poses(
    image: Image,
    poses: Sequence[tuple[NDArray[np.floating], NDArray[np.floating] | None]],
    skeleton: Skeleton,
    colors: Sequence[Colour] = PEOPLE,
    *,
    minimum_confidence: float = 0.0,
) -> Image:
    """Draw every person's skeleton on a copy of the picture, each trunk in a colour of its own.

    poses  (xy, confidence) of each person, as in draw_pose; colours are used again from the start when they run out.
    """
    copy = image.copy()
    for number, (xy, confidence) in enumerate(poses):
        _draw(copy, xy, confidence, skeleton, colors[number % len(colors)], minimum_confidence)
    return copy


def _draw(
    image: Image,
    xy: NDArray[np.floating],
    confidence: NDArray[np.floating] | None,
    skeleton: Skeleton,
    color: Colour,
    minimum_confidence: float,
) -> None:
    if xy.shape != (len(skeleton), 2):
        raise InputError(f"expected ({len(skeleton)}, 2) keypoints of skeleton {skeleton.name}, came {xy.shape}")
    drawn = np.isfinite(xy).all(-1)
    if confidence is not None:
        drawn &= np.asarray(confidence) >= minimum_confidence
    colors = _keypoint_colors(skeleton, color)
    # cv2 takes 32-bit integers: a far-away keypoint must not overflow them
    points = np.round(np.clip(np.where(drawn[:, None], xy, 0), -30_000, 30_000) * 2**_SUBPIXEL).astype(int)
    width = max(1, round(math.sqrt(image.shape[0] * image.shape[1]) / 160))
    edges = [(a, b) for a, b in skeleton.edge_index.tolist() if drawn[a] and drawn[b]]
    for a, b in edges:
        cv2.line(image, tuple(points[a]), tuple(points[b]), OUTLINE, width + 2, cv2.LINE_AA, _SUBPIXEL)
    for a, b in edges:
        line = colors[b] if colors[a] == colors[b] or colors[a] == color else color
        cv2.line(image, tuple(points[a]), tuple(points[b]), line, width, cv2.LINE_AA, _SUBPIXEL)
    for k in np.flatnonzero(drawn).tolist():
        radius = round((0.5 + 0.75 * width) * 2**_SUBPIXEL)
        cv2.circle(image, tuple(points[k]), radius + 2**_SUBPIXEL, OUTLINE, -1, cv2.LINE_AA, _SUBPIXEL)
        cv2.circle(image, tuple(points[k]), radius, colors[k], -1, cv2.LINE_AA, _SUBPIXEL)


def _keypoint_colors(skeleton: Skeleton, middle: Colour) -> list[Colour]:
    """Colour of every keypoint: its side's, by the skeleton's pairs."""
    sides = dict.fromkeys(skeleton.keypoints, middle)
    for left, right in skeleton.pairs:
        sides[left], sides[right] = LEFT, RIGHT
    return list(sides.values())


def contact_sheet(
    images: Sequence[Image],
    columns: int,
    captions: Sequence[str] | None = None,
    *,
    cell_px: tuple[int, int] | None = None,
) -> Image:
    """Compose a contact sheet row by row, each picture fitted into its cell, its caption below.

    images    (H, W, 3) uint8 RGB each, any sizes.
    captions  one for each picture, or None.
    cell_px   width and height of a cell; None = the largest width and the largest height there are.
    """
    if not images or columns < 1 or (captions is not None and len(captions) != len(images)):
        raise InputError(
            f"a contact sheet needs pictures, at least 1 column and as many captions as pictures; came "
            f"{len(images)} pictures, {columns} columns, {'no' if captions is None else len(captions)} captions"
        )
    width, height = cell_px or (max(i.shape[1] for i in images), max(i.shape[0] for i in images))
    gap, strip = 2, 16 if captions is not None else 0
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (height + strip + gap) + gap, columns * (width + gap) + gap, 3), 24, np.uint8)
    for number, image in enumerate(images):
        top = gap + number // columns * (height + strip + gap)
        left = gap + number % columns * (width + gap)
        _fit(sheet[top : top + height, left : left + width], image)
        if captions is not None:
            _caption(sheet[top + height : top + height + strip, left : left + width], captions[number])
    return sheet


def _fit(cell: Image, image: Image) -> None:
    """Put the picture into the cell's middle, as large as it goes."""
    scale = min(cell.shape[0] / image.shape[0], cell.shape[1] / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    if size != (image.shape[1], image.shape[0]):
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)  # type: ignore[assignment]
    top, left = (cell.shape[0] - size[1]) // 2, (cell.shape[1] - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = image


def _caption(strip: Image, text: str) -> None:
    """Write the text in one line, smaller when it is long. cv2's font has ASCII only."""
    text = text.encode("ascii", "replace").decode()
    wide = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)[0][0]
    size = 0.4 * min(1.0, (strip.shape[1] - 4) / max(wide, 1))
    line = np.ascontiguousarray(strip)
    cv2.putText(line, text, (2, 11), cv2.FONT_HERSHEY_SIMPLEX, size, (230, 230, 230), 1, cv2.LINE_AA)
    strip[:] = line


def write_png(path: Path, image: Image) -> None:
    """Write an RGB picture as PNG, atomically."""
    _write(path, ".png", image, [])


def write_jpeg(path: Path, image: Image, quality: int = 90) -> None:
    """Write an RGB picture as JPEG of quality 1..100, atomically."""
    _write(path, ".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])


def _write(path: Path, kind: str, image: Image, options: list[int]) -> None:
    path = Path(path)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f"{path}: expected a picture (H, W, 3) uint8 RGB, came {image.shape} {image.dtype}")
    written, encoded = cv2.imencode(kind, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not written:
        raise InputError(f"{path}: a picture of {image.shape[1]}×{image.shape[0]} could not be written as {kind}")
    write_bytes(path, encoded.tobytes())
