"""Labelled frames: tracks frame by frame, as most formats hold them, and what annotators make of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks, PoseTrack, State

NOT_SAID = "?"  # choice of an activity that nobody has made yet
VISIBILITY_THRESHOLD = 0.2  # confidence from which a predicted keypoint is visible (COCO's 2), below it occluded (1)
FRAME_NAME = re.compile(r"([0-9a-f]{64})-(\d{6,})(?:-([A-Za-z0-9._-]+?))?\.jpg")


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One person in one frame.

    xy, confidence  (K, 2) float32 pixels, NaN = not seen; (K,) float32.
    state           see State.
    activity        what a model takes the person to do, for annotators to confirm or correct; "" = not asked.
    """

    person: int
    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    state: int = State.PREDICTED
    activity: str = ""

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(K,) mask of the seen keypoints."""
        return np.asarray(~np.isnan(self.xy[:, 0]))

    @property
    def mean_confidence(self) -> float:
        """Mean confidence of the seen keypoints; 0 without any."""
        return float(self.confidence[self.seen].mean()) if self.seen.any() else 0.0

    def box(self) -> list[float]:
        """Return the bounding box of the seen keypoints: left, top, width, height in pixels; zeros without any."""
        if not self.seen.any():
            return [0.0, 0.0, 0.0, 0.0]
        low, high = self.xy[self.seen].min(0), self.xy[self.seen].max(0)
        return [round(float(v), 3) for v in (*low, *(high - low))]

    def visibility(self, visible_from: float = VISIBILITY_THRESHOLD) -> NDArray[np.int64]:
        """Return COCO's visibility flags (K,): 0 not seen; 1 placed, but less confident or interpolated; 2 visible."""
        sure = (self.confidence >= visible_from) & (self.state != State.INTERPOLATED)
        return np.asarray(np.where(self.seen, np.where(sure, 2, 1), 0))


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFrame:
    """One frame of a medium with everybody in it.

    origin  fingerprint of the labeller, where the frame goes out to be corrected and must say whose tracks it shows.
    """

    medium: str
    frame: int
    time_s: float
    width_px: int
    height_px: int
    skeleton: Skeleton
    people: tuple[Instance, ...]
    origin: str = ""

    @property
    def file_name(self) -> str:
        """Name of the frame's JPEG, by which it is known again: the one thing that every tool hands back."""
        origin = f"-{self.origin}" if self.origin else ""
        return f"{self.medium}-{self.frame:06d}{origin}.jpg"


@dataclass(frozen=True, slots=True)
class MediumInfo:
    """Metadata of a medium, for formats that do not hold it. frames, duration_s: None = as far as people are."""

    medium: str
    width_px: int
    height_px: int
    fps: float
    frames: int | None = None
    duration_s: float | None = None
    labeller: str = "imported"


