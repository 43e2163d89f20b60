"""Track overlay: skeletons drawn on the frames of a video, with a colour, a number and a trail for every person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from posemill.estimation.faces import FaceBlur
from posemill.pose.gaps import found_only
from posemill.pose.track import MediumTracks, PoseTrack, State
from posemill.video.decode import Frame, read_frames
from posemill.video.draw import PEOPLE, Colour, Image, draw_pose
from posemill.video.sandboxed import read_frames_sandboxed

TRAIL_S = 1.5  # of a person's path behind it
LIGHTER = 0.4  # how much of an interpolated skeleton's colour is seen


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A person drawn in a frame; `row` is that of the track."""

    track: PoseTrack
    row: int

    @property
    def filled(self) -> bool:
        """True if the pose is interpolated between those before and after."""
        return bool(self.track.state[self.row] == State.INTERPOLATED)

    @property
    def colour(self) -> Colour:
        """The person's colour, the same in every frame."""
        return PEOPLE[self.track.person % len(PEOPLE)]

    def __str__(self) -> str:
        return f"({self.track.person})" if self.filled else str(self.track.person)


class Overlay:
    """Draw every person in one colour, interpolated poses lighter.

    sides    limbs in the colours of left and right instead; trunk, number and trail keep the person's.
    caption  what is written above a person, in ASCII.
    blur_faces  heads are made unrecognizable first, see faces.py.
    """

    def __init__(
        self,
        tracks: MediumTracks,
        sides: bool = False,
        caption: Callable[[Drawn], str] = str,
        blur_faces: bool = False,
    ) -> None:
        self._caption = caption
        self._faces = FaceBlur(tracks) if blur_faces else None
        self._skeleton = tracks.skeleton if sides else replace(tracks.skeleton, pairs=())
        self._at: dict[int, list[Drawn]] = {}
        self._path = {track.person: (found_only(track).time_s, middles(found_only(track))) for track in tracks.tracks}
        for track in tracks.tracks:
            for row, frame in enumerate(track.frame.tolist()):
                self._at.setdefault(frame, []).append(Drawn(track, row))

    def frames(
        self, path: Path, start_s: float = 0.0, end_s: float = float("inf"), *, sandboxed: bool = False
    ) -> Iterator[tuple[Frame, list[Drawn]]]:
        """Yield the frames of start_s <= time_s < end_s with the overlay, and the people in them.

        sandboxed  decode in a separate process with bounded time and memory, for untrusted files.
        """
        for frame in read_frames_sandboxed(path) if sandboxed else read_frames(path):
            if frame.time_s >= end_s:
                return
            if frame.time_s >= start_s:
                yield self.draw(frame)

    def draw(self, frame: Frame) -> tuple[Frame, list[Drawn]]:
        """Return a copy of the frame with trails, skeletons and numbers, and the people in it."""
        people = self._at.get(frame.index, [])
        image = frame.image.copy() if self._faces is None else self._faces.blur(frame.image, frame.time_s)
        for person in people:
            self._trail(image, person)
        for person in people:
            track, row = person.track, person.row
            over = draw_pose(image, track.xy[row], track.confidence[row], self._skeleton, person.colour)
            share = LIGHTER if person.filled else 1.0
            image = np.asarray(cv2.addWeighted(over, share, image, 1 - share, 0), np.uint8)
        for person in people:
            _plate(image, person, self._caption(person))
        return replace(frame, image=image), people

    def _trail(self, image: Image, person: Drawn) -> None:
        """The path of the body's middle, where it was found; with a gap where the person was lost."""
        time_s, middle = self._path[person.track.person]
        now_s = person.track.time_s[person.row]
        rows = np.flatnonzero((time_s > now_s - TRAIL_S) & (time_s <= now_s))
        width = _width(image)
        for a, b in pairwise(rows.tolist()):
            age = float((now_s - time_s[b]) / TRAIL_S)
            colour = tuple(round(c * (1 - 0.7 * age)) for c in person.colour)
            if time_s[b] - time_s[a] < TRAIL_S / 4:
                cv2.line(image, _whole(middle[a]), _whole(middle[b]), colour, width, cv2.LINE_AA)


def middles(track: PoseTrack) -> NDArray[np.float64]:
    """(T, 2) mean of the seen keypoints of every pose, pixels."""
    return np.array([pose[~np.isnan(pose[:, 0])].mean(0) if ~np.isnan(pose).all() else (0, 0) for pose in track.xy])


def _plate(image: Image, person: Drawn, text: str) -> None:
    """The text (the number in brackets where the pose is interpolated) on a plate of the person's colour."""
    xy = person.track.xy[person.row]
    seen = xy[~np.isnan(xy[:, 0])]
    if not len(seen):
        return
    size, thick = 0.25 * _width(image) + 0.1, max(1, _width(image) // 2)
    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    left = int(np.clip(seen[:, 0].mean() - wide / 2, 0, max(image.shape[1] - wide - 4, 0)))
    low = int(np.clip(seen[:, 1].min() - 6 * thick, high + 4, image.shape[0] - 2))
    cv2.rectangle(image, (left - 3, low - high - 3), (left + wide + 3, low + 3), person.colour, -1)
    cv2.putText(image, text, (left, low), cv2.FONT_HERSHEY_SIMPLEX, size, (20, 20, 20), thick, cv2.LINE_AA)


def _width(image: Image) -> int:
    return max(1, round(float(np.sqrt(image.shape[0] * image.shape[1])) / 200))


def _whole(point: NDArray[np.float64]) -> tuple[int, int]:
    """cv2 takes 32-bit integers: a far-away place must not overflow them."""
    x, y = np.clip(point, -30_000, 30_000).round().astype(int).tolist()
    return x, y
