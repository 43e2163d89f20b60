"""Test-time augmentation: other scales, flips, and crops around everybody found; the mean of their poses.

A network sees best what has the size of the people it was trained with. Poses that several views agree on become their
mean; what only one of them has counts less. It costs as many times more as there are views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.fingerprint import pose_code
from posemill.estimation.tta.crops import crop_around, shifted
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.params.tta import TTAParams
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import Skeleton

MIN_OKS = 0.4  # from which poses of two views are of the same person
MARGIN = 0.25  # of a person's longer side, on each side of a crop
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TTA:
    """Views of test-time augmentation.

    long_edges_px  scales of the whole picture, 16n + 1 each; the first is the usual one.
    flip           each of them flipped too.
    crop_px        long edge of a crop around everybody found; None = no crops.
    """

    long_edges_px: tuple[int, ...]
    flip: bool = False
    crop_px: int | None = None

    @property
    def views(self) -> int:
        """Number of views of the whole picture."""
        return len(self.long_edges_px) * (1 + self.flip)


class TTABackend:
    """See PoseBackend: another backend, run on several views of every picture.

    backend_at  loads the backend for a long edge.
    """

    def __init__(self, backend_at: Callable[[int], PoseBackend], tta: TTA) -> None:
        sides = {*tta.long_edges_px, *([tta.crop_px] if tta.crop_px else [])}
        self._at = {side: backend_at(side) for side in sides}
        self._tta = tta
        self.skeleton: Skeleton = self._at[tta.long_edges_px[0]].skeleton

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        tta = self._tta
        return {
            **self._at[tta.long_edges_px[0]].describe(),
            "tta_long_edges_px": list(tta.long_edges_px),
            "tta_flip": tta.flip,
            "tta_crop_px": tta.crop_px,
            "tta_code": pose_code(__name__),
        }

    def poses(self, images: Sequence[Image]) -> list[list[Pose]]:
        """See PoseBackend."""
        seen: list[list[Pose]] = [[] for _ in images]
        for side in self._tta.long_edges_px:
            for found, more in zip(seen, self._at[side].poses(images), strict=True):
                found.extend(more)
            if self._tta.flip:
                for found, more in zip(seen, self._flipped(self._at[side], images), strict=True):
                    found.extend(more)
        merged = [merge(found, self._tta.views, self.skeleton) for found in seen]
        if self._tta.crop_px is None:
            return merged
        return [self._cropped(image, people) for image, people in zip(images, merged, strict=True)]

    def _flipped(self, backend: PoseBackend, images: Sequence[Image]) -> list[list[Pose]]:
        """Poses in the flipped pictures, in coordinates of the pictures themselves."""
        found = backend.poses([np.ascontiguousarray(image[:, ::-1]) for image in images])
        flip = self.skeleton.flip_index
        return [
            [Pose(_reflected(p.xy[flip], image.shape[1]), p.confidence[flip], p.person_confidence) for p in people]
            for people, image in zip(found, images, strict=True)
        ]

    def _cropped(self, image: Image, people: Sequence[Pose]) -> list[Pose]:
        """Everybody again from a crop, where that shows the same person."""
        assert self._tta.crop_px is not None
        backend = self._at[self._tta.crop_px]
        corners, cuts = zip(*(crop_around(pose, image, MARGIN) for pose in people), strict=True) if people else ((), ())
        found = backend.poses(cuts)
        if self._tta.flip:
            found = [[*a, *b] for a, b in zip(found, self._flipped(backend, cuts), strict=True)]
        refined = []
        for pose, corner, near in zip(people, corners, found, strict=True):
            refined.append(self._refined(pose, [shifted(p, corner) for p in near]))
        return refined

    def _refined(self, pose: Pose, near: Sequence[Pose]) -> Pose:
        """Mean of the poses in the crop that are of this person; the pose itself where there are none."""
        area = max(float(box_area(pose.xy)), 1.0)
        same = [p for p in near if _similarity(p.xy, pose.xy, area, self.skeleton) >= MIN_OKS]
        if not same:
            return pose
        mean = _mean(same, 1 + self._tta.flip)
        return Pose(mean.xy, mean.confidence, max(pose.person_confidence, mean.person_confidence))


def with_tta(load: Callable[[LabelParams], PoseBackend], params: LabelParams) -> TTABackend:
    """Wrap the backend that `load` makes in the test-time augmentation of the parameters."""
    tta = TTA((params.long_edge_px, *params.tta.scales_px), params.tta.flip, params.tta.crop_px)
    return TTABackend(lambda px: load(params.model_copy(update={"long_edge_px": px, "tta": TTAParams()})), tta)


def merge(poses: Sequence[Pose], views: int, skeleton: Skeleton) -> list[Pose]:
    """Merge the poses of several views to people, the most confident first.

    One person is what agrees with the most confident pose that is left.
    """
    left = sorted(poses, key=lambda p: -p.person_confidence)
    people = []
    while left:
        best = left[0]
        area = max(float(box_area(best.xy)), 1.0)
        same_person = [i == 0 or _similarity(p.xy, best.xy, area, skeleton) >= MIN_OKS for i, p in enumerate(left)]
        people.append(_mean([p for p, same in zip(left, same_person, strict=True) if same], views))
        left = [p for p, same in zip(left, same_person, strict=True) if not same]
    return sorted(people, key=lambda p: -p.person_confidence)


def _similarity(xy: NDArray[np.float32], other: NDArray[np.float32], area: float, skeleton: Skeleton) -> float:
    """OKS on the keypoints that both have, 0 without any."""
    both = np.where(np.isnan(xy), np.float32("nan"), other)
    return float(np.nan_to_num(oks(xy, both, area, skeleton)))


def _mean(poses: Sequence[Pose], views: int) -> Pose:
    """Mean of every keypoint, weighted by confidence; a view without the person counts as confidence 0."""
    xy, confidences = np.stack([p.xy for p in poses]), np.stack([p.confidence for p in poses])
    weight = confidences**2 + np.float32(1e-6) * (confidences > 0)
    total = weight.sum(0)
    mean = (np.nan_to_num(xy) * weight[..., None]).sum(0) / np.maximum(total, 1e-12)[:, None]
    mean = np.where((total > 0)[:, None], mean, np.float32("nan")).astype(np.float32)
    confidence = np.where(total > 0, (weight * confidences).sum(0) / np.maximum(total, 1e-12), 0).astype(np.float32)
    person = sum(p.person_confidence for p in poses[:views]) / views
    return Pose(mean, confidence, min(1.0, person))


def _reflected(xy: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    return np.stack([width - 1 - xy[:, 0], xy[:, 1]], -1).astype(np.float32)
