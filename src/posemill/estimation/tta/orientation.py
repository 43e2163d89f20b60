"""Orientation kept along the track: the frames between two keyframes, each person in the view that showed them.

While everybody stands the network sees every frame whole, as without rotation. Who lies is posed in a rotated crop. Who
is lost, or of whom the network becomes much less confident, is looked for in a crop of all orientations: that is when
people fall, roll over or get up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from posemill.estimation.postprocess import nms, overlap
from posemill.estimation.threaded import stream_through
from posemill.estimation.tta.rotation import (
    ORIENTATIONS,
    OrientedPose,
    from_view,
    merge_orientations,
    pose_crops,
    rotate_image,
)
from posemill.estimation.types import FramePoses, Image, Pose, PoseBackend
from posemill.params.label import LabelParams

if TYPE_CHECKING:
    from posemill.video.decode import Frame

BATCH = 4  # frames in which a crop stays where it is
WHOLE = 8  # where all are in crops, every so many frames are seen whole, for those who come in
CROWD = 3  # people of one orientation from which a rotated view of the whole frame costs less than crops
LONE = 0.45  # person confidence below which, where nobody has more, rotated views of the whole frame are posed too
CONFIDENT = 0.3  # person confidence from which somebody upright is followed
SUNK = 0.5  # of a person's best confidence: below that another orientation is tried
SEARCHES = 3  # of a group at most, so that flickering poses cannot make it expensive
RETRY = 6  # frames after which a lost person is looked for again: who falls is blurred at first
KNOWN = 3  # frames in which somebody standing must have been seen to be looked for
LOST = 8  # frames in a row after which a person in a crop is given up
BORDER = 0.02  # of the frame's longer side: who was last seen so near to its border has left


@dataclass(slots=True, eq=False)
class _Person:
    """Somebody known in this group.

    anchor     around which the crop lies.
    best       highest confidence so far.
    search_at  number of the frame from which the person may be searched for again.
    seen       frames with this person after the first.
    missed     frames in a row without this person.
    """

    last: OrientedPose
    anchor: Pose
    best: float
    search_at: int = 0
    seen: int = 0
    missed: int = 0

    @classmethod
    def of(cls, pose: OrientedPose) -> _Person:
        return cls(pose, pose.pose, pose.pose.person_confidence)

    def see(self, people: Iterable[OrientedPose]) -> bool:
        """Take the most confident of the poses of this orientation that overlap with the last one, if there is any."""
        turns = self.last.quarter_turns
        same = [p for p in people if p.quarter_turns == turns and overlap(p.pose, self.last.pose)]
        self.missed = 0 if same else self.missed + 1
        if same:
            self.seen += 1
            self.last = max(same, key=lambda p: p.pose.person_confidence)
            self.best = max(self.best, self.last.pose.person_confidence)
        return bool(same)

    @property
    def sunk(self) -> bool:
        """True if the last pose is much less confident than the best one was."""
        return self.last.pose.person_confidence < SUNK * self.best


class OrientationGroup:
    """People of the frames that follow a keyframe.

    Args:
        people: those of the keyframe.
        full: backend for whole frames.
        near: gives the backend for crops around one person.
        params: label section of params.yaml.
    """

    def __init__(
        self,
        people: Sequence[OrientedPose],
        full: PoseBackend,
        near: Callable[[], PoseBackend],
        params: LabelParams,
    ) -> None:
        self._full, self._near, self._params = full, near, params
        self._standing = [_Person.of(p) for p in people if not p.quarter_turns and _sure(p)]
        self._cropped = [_Person.of(p) for p in people if p.quarter_turns]
        self._posed: list[_Person] = []
        self._whole = True
        self._searches = 0
        self._turns = max(self._cropped, key=lambda p: p.best).last.quarter_turns if self._cropped else 0
        self._alone_frames = 0  # in a row with nobody confident
        self._number = 0  # of the next frame in the group

    def follow(self, frames: Iterator[Frame]) -> Generator[FramePoses, None, None]:
        """Yield the poses of successive frames, those after the keyframe."""
        while True:
            self._arrange()
            if not self._cropped:
                frames = yield from self._upright(frames)
                self._arrange()
            batch = list(islice(frames, BATCH - self._number % BATCH))
            if not batch:
                return
            yield from self._batch(batch)

    def step(self, frame: Frame) -> FramePoses:
        """Pose the next frame by itself: the same as `follow`, without frames ahead."""
        if not self._cropped or self._number % BATCH == 0:
            self._arrange()
        if self._cropped:
            (found,) = self._batch([frame])
            return found
        (poses,) = self._full.poses([frame.image])
        people = self._alone(frame.image, self._searched(frame.image, [OrientedPose(pose) for pose in poses]))
        self._number += 1
        if self._cropped:
            self._arrange()
        return _frame_poses(frame, people)

    def _arrange(self) -> None:
        """Choose who is posed in crops until the next batch: nobody while all stand; all where at most one stands.

        One crop more costs less than whole frames do.
        """
        people = [*self._cropped, *self._standing]
        upright = [person for person in people if not person.last.quarter_turns]
        lying = [person for person in people if person.last.quarter_turns]
        crops = bool(lying) and len(upright) <= 1
        self._cropped, self._standing = (people, []) if crops else (lying, upright)
        self._posed, self._whole = list(self._cropped), bool(self._standing)
        for person in self._posed:
            person.anchor = person.last.pose

    def _upright(self, frames: Iterator[Frame]) -> Generator[FramePoses, None, Iterator[Frame]]:
        """Pose whole frames as they are until somebody is found to lie; returns the frames that are left."""
        waiting: deque[Frame] = deque()

        def images() -> Iterator[Image]:
            for frame in frames:
                waiting.append(frame)
                yield frame.image

        with closing(stream_through(self._full, images(), self._params.batch_frames)) as found:
            for poses in found:
                frame = waiting.popleft()
                people = self._alone(frame.image, self._searched(frame.image, [OrientedPose(pose) for pose in poses]))
                self._number += 1
                yield _frame_poses(frame, people)
                if self._cropped:
                    break
        return chain(list(waiting), frames)

    def _batch(self, frames: Sequence[Frame]) -> Iterator[FramePoses]:
        """Pose a few frames: whole ones, and the people who lie in rotated crops."""
        first, threshold = self._number, self._params.rotation_fallback_threshold
        whole = [n for n in range(len(frames)) if self._whole or (first + n) % WHOLE == 0]
        with ThreadPoolExecutor(1, thread_name_prefix="posemill-whole") as beside:  # one frame leaves workers idle
            running = beside.submit(self._full.poses, [frames[n].image for n in whole]) if whole else None
            crops = self._crops(frames)
            upright = dict(zip(whole, running.result(), strict=True)) if running else {}
        for n, frame in enumerate(frames):
            cropped = _distinct([person.last for person in self._cropped if person.see(crops[n])])
            others = [p for p in map(OrientedPose, upright.get(n, ())) if not _known(p, cropped)]
            people = merge_orientations([*others, *cropped], threshold)
            self._number = first + n
            if self._number % BATCH == BATCH - 1:  # never in a batch that a span cuts short
                people = self._turned(frame.image, people)
            if n in upright:
                people = self._searched(frame.image, people)
            people = self._alone(frame.image, people)
            yield _frame_poses(frame, people, propagated=n not in upright)
        self._number = first + len(frames)

    def _crops(self, frames: Sequence[Frame]) -> list[list[OrientedPose]]:
        """Poses of every frame in the crops of those who are posed so, each in its orientation."""
        found: list[list[OrientedPose]] = [[] for _ in frames]
        images = [frame.image for frame in frames]
        for turns in ORIENTATIONS:
            people = [person for person in self._posed if person.last.quarter_turns == turns]
            if len(people) >= CROWD:
                views = self._full.poses([rotate_image(image, turns) for image in images])
                for there, poses, image in zip(found, views, images, strict=True):
                    there += from_view(poses, turns, (image.shape[0], image.shape[1]))
                continue
            for person in people:
                around = [person.anchor] * len(images)
                crops = pose_crops(self._near(), images, around, [turns] * len(images))
                for there, seen in zip(found, crops, strict=True):
                    there += seen
        return found

    def _searched(self, image: Image, people: list[OrientedPose]) -> list[OrientedPose]:
        """The people of a whole frame, with those who stood until now and are found to lie."""
        upright = [p for p in people if not p.quarter_turns]
        for person in list(self._standing):
            if person.see(upright) and not person.sunk:
                continue
            lies = any(p.quarter_turns and overlap(p.pose, person.last.pose) for p in people)
            if lies or person.seen < KNOWN or _left(person.last.pose, image):
                self._standing.remove(person)
            elif found := self._search(image, person, people, ORIENTATIONS[1:]):
                self._standing.remove(person)
                self._cropped.append(_Person.of(found))
                people = merge_orientations([*people, found], self._params.rotation_fallback_threshold)
        known = [person.last for person in (*self._standing, *self._cropped)]
        self._standing += [_Person.of(p) for p in upright if _sure(p) and not any(p is k for k in known)]
        return people

    def _alone(self, image: Image, people: list[OrientedPose]) -> list[OrientedPose]:
        """The people of a frame, with those of rotated views of the whole frame if nobody is confident without.

        The orientation that last showed somebody comes first. The others follow at once and then less and less often,
        so that an empty room costs little.
        """
        if any(p.quarter_turns or p.pose.person_confidence >= LONE for p in people):
            self._alone_frames = 0
            return people
        self._alone_frames += 1
        often = self._alone_frames <= LOST or self._alone_frames % WHOLE == 0
        turns = [self._turns] if self._turns and often else []
        found = self._views(image, turns)
        if not found and self._alone_frames.bit_count() == 1:  # 1, 2, 4, 8, ...
            found = self._views(image, [by for by in ORIENTATIONS[1:] if by not in turns])
        people = merge_orientations([*people, *found], self._params.rotation_fallback_threshold)
        new = [p for p in people if p.quarter_turns]
        if new:
            self._turns, self._alone_frames = new[0].quarter_turns, 0
        found_again = [p for p in new if _sure(p)]  # in place of those in crops who are the same people
        self._cropped = [c for c in self._cropped if not any(overlap(c.last.pose, p.pose) for p in found_again)]
        self._cropped += [_Person.of(p) for p in found_again]
        return people

    def _views(self, image: Image, turns: Sequence[int]) -> list[OrientedPose]:
        """The people of whole rotated views of a frame."""
        views = self._full.poses([rotate_image(image, by) for by in turns]) if turns else []
        size = (image.shape[0], image.shape[1])
        return [p for by, poses in zip(turns, views, strict=True) for p in from_view(poses, by, size)]

    def _turned(self, image: Image, people: list[OrientedPose]) -> list[OrientedPose]:
        """The people of a frame, after those in crops were looked for in other orientations where that is needed."""
        for person in list(self._cropped):
            seen = any(p is person.last for p in people)
            if seen and not person.sunk:
                continue
            if not seen and any(overlap(p.pose, person.last.pose) for p in people):  # another pose is of this person
                self._cropped.remove(person)
                continue
            others = [turns for turns in ORIENTATIONS if turns != person.last.quarter_turns]
            found = self._search(image, person, [p for p in people if p is not person.last], others)
            if found and found.confidence > person.last.confidence * bool(seen):
                people = [p for p in people if p is not person.last] + [found]
                self._cropped[self._cropped.index(person)] = _Person.of(found)
            elif person.missed >= LOST:
                self._cropped.remove(person)
        return people

    def _search(
        self, image: Image, person: _Person, people: Sequence[OrientedPose], turns: Sequence[int]
    ) -> OrientedPose | None:
        """The most confident pose around a person in a crop of other orientations, unless it is one of `people`."""
        if self._searches >= SEARCHES or self._number < person.search_at:
            return None
        self._searches, person.search_at = self._searches + 1, self._number + RETRY
        views = pose_crops(self._near(), [image] * len(turns), [person.last.pose] * len(turns), turns)
        found = [p for p in chain.from_iterable(views) if _sure(p) and not _known(p, people)]
        merged = merge_orientations([*people, *found], self._params.rotation_fallback_threshold)
        new = [p for p in merged if any(p is f for f in found)]
        return max(new, key=lambda p: p.confidence, default=None)


def _sure(person: OrientedPose) -> bool:
    return person.pose.person_confidence >= CONFIDENT


def _known(person: OrientedPose, people: Iterable[OrientedPose]) -> bool:
    """True if somebody of the same orientation is there already."""
    return any(p.quarter_turns == person.quarter_turns and overlap(p.pose, person.pose) for p in people)


def _distinct(people: Sequence[OrientedPose]) -> list[OrientedPose]:
    """Non-maximum suppression over people whose crops show each other."""
    kept = nms([p.pose for p in people])
    return [p for p in people if any(p.pose is pose for pose in kept)]


def _left(pose: Pose, image: Image) -> bool:
    """True if a pose reaches the border of the frame."""
    seen = pose.xy[~np.isnan(pose.xy).any(-1)]
    near = BORDER * max(image.shape[:2])
    return bool((seen < near).any() or (seen > np.array(image.shape[1::-1]) - 1 - near).any())


def _frame_poses(frame: Frame, people: Sequence[OrientedPose], propagated: bool = False) -> FramePoses:
    poses = sorted((person.pose for person in people), key=lambda pose: -pose.person_confidence)
    return FramePoses(frame.index, frame.time_s, poses, propagated)
