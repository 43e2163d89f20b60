"""Maintained trackers of others on our poses: ByteTrack and OC-SORT of `trackers` (Roboflow), and norfair.

Their packages are for this benchmark only, and are installed beside the environment, so that what they ask for
(an older numpy, OpenCV with a screen) changes nothing in it:

    uv pip install --target build/other_trackers --no-deps norfair==2.3.0 filterpy==1.4.5 \\
        trackers==2.6.1 supervision==0.31.2 pydeprecate defusedxml
    PYTHONPATH=build/other_trackers python benchmarks/tracking.py

ByteTrack and OC-SORT get boxes around keypoints, norfair the keypoints, with the distance and settings of its own
demonstration with OpenPose. Their thresholds are made for detectors whose scores reach 1: a score here is the
person's confidence over the 90th percentile of the whole video's, which favours them a little.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.tracking.similarity import oks_pairwise
from posemill.estimation.types import FramePoses, Pose
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import PoseTrack, State

TRACKERS_DEFAULT: dict[str, Any] = {}  # the packages' own
NORFAIR_DEMO = {
    "distance": "voting",
    "near": 1 / 40,  # of the picture's height
    "distance_threshold": 0.4,
    "detection_threshold": 0.1,
    "initialization_delay": 4,
    "hit_counter_max": 30,
    "pointwise_hit_counter_max": 10,
}
DOUBLE_OKS = 0.6


class _Numbering(Protocol):
    """What numbers the poses of one frame: (N,) numbers, -1 for those without one."""

    def __call__(self, frame: int, poses: Sequence[Pose], scores: NDArray[np.float64]) -> NDArray[np.int64]: ...


@dataclass(slots=True)
class Other:
    """A tracker of others, driven as ours: `update` with every frame in order, then `tracks`.

    distinct  leave out poses that show the body of a more confident one, as our tracker does itself.
    """

    number: _Numbering
    usual: float  # confidence that counts as a score of 1
    distinct: bool = False
    _rows: dict[int, list[tuple[int, float, Pose]]] = field(default_factory=lambda: defaultdict(list))

    def update(self, frame: int, time_s: float, poses: Sequence[Pose]) -> None:
        """Number the poses of a frame."""
        if self.distinct:
            poses = _distinct(poses)
        scores = np.array([min(p.person_confidence / self.usual, 1.0) for p in poses])
        for number, pose in zip(self.number(frame, poses, scores).tolist(), poses, strict=True):
            if number >= 0:
                self._rows[number].append((frame, time_s, pose))

    def tracks(self) -> tuple[PoseTrack, ...]:
        """Everybody who got a number."""
        return tuple(as_track(n, rows) for n, rows in sorted(self._rows.items()))


def as_track(number: int, rows: Sequence[tuple[int, float, Pose]]) -> PoseTrack:
    """Frames, times and poses of one number."""
    return PoseTrack(
        skeleton=COCO_17,
        person=number,
        frame=np.array([frame for frame, _, _ in rows], np.int32),
        time_s=np.array([time_s for _, time_s, _ in rows], np.float64),
        xy=np.stack([pose.xy for _, _, pose in rows]),
        confidence=np.stack([pose.confidence for _, _, pose in rows]),
        state=np.full(len(rows), State.PREDICTED, np.uint8),
    )


def installed() -> list[str]:
    """Which of the trackers are there."""
    return [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]


def other(name: str, frames: Sequence[FramePoses], fps: float, height_px: int, settings: dict[str, Any]) -> Other:
    """Build a tracker for one video; `settings` are the package's own, and `distinct`."""
    confidences = [p.person_confidence for f in frames for p in f.poses]
    usual = float(np.percentile(confidences, 90)) if confidences else 1.0
    chosen = {key: value for key, value in settings.items() if key != "distinct"}
    return Other(_BUILD[name](fps, height_px, chosen), usual, settings.get("distinct", False))