@dataclass(slots=True)
class Annotations:
    """Annotations that come back: (medium, frame) → person → (K, 2) pixels, NaN = not to be seen; and their faults.

    skeleton  by which the keypoints are ordered.
    activities  (medium, frame) → person → activity, where the annotator says one.
    origins   medium → fingerprints of the labellers, where the file names say them.
    sizes     medium → widths and heights of its pictures in the tool, pixels, where the file says them.
    notes     sentences about what was passed over, which stop nothing.
    """

    skeleton: Skeleton
    people: dict[tuple[str, int], dict[int, NDArray[np.float32]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    origins: dict[str, set[str]] = field(default_factory=dict)
    activities: dict[tuple[str, int], dict[int, str]] = field(default_factory=dict)
    sizes: dict[str, set[tuple[int, int]]] = field(default_factory=dict)

    def picture(self, file_name: str) -> dict[int, NDArray[np.float32]] | None:
        """Return the people of that file name's frame, to be added to; None (and a fault) when it is no frame's."""
        match = FRAME_NAME.search(file_name)
        if match is None:
            self.faults.append(f"{file_name!r} is no picture that was exported (<digest>-<frame>.jpg)")
            return None
        if match[3]:
            self.origins.setdefault(match[1], set()).add(match[3])
        return self.people.setdefault((match[1], int(match[2])), {})

    def add_size(self, file_name: str, width_px: Any, height_px: Any) -> None:
        """Record the size of that file name's picture in the tool; nothing where the file does not say it."""
        match = FRAME_NAME.search(file_name)
        if match is not None and width_px and height_px:
            self.sizes.setdefault(match[1], set()).add((round(float(width_px)), round(float(height_px))))

    def add_activity(self, file_name: str, person: int, activity: str | None) -> None:
        """Record what a person does in that file name's frame; nothing where the annotator did not say."""
        match = FRAME_NAME.search(file_name)
        if match is not None and (activity or "").strip() not in ("", NOT_SAID):
            self.activities.setdefault((match[1], int(match[2])), {})[person] = str(activity).strip()

    def keypoints(self, people: dict[int, NDArray[np.float32]], person: int) -> NDArray[np.float32]:
        """Return the keypoints of that person, all unseen at first."""
        return people.setdefault(person, np.full((len(self.skeleton), 2), np.nan, np.float32))

    def add_person(self, people: dict[int, NDArray[np.float32]], person: int) -> NDArray[np.float32]:
        """Return the keypoints of a person who is not in that frame yet, all unseen at first; else a fault as well."""
        if person in people:
            self.person_twice(people, person)
            return np.full_like(people[person], np.nan)
        return self.keypoints(people, person)

    def person_twice(self, people: dict[int, NDArray[np.float32]], person: int) -> None:
        """Note the fault that a frame has two people of one number."""
        medium, frame = next(key for key, value in self.people.items() if value is people)
        self.faults.append(
            f"person {person} is twice in frame {frame} of medium {medium[:12]}: give every person in a frame a number "
            "of their own (people who are not in our tracks cannot be added)"
        )

    def check_once(self, file_names: Iterable[str]) -> None:
        """Note a fault for every frame of which a file has two copies, such as those of two annotators."""
        keys = [(m[1], int(m[2])) for m in map(FRAME_NAME.search, file_names) if m]
        self.faults += [
            f"frame {frame} of medium {medium[:12]} is in the file {number} times, such as by several annotators or "
            "tasks: export one of them"
            for (medium, frame), number in Counter(keys).items()
            if number > 1
        ]


def labelled_frames(tracks: MediumTracks, frames: Iterable[int] | None = None, origin: str = "") -> list[LabelledFrame]:
    """List the frames with people in order; with `frames`, exactly these, also those without people."""
    wanted = None if frames is None else dict.fromkeys(sorted({int(frame) for frame in frames}))
    people: dict[int, list[Instance]] = {} if wanted is None else {frame: [] for frame in wanted}
    recorded = tracks.frame_times
    times = dict(zip(recorded.number.tolist(), recorded.time_s.tolist(), strict=True))
    for track in tracks.tracks:
        for row, frame in enumerate(track.frame.tolist()):
            if wanted is None or frame in wanted:
                person = Instance(track.person, track.xy[row], track.confidence[row], int(track.state[row]))
                people.setdefault(frame, []).append(person)
                times[frame] = float(track.time_s[row])
    fps = tracks.fps
    return [
        LabelledFrame(
            tracks.medium,
            frame,
            times.get(frame, frame / fps),
            tracks.width_px,
            tracks.height_px,
            tracks.skeleton,
            tuple(people[frame]),
            origin,
        )
        for frame in sorted(people)
    ]


def tracks_from_frames(labelled: Sequence[LabelledFrame], source: MediumInfo, skeleton: Skeleton) -> MediumTracks:
    """Build a medium's tracks from its frames. Errors: InputError when a person is in a frame twice."""
    rows: dict[int, dict[int, tuple[float, Instance]]] = {}
    for picture in labelled:
        for person in picture.people:
            of_person = rows.setdefault(person.person, {})
            if picture.frame in of_person:
                raise InputError(f"person {person.person} is twice in frame {picture.frame} of {source.medium[:12]}")
            of_person[picture.frame] = picture.time_s, person
    tracks = tuple(_track(number, rows[number], skeleton) for number in sorted(rows))
    last = max((picture.frame for picture in labelled), default=-1)
    frames = source.frames if source.frames is not None else last + 1
    duration_s = source.duration_s if source.duration_s is not None else frames / source.fps
    return MediumTracks(
        source.medium, source.labeller, skeleton, source.width_px, source.height_px, frames, duration_s, tracks
    )


def _track(number: int, rows: dict[int, tuple[float, Instance]], skeleton: Skeleton) -> PoseTrack:
    frames = sorted(rows)
    people = [rows[frame][1] for frame in frames]
    return PoseTrack(
        skeleton,
        number,
        np.array(frames, np.int32),
        np.array([rows[frame][0] for frame in frames]),
        np.stack([p.xy for p in people]).astype(np.float32),
        np.stack([p.confidence for p in people]).astype(np.float32),
        np.array([p.state for p in people], np.uint8),
    )


def flat_keypoints(person: Instance, third: NDArray[np.floating] | NDArray[np.integer], digits: int = 3) -> list[float]:
    """Flatten to x, y and a third value, keypoint by keypoint; three zeros where a keypoint is not seen."""
    flat = np.concatenate([person.xy, third[:, None]], -1).astype(np.float64)
    flat[~person.seen] = 0
    return [round(value, digits) for value in flat.reshape(-1).tolist()]
