"""Units of keypoints, told by the size and place of bodies: nobody is 200 m wide, half a pixel tall or out of sight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.geometry import box_size
from posemill.pose.track import MediumTracks

LARGEST_M = 5.0  # side of the box around a person: arms stretched out, with what a sensor errs
SMALLEST_M = 0.05
SMALLEST_PX = 2.0
MOST_OUTSIDE = 0.25  # of poses, whose middle is beside the picture
LARGEST_SHARE = 1.2  # of the picture: what is guessed to be outside it included
FEWEST_KEYPOINTS = 5  # of a whole body; two of them may lie on each other
FLAT = 0.02  # a depth that varies by less of the body's size is none: a confidence or a flag
NOT_FOUND = -1.0
LARGEST_FLAG = 2.0  # COCO's visibility


def check_metres(name: str, xyz: NDArray[np.floating], *, any_unit: bool = False) -> None:
    """Refuse (..., K, 3) that cannot be places in metres; NaN = not seen.

    any_unit  the scale plays no part, only that z is a depth.
    Errors: InputError that says what the values look like.
    """
    points = np.asarray(xyz, np.float64)
    third = points[..., 2][~np.isnan(points[..., 2])]
    body, depth = _median(box_size(points[..., :2].astype(np.float32)).max(-1)), _depth(points[..., 2])
    if body is None or depth is None or not body:
        return
    if third.min() >= 0 and third.max() <= LARGEST_FLAG and depth < FLAT * body and body > LARGEST_M:
        raise InputError(
            f"{name}: x and y are pixels (bodies are {body:.0f} wide or tall) and the third value is a confidence "
            f"(0 to {third.max():.2g}), expected x, y, z in metres: give keypoint [M, T, V, 2] and keypoint_score "
            "[M, T, V] instead"
        )
    if any_unit:
        return
    if body > LARGEST_M:
        unit = "centimetres" if body < 400 else "millimetres"
        raise InputError(
            f"{name}: bodies are {body:.0f} wide or tall, so these are no metres (pixels, or {unit}): divide them to "
            "metres, or keep x, y and z as they are with --depth keep"
        )
    if body < SMALLEST_M:
        raise InputError(f"{name}: bodies are {body:.3g} wide or tall, so these are no metres: give metres")


def check_pixels(name: str, xy: NDArray[np.floating]) -> None:
    """Refuse (..., K, 2) that cannot be pixels: shares of the picture, or metres. NaN = not seen.

    Errors: InputError that says what the values look like.
    """
    if xy.shape[-2] < FEWEST_KEYPOINTS:
        return
    size = _median(box_size(np.asarray(xy, np.float32)).max(-1))
    if size is None or size >= SMALLEST_PX:
        return
    values = xy[~np.isnan(xy)]
    if values.min() < 0 or values.max() <= LARGEST_SHARE:
        raise InputError(
            f"{name}: bodies are {size:.3g} wide or tall, so these are no pixels but shares of the picture (0 to 1) or "
            "metres: multiply them by its width and height"
        )


def check_confidence(name: str, confidence: NDArray[np.floating]) -> None:
    """Refuse confidences that are percentages, bytes or logits. −1 is what some tools give to what they did not find.

    Errors: InputError with the range of the values.
    """
    if not confidence.size:
        return
    low, high = float(confidence.min()), float(confidence.max())
    if high > LARGEST_FLAG or (low < 0 and low != NOT_FOUND):
        raise InputError(f"{name}: confidences are {low:.3g} to {high:.3g}, expected 0 to 1")


def check_in_picture(name: str, tracks: MediumTracks) -> None:
    """Refuse tracks that are mostly beside their picture: pixels of another size, from the middle, or y upwards.

    Somebody leaves a picture now and then, and limbs are guessed beyond its edge; people who are not there at all
    belong to another one. Errors: InputError with the ranges of the values.
    """
    poses = np.concatenate([np.zeros((0, len(tracks.skeleton), 2)), *(track.xy for track in tracks.tracks)])
    poses = poses[np.isfinite(poses).all(-1).any(-1)]
    if not len(poses):
        return
    size = (tracks.width_px, tracks.height_px)
    centre = np.nanmedian(poses, 1)
    if ((centre < 0) | (centre > size)).any(-1).mean() <= MOST_OUTSIDE:
        return
    (left, top), (right, bottom) = np.nanmin(poses, (0, 1)), np.nanmax(poses, (0, 1))
    raise InputError(
        f"{name}: x is {left:.4g} to {right:.4g} and y {top:.4g} to {bottom:.4g}, which is outside of the picture of "
        f"{size[0]}x{size[1]}: expected pixels from its top left corner, y downwards, and its true size"
    )


def _depth(values: NDArray[np.float64]) -> float | None:
    """Median over poses of how far (..., K) values reach, where two or more are seen; None without any."""
    seen = ~np.isnan(values)
    reach = np.where(seen, values, -np.inf).max(-1) - np.where(seen, values, np.inf).min(-1)
    known = reach[seen.sum(-1) > 1]
    return float(np.median(known)) if known.size else None


def _median(values: NDArray[np.floating]) -> float | None:
    known = values[np.isfinite(values) & (values > 0)]
    return float(np.median(known)) if known.size else None
