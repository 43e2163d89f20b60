"""BlazePose as a pose backend: MediaPipe's detector, then the landmark network on every person's upright square.

A person who lies is turned upright by the detection's own alignment points. Every picture is answered for itself; with
label.roi_propagation the squares of the frame before are used, as MediaPipe does in videos (propagation.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.estimation.backends.blazepose.checkpoints import (
    DETECTOR,
    open_detector,
    open_landmarks,
)
from posemill.estimation.backends.blazepose.detector import Detector
from posemill.estimation.backends.blazepose.landmarks import LandmarkNetwork, Landmarks
from posemill.estimation.backends.blazepose.roi import Roi
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.postprocess import mask_out_of_frame
from posemill.estimation.runtimes.graph_file import GraphFile
from posemill.estimation.threaded import ThreadedBackend
from posemill.estimation.types import Pose
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import BLAZEPOSE_33

PRESENT = 0.5  # confidence that there is somebody in a square, MediaPipe's own threshold
PART = 0.9  # of the box of a person found in a window, in that of a larger one
DOUBLE = 0.5  # OKS from which two poses are of one person


def require_openvino(params: LabelParams) -> None:
    """Refuse runtimes that read no TensorFlow Lite file, with InputError."""
    if params.runtime != "openvino":
        raise InputError(
            f"label.runtime {params.runtime!r} reads no TensorFlow Lite file, which BlazePose's are: choose openvino"
        )


class BlazePoseBackend(ThreadedBackend):
    """See PoseBackend; poses have z.

    `long_edge_px` is the scale at which the detector looks for people in windows, see detector.windows. Every keypoint
    is answered and everybody is turned upright: `force_complete`, seeds and the rotation fallback have no meaning.
    """

    skeleton = BLAZEPOSE_33
    name = "blazepose"
    modules: tuple[str, ...] = (f"{__package__}.load",)  # whose code decides, with what they import

    def __init__(self, file: GraphFile, params: LabelParams) -> None:
        super().__init__(params.threads)
        self._file, self._params = file, params
        self._detector = Detector(open_detector(params), long_edge_px=self._window_edge_px())
        self._landmarks = LandmarkNetwork(open_landmarks(file, params))

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        params = self._params
        return {
            "backend": self.name,
            "checkpoint": self._file.name,
            "checkpoint_sha256": self._file.sha256,
            "detector_sha256": DETECTOR.sha256,
            "code": pose_code(*self.modules),
            "precision": params.precision,
            "skeleton": self.skeleton.name,
            "long_edge_px": params.long_edge_px,
            "instance_threshold": params.instance_threshold,
            "keypoint_threshold": params.keypoint_threshold,
        }

    def people(self, image: NDArray[np.uint8]) -> list[Landmarks]:
        """Estimate everybody in (H, W, 3) uint8 RGB with keypoints in metres, the most confident detection first.

        Those found in windows only come last, posed once more on the square that their landmarks give.
        """
        found = self._detector(image)
        near, far = (
            self.present(image, [Roi.from_alignment(d.points[0], d.points[1]) for d in found if d.zoomed is zoomed])
            for zoomed in (False, True)
        )
        again = self.present(image, [person.roi for person in far])
        return without_parts(distinct([*near, *again]), near)

    def present(self, image: NDArray[np.uint8], regions: Iterable[Roi]) -> list[Landmarks]:
        """Pose the people of these regions; regions in which the network sees nobody are left out."""
        people = [self._landmarks(image, roi) for roi in regions if roi.side_px >= 1]
        return [person for person in people if person.person_confidence >= PRESENT]

    def as_poses(self, people: Iterable[Landmarks], image: NDArray[np.uint8]) -> list[Pose]:
        """Convert people to poses of the picture, the most confident first, without those below the threshold."""
        poses = [as_pose(person, image, self._params.keypoint_threshold) for person in people]
        sure = [pose for pose in poses if pose.person_confidence >= self._params.instance_threshold]
        return sorted(sure, key=lambda pose: -pose.person_confidence)

    def _pose_image(self, image: NDArray[np.uint8]) -> list[Pose]:
        return self.as_poses(self.people(image), image)

    def _window_edge_px(self) -> int:
        return self._params.long_edge_px


def as_pose(person: Landmarks, image: NDArray[np.uint8], keypoint_threshold: float) -> Pose:
    """Convert landmarks to a pose of the picture: keypoints outside it or too unsure are masked, in z too.

    The person's confidence is the mean of all keypoints', a masked one being 0.
    """
    pose = mask_out_of_frame(person.xy, person.confidence, image, keypoint_threshold)
    return replace(pose, z=np.where(np.isnan(pose.xy[:, 0]), np.float32("nan"), person.z).astype(np.float32))


def similarity(person: Landmarks, other: Landmarks) -> float:
    """OKS of two people, of the area of the second one's box."""
    area = max(float(box_area(other.xy)), 1.0)
    return float(oks(person.xy, other.xy, area, BLAZEPOSE_33))


def without_parts(people: Sequence[Landmarks], sure: Sequence[Landmarks]) -> list[Landmarks]:
    """Drop people within a larger one, in whose limbs the detector sees bodies where it is given a part of the picture.

    sure  those who are kept in any case.
    """
    kept = [person for person in people if person in sure]
    for person in sorted(people, key=lambda each: -box_area(each.xy)):
        larger = [other for other in kept if box_area(other.xy) >= box_area(person.xy)]
        if person not in kept and all(contained(person, other) < PART for other in larger):
            kept.append(person)
    return kept


def contained(person: Landmarks, other: Landmarks) -> float:
    """Share 0..1 of a person's box that lies in the other's."""
    low = np.maximum(person.xy.min(0), other.xy.min(0))
    high = np.minimum(person.xy.max(0), other.xy.max(0))
    return float((high - low).clip(0).prod() / max(float(box_area(person.xy)), 1.0))


def distinct(people: Iterable[Landmarks]) -> list[Landmarks]:
    """Keep one of those that are the same person: the first, by OKS."""
    kept: list[Landmarks] = []
    for person in people:
        if all(similarity(other, person) < DOUBLE for other in kept):
            kept.append(person)
    return kept
