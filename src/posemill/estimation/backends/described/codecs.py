"""Decoders of described networks' outputs, to keypoints in the pixels of the network's input.

As their publishers decode them: SimCC (Li et al., ECCV 2022; RTMPose), heatmaps with a quarter shift or by DARK (Zhang
et al., CVPR 2020), candidates of YOLO-pose, and RTMO's people. Written from the papers and formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.estimation.backends.described.description import NetworkDescription

Outputs = Sequence[NDArray[np.float32]]


class Decoded(NamedTuple):
    """Keypoints (N, K, 3) of people: x, y in the input's pixels, confidence; and their own confidence (N,)."""

    keypoints: NDArray[np.float64]
    person: NDArray[np.float64]


def decode(outputs: Outputs, about: NetworkDescription, least: float) -> Decoded:
    """Decode the outputs for one picture or crop; people less confident than `least` are left out (not of a crop).

    Errors: CheckpointError where shapes are not those that the description says.
    """
    decoders = {"simcc": _simcc, "heatmap": _heatmap, "candidates": _candidates, "people": _people}
    return decoders[about.output.kind](outputs, about, least)


def check_outputs(outputs: Outputs, about: NetworkDescription) -> None:
    """Raise CheckpointError where the network does not give what the description says."""
    k, kind = len(about.body), about.output.kind
    size, split = about.input, about.output.split
    wanted: dict[str, list[tuple[int | None, ...]]] = {
        "simcc": [(1, k, round(size.width * split)), (1, k, round(size.height * split))],
        "heatmap": [(1, k, None, None)],
        "candidates": [(1, 5 + 3 * k, None)],
        "people": [(1, None, 5), (1, None, k, 3)],
    }
    came = [a.shape for a in outputs]
    fits = len(came) >= len(wanted[kind]) and all(
        len(is_) == len(want) and all(w is None or w == i for w, i in zip(want, is_, strict=True))
        for is_, want in zip(came, wanted[kind], strict=False)
    )
    if not fits:
        told = ", ".join(str(tuple("any" if n is None else n for n in shape)) for shape in wanted[kind])
        raise CheckpointError(
            f"{about.network}: output {kind} of {about.body.name} should be {told}, came as "
            f"{', '.join(map(str, came))}; correct the description"
        )


def _simcc(outputs: Outputs, about: NetworkDescription, least: float) -> Decoded:
    x, y = (np.asarray(a[0], np.float64) for a in outputs[:2])
    at = np.stack([x.argmax(1), y.argmax(1)], -1) / about.output.split
    return _of_one(at, np.minimum(x.max(1), y.max(1)))


def _heatmap(outputs: Outputs, about: NetworkDescription, least: float) -> Decoded:
    maps = np.asarray(outputs[0][0], np.float64)
    k, height, width = maps.shape
    flat = maps.reshape(k, -1)
    best = flat.argmax(1)
    at = np.stack([best % width, best // width], -1).astype(np.float64)
    if about.output.refine == "quarter":
        at += 0.25 * np.sign(_slopes(maps, at.astype(int)))
    elif about.output.refine == "dark":
        at = _dark(maps, at.astype(int), about.output.blur)
    size, cells = np.array([about.input.width, about.input.height]), np.array([width, height])
    ratio = (size - 1) / (cells - 1) if about.input.unbiased else size / cells
    return _of_one(at * ratio, flat.max(1))


def _candidates(outputs: Outputs, about: NetworkDescription, least: float) -> Decoded:
    import cv2

    rows = np.asarray(outputs[0][0].T, np.float64)
    rows = rows[rows[:, 4] >= max(least, 1e-3)]
    boxes = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, 2:4]], 1)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), rows[:, 4].tolist(), 0.0, about.output.iou) if len(rows) else []
    rows = rows[np.asarray(kept, int).reshape(-1)]
    return Decoded(rows[:, 5:].reshape(len(rows), len(about.body), 3), rows[:, 4])


def _people(outputs: Outputs, about: NetworkDescription, least: float) -> Decoded:
    person = np.asarray(outputs[0][0, :, 4], np.float64)
    sure = person >= max(least, 1e-3)
    return Decoded(np.asarray(outputs[1][0], np.float64)[sure], person[sure])


def _of_one(at: NDArray[np.float64], confidence: NDArray[np.float64]) -> Decoded:
    keypoints = np.concatenate([at, confidence[:, None]], -1)
    return Decoded(keypoints[None], np.array([confidence.clip(0, 1).mean()]))


def _slopes(maps: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    """(K, 2) differences of the neighbours of a cell, right less left and below less above; 0 at the border."""
    k, height, width = maps.shape
    x, y, rows = at[:, 0], at[:, 1], np.arange(k)
    inside_x, inside_y = (x > 0) & (x < width - 1), (y > 0) & (y < height - 1)
    right, left = np.minimum(x + 1, width - 1), np.maximum(x - 1, 0)
    below, above = np.minimum(y + 1, height - 1), np.maximum(y - 1, 0)
    slope_x = np.where(inside_x, maps[rows, y, right] - maps[rows, y, left], 0)
    slope_y = np.where(inside_y, maps[rows, below, x] - maps[rows, above, x], 0)
    return np.stack([slope_x, slope_y], -1)


def _dark(maps: NDArray[np.float64], at: NDArray[np.int64], blur: int) -> NDArray[np.float64]:
    """(K, 2) tops of parabolas through the logarithm of the blurred maps, within a cell of the highest one."""
    import cv2

    sigma = 0.3 * ((blur - 1) * 0.5 - 1) + 0.8
    found = at.astype(np.float64)
    for k, (x, y) in enumerate(at.tolist()):
        height, width = maps[k].shape
        if not (1 < x < width - 2 and 1 < y < height - 2):
            continue
        smooth = cv2.GaussianBlur(maps[k], (blur, blur), sigma)
        smooth *= maps[k].max() / max(smooth.max(), 1e-12)
        log = np.log(np.maximum(smooth[y - 2 : y + 3, x - 2 : x + 3], 1e-10))
        dx, dy = (log[2, 3] - log[2, 1]) / 2, (log[3, 2] - log[1, 2]) / 2
        dxx = (log[2, 4] - 2 * log[2, 2] + log[2, 0]) / 4
        dyy = (log[4, 2] - 2 * log[2, 2] + log[0, 2]) / 4
        dxy = (log[3, 3] - log[1, 3] - log[3, 1] + log[1, 1]) / 4
        determinant = dxx * dyy - dxy * dxy
        if abs(determinant) > 1e-12:
            step = -np.array([dyy * dx - dxy * dy, dxx * dy - dxy * dx]) / determinant
            found[k] += step.clip(-1, 1)
    return found
