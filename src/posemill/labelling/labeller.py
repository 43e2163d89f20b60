"""What a labeller has found, in its stores: poses, which cost a network, and the tracks made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from posemill.errors import InputError
from posemill.estimation.fingerprint import fingerprint, pose_fingerprint
from posemill.estimation.types import FramePoses, PoseBackend
from posemill.estimation.video import follow
from posemill.labelling.chunks import chain, frames_of
from posemill.params.label import LabelParams
from posemill.pose.track import MediumTracks
from posemill.settings import Settings
from posemill.store.media import MediaStore
from posemill.store.pose_file import ChunkPoses
from posemill.store.pose_store import PoseStore, Stretch
from posemill.store.tracks import TrackStore, read_medium

IMPORTED = "imported"


@dataclass(frozen=True, eq=False)
class Labeller:
    """A backend with the stores that it works on."""

    backend: PoseBackend
    params: LabelParams
    media: MediaStore
    poses: PoseStore
    tracks: TrackStore

    @cached_property
    def fingerprint(self) -> str:
        """Names the tracks of this labeller; see fingerprint.fingerprint."""
        return fingerprint(self.backend.describe(), self.params)

    @cached_property
    def pose_fingerprint(self) -> str:
        """Names the poses of this labeller; see fingerprint.pose_fingerprint."""
        return pose_fingerprint(self.backend.describe(), self.params)

    def missing(self, media: Iterable[str]) -> list[str]:
        """Those of which this labeller has not found all poses, in the same order."""
        tracked, stored = self.tracks.media(self.fingerprint), self.poses.stretches(self.pose_fingerprint)
        return [medium for medium in media if medium not in tracked and not chain(stored.get(medium, ()))]

    def labelled(self, medium: str) -> MediumTracks:
        """The tracks of a medium whose poses are all in the store. Errors: InputError when they are not."""
        found = self.tracks.find(medium, self.fingerprint)
        return found or self.track(medium, self.poses.stretches(self.pose_fingerprint, medium).get(medium, []))

    def untracked(self, media: Iterable[str]) -> dict[str, list[Stretch]]:
        """Stretches of those media whose poses are all there and whose tracks are not."""
        tracked, stored = self.tracks.media(self.fingerprint), self.poses.stretches(self.pose_fingerprint)
        return {m: stored[m] for m in media if m not in tracked and m in stored and chain(stored[m])}

    def track(self, medium: str, stretches: Iterable[Stretch]) -> MediumTracks:
        """Put tracks together from stored poses, without any network, and store them."""
        parts = chain(stretches)
        if not parts:
            raise InputError(f"the store {self.poses.url} lacks poses of {medium}: run `posemill label`")
        first = self.poses.get(medium, self.pose_fingerprint, parts[0])
        looked_at = _Counted(self._frames(medium, first, parts[1:]))
        people = follow(looked_at, first.skeleton, self.params)
        tracks = MediumTracks(
            medium=medium,
            labeller=self.fingerprint,
            skeleton=first.skeleton,
            width_px=first.width_px,
            height_px=first.height_px,
            frames=looked_at.frames,
            duration_s=max(first.duration_s, looked_at.last_s),
            tracks=people,
        )
        self.tracks.put(tracks)
        return tracks

    def propagated(self, media: Iterable[str]) -> int:
        """Frames of these media of which only the surroundings of people were looked at; damaged files do not count."""
        if self.params.roi_propagation is None:
            return 0
        stored, count = self.poses.stretches(self.pose_fingerprint), 0
        for medium in media:
            for part in chain(stored.get(medium, ())):
                with suppress(InputError):  # its tracks are there, and a count is no reason to stop
                    count += self.poses.propagated(medium, self.pose_fingerprint, part)
        return count

    def _frames(self, medium: str, first: ChunkPoses, others: Iterable[Stretch]) -> Iterator[FramePoses]:
        yield from frames_of(first)
        for stretch in others:
            yield from frames_of(self.poses.get(medium, self.pose_fingerprint, stretch))


class _Counted:
    """Frames as they go by; a medium of hours need not be in memory to know how many they were."""

    def __init__(self, frames: Iterable[FramePoses]) -> None:
        self._frames = frames
        self.frames, self.last_s = 0, 0.0

    def __iter__(self) -> Iterator[FramePoses]:
        for frame in self._frames:
            self.frames, self.last_s = self.frames + 1, frame.time_s
            yield frame


def open_labeller(params: LabelParams, settings: Settings) -> Labeller:
    """The labeller of these parameters, with its backend loaded, on the stores of these settings."""
    from posemill.estimation.types import load_backend

    url = settings.store_url
    return Labeller(load_backend(params.backend, params), params, MediaStore(url), PoseStore(url), TrackStore(url))


def imported(store: MediaStore, medium: str) -> MediumTracks:
    """Keypoints that came with the data, unchanged: the medium itself is a track file."""
    return replace(read_medium(store.fetch(medium)), medium=medium, labeller=IMPORTED)


def with_ground_truth(
    store: MediaStore, ground_truths: dict[str, str], labelled: Callable[[str], MediumTracks]
) -> Iterator[tuple[MediumTracks, MediumTracks]]:
    """(found, true) tracks of every medium in `ground_truths`, which gives the digest of its track file."""
    for medium, digest in ground_truths.items():
        yield labelled(medium), read_medium(store.fetch(digest))
