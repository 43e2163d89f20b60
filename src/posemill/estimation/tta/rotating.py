"""Rotation for every pose backend: pictures in four orientations, videos with the orientation kept along the track.

A picture costs four runs of the network. A video costs little more than one a frame: frames go in groups that begin
with a keyframe, at frame numbers that do not depend on where a reading starts, and only keyframes are posed in all
orientations; nothing passes from one group to the next. So poses are the same however a video is cut.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from posemill.estimation.fingerprint import pose_code
from posemill.estimation.preprocess import MULTIPLE
from posemill.estimation.tta.orientation import LONE, OrientationGroup
from posemill.estimation.tta.rotation import (
    ORIENTATIONS,
    OrientedPose,
    agreement,
    from_view,
    merge_orientations,
    pose_crops,
    rotate_image,
)
from posemill.estimation.types import CroppingBackend, FramePoses, FrameSpan, Image, Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.params.tta import TTAParams

if TYPE_CHECKING:
    from posemill.video.decode import Frame

AGREES = 0.4  # OKS from which a crop shows the pose of the whole picture, and better
RESEMBLES = 0.2  # OKS from which a crop shows that somebody is there
CONFIRMS = 0.9  # of the person confidence that the crop must have too: of a pattern it has less
BELIEVED = 0.4  # person confidence from which nobody needs to be shown by a crop
CROP_SCALE = 0.54  # long edge of a crop around one person over that of whole pictures


class RotatedPictures:
    """See PoseBackend: another backend, run on every picture rotated by 0, 90, 180 and 270 degrees.

    Somebody found in a rotated view with little confidence is believed if a crop in the same orientation shows a
    similar pose: that tells people from patterns of the background, which a crop hardly ever shows again.

    near       gives the backend for crops around one person; None = every rotated view is believed.
    threshold  person confidence from which somebody upright is not given up for a rotated view.
    fallback   rotate only pictures in which nobody upright reaches the threshold.
    """

    def __init__(
        self, backend: PoseBackend, near: Callable[[], PoseBackend] | None, threshold: float, *, fallback: bool = False
    ) -> None:
        self._backend, self._near, self._threshold, self._fallback = backend, near, threshold, fallback
        self.skeleton = backend.skeleton

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        rotation = {"threshold": self._threshold, "fallback": self._fallback, "code": pose_code(__name__)}
        return {**self._backend.describe(), "rotation": rotation}

    def poses(self, images: Sequence[Image]) -> list[list[Pose]]:
        """See PoseBackend."""
        return [[person.pose for person in self.oriented(image)] for image in images]

    def oriented(self, image: Image) -> list[OrientedPose]:
        """Pose everybody in a picture, each in the orientation of most confidence."""
        turns: tuple[int, ...] = ORIENTATIONS
        if self._fallback:
            (upright,) = self._backend.poses([image])
            if any(pose.person_confidence >= self._threshold for pose in upright):
                turns = ORIENTATIONS[:1]
            views = [upright, *self._views(image, turns[1:])]
        else:
            views = self._views(image, turns)
        size = (image.shape[0], image.shape[1])
        people = [p for by, poses in zip(turns, views, strict=True) for p in from_view(poses, by, size)]
        merged = merge_orientations(people, self._threshold)
        rotated = [p for p in merged if p.quarter_turns]
        if self._near is None or not rotated:
            return merged
        standing = [p for p in people if not p.quarter_turns]  # also those who had to give way to somebody in doubt
        sure = merge_orientations([*standing, *self._confirmed(self._near(), image, rotated)], self._threshold)
        return sure if any(person.pose.person_confidence >= LONE for person in sure) else merged

    def _views(self, image: Image, turns: Sequence[int]) -> list[list[Pose]]:
        return self._backend.poses([rotate_image(image, by) for by in turns]) if turns else []

    def _confirmed(self, near: PoseBackend, image: Image, rotated: Sequence[OrientedPose]) -> list[OrientedPose]:
        """The people of rotated views whom a crop in the same orientation shows too, with the pose of the crop."""
        turns = [person.quarter_turns for person in rotated]
        crops = pose_crops(near, [image] * len(rotated), [p.pose for p in rotated], turns)
        confirmed = []
        for person, found in zip(rotated, crops, strict=True):
            least = CONFIRMS * person.pose.person_confidence
            seen = [p for p in found if p.pose.person_confidence >= least]
            agree = [agreement(p.pose, person.pose, self.skeleton) for p in seen]
            best = int(np.argmax(agree)) if agree else -1
            if agree and agree[best] >= AGREES:
                confirmed.append(seen[best])
            elif person.pose.person_confidence >= BELIEVED or (agree and agree[best] >= RESEMBLES):
                confirmed.append(person)
        return confirmed


class RotatingBackend:
    """See PoseBackend and PropagatingBackend: another backend, which thereby finds people however they lie.

    load  makes the backend for some parameters.
    wrap  is put around every backend; None = nothing.
    """

    def __init__(
        self,
        load: Callable[[LabelParams], PoseBackend],
        params: LabelParams,
        wrap: Callable[[PoseBackend], PoseBackend] | None = None,
    ) -> None:
        self._load, self._params, self._wrap = load, params, wrap or (lambda backend: backend)
        self._full = self._wrap(load(params))
        self._pictures = RotatedPictures(self._full, self._crop_backend, params.rotation_fallback_threshold)
        self._loading = threading.Lock()
        self._near: PoseBackend | None = None
        self._group_frames = params.rotation.keyframe_interval * params.frame_stride
        self.skeleton = self._full.skeleton

    def through(self, wrap: Callable[[PoseBackend], PoseBackend]) -> RotatingBackend:
        """Return the same with every backend wrapped."""
        return RotatingBackend(self._load, self._params, lambda backend: wrap(self._wrap(backend)))

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        described = self._pictures.describe()
        return {**described, "rotation": {**described["rotation"], **self._params.rotation.model_dump()}}

    def poses(self, images: Sequence[Image]) -> list[list[Pose]]:
        """See PoseBackend."""
        return self._pictures.poses(images)

    def begins(self, span: FrameSpan) -> int:
        """See PropagatingBackend: the keyframe at or before the span."""
        return span.start // self._group_frames * self._group_frames

    def follow(self, frames: Iterator[Frame]) -> Generator[FramePoses, None, None]:
        """See PropagatingBackend."""
        for _, group in groupby(frames, lambda frame: frame.index // self._group_frames):
            yield from self._group(group)

    def _group(self, frames: Iterator[Frame]) -> Generator[FramePoses, None, None]:
        keyframe = next(frames)
        people = self._pictures.oriented(keyframe.image)
        yield FramePoses(keyframe.index, keyframe.time_s, [person.pose for person in people])
        yield from OrientationGroup(people, self._full, self._crop_backend, self._params).follow(frames)

    def one_by_one(self) -> Callable[[Image], list[Pose]]:
        """Return a function that poses successive frames of a live stream as they come, as `follow` does."""
        from posemill.video.decode import Frame

        group: OrientationGroup | None = None
        number = -1

        def poses(image: Image) -> list[Pose]:
            nonlocal group, number
            number += 1
            if group is None or number % self._params.rotation.keyframe_interval == 0:
                people = self._pictures.oriented(image)
                group = OrientationGroup(people, self._full, self._crop_backend, self._params)
                return [person.pose for person in people]
            return list(group.step(Frame(number, 0.0, image)).poses)

        return poses

    def _crop_backend(self) -> PoseBackend:
        """The backend for crops around people, loaded when somebody is lost or lies for the first time."""
        with self._loading:
            if self._near is None:
                long_edge_px, tta = crop_long_edge(self._params.long_edge_px), TTAParams(flip=self._params.tta.flip)
                changed = {"long_edge_px": long_edge_px, "tta": tta, "small_people": None}
                near = self._load(self._params.model_copy(update=changed))
                self._near = self._wrap(near.for_crops() if isinstance(near, CroppingBackend) else near)
            return self._near


def crop_long_edge(long_edge_px: int) -> int:
    """Return the long edge of crops around one person, 16n + 1."""
    return max(8, round(CROP_SCALE * (long_edge_px - 1) / MULTIPLE)) * MULTIPLE + 1