def _boxes(name: str, fps: float, settings: dict[str, Any]) -> _Numbering:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import supervision
        import trackers
    tracker = getattr(trackers, name)(frame_rate=fps, **settings)

    def number(_frame: int, poses: Sequence[Pose], scores: NDArray[np.float64]) -> NDArray[np.int64]:
        xy = np.stack([p.xy for p in poses]) if poses else np.empty((0, 17, 2), np.float32)
        boxes = np.concatenate([np.nanmin(xy, 1), np.nanmax(xy, 1)], -1) if poses else np.empty((0, 4))
        numbers = np.full(len(poses), -1)
        found = tracker.update(
            supervision.Detections(xyxy=boxes, confidence=scores, data={"pose": np.arange(len(poses))})
        )
        if len(found):
            numbers[np.asarray(found.data["pose"], int)] = found.tracker_id
        return numbers

    return number


def _norfair(fps: float, height_px: int, settings: dict[str, Any]) -> _Numbering:
    logging.disable(logging.WARNING)  # it warns of distances that are functions
    import norfair
    from norfair.distances import create_keypoints_voting_distance

    chosen = dict(settings)
    near, kind = chosen.pop("near") * height_px, chosen.pop("distance")
    threshold = chosen["detection_threshold"]
    distance = create_keypoints_voting_distance(near, threshold) if kind == "voting" else _oks_distance(threshold)
    tracker = norfair.Tracker(distance_function=distance, **chosen)

    def number(frame: int, poses: Sequence[Pose], scores: NDArray[np.float64]) -> NDArray[np.int64]:
        given = []
        for index, (pose, score) in enumerate(zip(poses, scores, strict=True)):
            share = pose.confidence * score / max(pose.person_confidence, 1e-6)
            points = np.nan_to_num(pose.xy).astype(float)
            given.append(norfair.Detection(points, scores=np.minimum(share, 1.0), data=(frame, index)))
        numbers = np.full(len(poses), -1)
        for person in tracker.update(detections=given):
            seen, index = person.last_detection.data
            if seen == frame:
                numbers[index] = person.id
        return numbers

    return number


def _oks_distance(threshold: float) -> Callable[[Any, Any], float]:
    """1 - OKS of a pose and the expected one, as loose as ours."""

    def distance(detection: Any, person: Any) -> float:
        common = (detection.scores > threshold) & (person.last_detection.scores > threshold)
        if not common.any():
            return 1.0
        xy = np.where(common[:, None], detection.points, np.nan).astype(np.float32)
        expected = np.where(common[:, None], person.estimate, np.nan).astype(np.float32)
        area = 4 * max(float(box_area(xy)), float(box_area(expected)), 1.0)
        return 1.0 - float(np.nan_to_num(oks(xy[None], expected[None], np.array([area], np.float32), COCO_17))[0])

    return distance


def _distinct(poses: Sequence[Pose]) -> list[Pose]:
    """The poses without doubles of more confident ones."""
    kept: list[int] = []
    poses = [p for p in poses if np.isfinite(p.xy).any()]
    if len(poses) < 2:
        return list(poses)
    alike = oks_pairwise(np.stack([p.xy for p in poses]), COCO_17)
    for n in sorted(range(len(poses)), key=lambda n: -poses[n].person_confidence):
        if all(alike[n, k] < DOUBLE_OKS for k in kept):
            kept.append(n)
    return [poses[n] for n in sorted(kept)]


_BUILD: dict[str, Callable[[float, int, dict[str, Any]], _Numbering]] = {
    "bytetrack": lambda fps, _height, settings: _boxes("ByteTrackTracker", fps, settings),
    "oc-sort": lambda fps, _height, settings: _boxes("OCSORTTracker", fps, settings),
    "norfair": _norfair,
}
PACKAGES = {"bytetrack": "trackers", "oc-sort": "trackers", "norfair": "norfair"}
DEFAULTS: dict[str, dict[str, Any]] = {"bytetrack": {}, "oc-sort": {}, "norfair": NORFAIR_DEMO}
