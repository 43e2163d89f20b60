"""AP and AR of keypoints as COCO defines them, by its own code (pycocotools), for people found in annotated photos."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.types import Pose
from posemill.pose.skeleton import COCO_17, Skeleton

FIGURES = ("ap", "ap_50", "ap_75", "ap_medium", "ap_large", "ar", "ar_50", "ar_75", "ar_medium", "ar_large")
FAR = -1e4  # where an unseen keypoint is put, so that it is near to nothing
_PERSON = 1


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture with its people: xy (M, 17, 2) pixels, NaN = not annotated; area_px2 (M,).

    ignored  boxes (x, y, width, height) of those who are not judged, and whether each is a crowd.
    """

    path: Path
    group: str
    xy: NDArray[np.float32]
    area_px2: NDArray[np.float32]
    ignored: tuple[tuple[tuple[float, float, float, float], bool], ...] = ()


def coco_figures(photos: Sequence[Photo], found: Sequence[Sequence[Pose]], skeleton: Skeleton) -> dict[str, float]:
    """AP, AR and their parts; -1 where nobody is of that size. Poses of other skeletons count by keypoint names."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports every step
        truth = COCO()
        truth.dataset = _dataset(photos)
        truth.createIndex()
        rows = [_detection(i, pose, skeleton) for i, poses in enumerate(found, 1) for pose in poses]
        if not rows:
            return dict.fromkeys(FIGURES, 0.0)
        judged = COCOeval(truth, _loaded(truth, rows), "keypoints")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return {name: round(float(value), 4) for name, value in zip(FIGURES, judged.stats, strict=True)}


def by_name(pose: Pose, skeleton: Skeleton) -> NDArray[np.float32]:
    """(17, 2): COCO's keypoints, NaN for those that the skeleton does not have."""
    xy = np.full((len(COCO_17), 2), np.nan, np.float32)
    for k, name in enumerate(COCO_17.keypoints):
        if name in skeleton.keypoints:
            xy[k] = pose.xy[skeleton.index(name)]
    return xy


def _dataset(photos: Sequence[Photo]) -> dict[str, Any]:
    """COCO's form: crowds and people without known keypoints are there to be ignored."""
    annotations: list[dict[str, Any]] = []
    for image, photo in enumerate(photos, 1):
        for xy, area in zip(photo.xy, photo.area_px2, strict=True):
            seen = np.isfinite(xy).all(-1)
            low, high = xy[seen].min(0), xy[seen].max(0)
            box = [*low.tolist(), *(high - low).tolist()]
            annotations.append(_annotation(image, _flat(xy, 0.0, 2), int(seen.sum()), float(area), box, crowd=False))
        for box, crowd in photo.ignored:
            annotations.append(_annotation(image, [0.0] * 51, 0, box[2] * box[3], list(box), crowd))
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    return {
        "images": [{"id": number} for number in range(1, len(photos) + 1)],
        "annotations": annotations,
        "categories": [{"id": _PERSON, "name": "person", "keypoints": list(COCO_17.keypoints)}],
        "info": {},
    }


def _annotation(
    image: int, keypoints: list[float], count: int, area: float, box: list[float], crowd: bool
) -> dict[str, Any]:
    return {
        "image_id": image,
        "category_id": _PERSON,
        "keypoints": keypoints,
        "num_keypoints": count,
        "area": area,
        "bbox": box,
        "iscrowd": int(crowd),
    }


def _detection(image: int, pose: Pose, skeleton: Skeleton) -> dict[str, Any]:
    xy = by_name(pose, skeleton)
    return {
        "image_id": image,
        "category_id": _PERSON,
        "keypoints": _flat(xy, FAR, 1),
        "score": pose.person_confidence,
        "spread": np.nan_to_num(np.nanmax(xy, 0) - np.nanmin(xy, 0)) if np.isfinite(xy).any() else np.zeros(2),
    }


def _loaded(truth: Any, rows: list[dict[str, Any]]) -> Any:
    """Detections as COCO takes them, with the area of what was seen: keypoints far away would make them giants."""
    spread = [row.pop("spread") for row in rows]
    loaded = truth.loadRes(rows)
    for annotation, sides in zip(loaded.dataset["annotations"], spread, strict=True):
        annotation["area"] = float(sides[0] * sides[1])
    return loaded


def _flat(xy: NDArray[np.float32], unseen: float, flag: int) -> list[float]:
    """51 numbers: x, y and visibility of every keypoint."""
    seen = np.isfinite(xy).all(-1)
    points = np.where(seen[:, None], xy, unseen)
    visible = np.where(seen, flag, 0 if flag == 2 else 1)
    return [float(v) for v in np.concatenate([points, visible[:, None]], 1).reshape(-1)]
