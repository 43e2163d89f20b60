"""Streams of tracked poses for applications, from stored tracks; those of videos and cameras are in live.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from posemill.applications.protocol import StreamFacts, TrackedFrame, TrackedPose
from posemill.pose.track import MediumTracks


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Frames of tracked poses with what is known before the first; the frames can be read once."""

    facts: StreamFacts
    frames: Iterator[TrackedFrame]


def stream_of_tracks(tracks: MediumTracks, source: str = "") -> Stream:
    """Return the frames of stored tracks in order, with the frames without people.

    Examples:
        >>> import numpy as np
        >>> from posemill import SKELETONS, MediumTracks, PoseTrack
        >>> track = PoseTrack.from_numpy(np.ones((3, 17, 2)), SKELETONS["coco-17"], fps=25)
        >>> stream = stream_of_tracks(MediumTracks("a", "imported", track.skeleton, 64, 48, 3, 0.12, (track,)))
        >>> [(frame.frame, round(frame.time_s, 2), list(frame.people)) for frame in stream.frames]
        [(0, 0.0, [0]), (1, 0.04, [0]), (2, 0.08, [0])]
    """
    facts = StreamFacts(tracks.skeleton, tracks.width_px, tracks.height_px, source or tracks.medium[:12])
    return Stream(facts, _of_tracks(tracks))


def _of_tracks(tracks: MediumTracks) -> Iterator[TrackedFrame]:
    at: dict[int, dict[int, tuple[int, int]]] = {}
    for number, track in enumerate(tracks.tracks):
        for row, frame in enumerate(track.frame.tolist()):
            at.setdefault(frame, {})[track.person] = (number, row)
    times = tracks.frame_times
    for frame, time_s in zip(times.number.tolist(), times.time_s.tolist(), strict=True):
        people = {}
        for person, (number, row) in sorted(at.get(frame, {}).items()):
            track = tracks.tracks[number]
            z = None if track.z is None else track.z[row]
            people[person] = TrackedPose(track.xy[row], track.confidence[row], z)
        yield TrackedFrame(frame, time_s, people)


def first_seconds(stream: Stream, seconds: float) -> Stream:
    """Return the frames before a time; those after it are not asked for."""
    return Stream(stream.facts, takewhile(lambda frame: frame.time_s < seconds, stream.frames))
