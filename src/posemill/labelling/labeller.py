"""A labeller with its stores: cached poses, which cost a network, and the tracks made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from posemill.errors import InputError
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.types import FramePoses
from posemill.labelling.chunks import chain, chunk_of_frames, frames_of_chunk
from posemill.params.label import LabelParams
from posemill.pose.track import MediumTracks
from posemill.settings import Settings
from posemill.store.media import MediaStore
from posemill.store.pose_file import ChunkPoses
from posemill.store.pose_store import PoseStore, Stretch, medium_of, ranges_of
from posemill.store.tracks import TrackStore, read_medium
from posemill.video.sandboxed import probe_sandboxed

IMPORTED = "imported"


@dataclass(frozen=True, eq=False)
class Labeller:
    """A pose estimator with the stores that it works on."""

    estimator: PoseEstimator
    media: MediaStore
    poses: PoseStore
    tracks: TrackStore

    @property
    def params(self) -> LabelParams:
        """Parameters of the estimator."""
        return self.estimator.params

    @property
    def fingerprint(self) -> str:
        """Name of the tracks of this labeller, see PoseEstimator."""
        return self.estimator.fingerprint

    @property
    def pose_fingerprint(self) -> str:
        """Name of the poses of this labeller, see PoseEstimator."""
        return self.estimator.pose_fingerprint

    def missing(self, media: Iterable[str]) -> list[str]:
        """Media of which this labeller has not estimated all poses, in the same order."""
        tracked, stored = self.tracks.media(self.fingerprint), self.poses.stretches(self.pose_fingerprint)
        return [medium for medium in media if medium not in tracked and not chain(stored.get(medium, ()))]

    def labelled(self, medium: str) -> MediumTracks:
        """The tracks of a medium whose poses are all in the store. Errors: InputError when they are not."""
        found = self.tracks.find(medium, self.fingerprint)
        return found or self.track(medium, self.poses.stretches(self.pose_fingerprint, medium).get(medium, []))

    def untracked(self, media: Iterable[str]) -> dict[str, list[Stretch]]:
        """Stored frame ranges of those media that have all poses and no tracks yet."""
        tracked = self.tracks.media(self.fingerprint)
        left = {medium: None for medium in media if medium not in tracked}
        if not left:
            return {}
        stored = ranges_of(n for n in self.poses.names(self.pose_fingerprint) if medium_of(n) in left)
        return {m: stored[m] for m in left if m in stored and chain(stored[m])}

    def track(self, medium: str, stretches: Iterable[Stretch]) -> MediumTracks:
        """Track people through the stored poses of a medium, without the network, and store the tracks."""
        parts = chain(stretches)
        if not parts:
            raise InputError(f"the store {self.poses.url} lacks poses of {medium}: run `posemill label`")
        first = self.poses.get(medium, self.pose_fingerprint, parts[0])
        frames = self._frames(medium, first, parts[1:])
        tracks = self.estimator.follow(frames, medium, (first.width_px, first.height_px), first.duration_s)
        self.tracks.put(tracks)
        return tracks

    def label(self, path: Path, medium: str) -> None:
        """Estimate all poses of a video file and store them, outside any ledger."""
        facts = probe_sandboxed(path)
        frames = list(self.estimator.stream(path, sandboxed=True))
        size_px = facts.width_px, facts.height_px
        skeleton = self.estimator.skeleton
        whole: Stretch = (0, None)
        self.poses.put(
            chunk_of_frames(frames, medium, self.pose_fingerprint, whole, skeleton, size_px, facts.duration_s)
        )

    def propagated(self, media: Iterable[str]) -> int:
        """Count the frames of these media of which only regions were posed; damaged files do not count."""
        if self.params.roi_propagation is None and not self.params.rotation_fallback_threshold:
            return 0
        stored, count = self.poses.stretches(self.pose_fingerprint), 0
        for medium in media:
            for part in chain(stored.get(medium, ())):
                with suppress(InputError):  # its tracks are there, and a count is no reason to stop
                    count += self.poses.propagated(medium, self.pose_fingerprint, part)
        return count

    def _frames(self, medium: str, first: ChunkPoses, others: Iterable[Stretch]) -> Iterator[FramePoses]:
        yield from frames_of_chunk(first)
        for stretch in others:
            yield from frames_of_chunk(self.poses.get(medium, self.pose_fingerprint, stretch))


def open_labeller(params: LabelParams, settings: Settings) -> Labeller:
    """Open the labeller of these parameters, with its network loaded, on the stores of these settings."""
    url = settings.store_url
    return Labeller(PoseEstimator(params=params).load(), MediaStore(url), PoseStore(url), TrackStore(url))


def imported(store: MediaStore, medium: str) -> MediumTracks:
    """Keypoints that came with the data, unchanged: the medium itself is a track file."""
    return replace(read_medium(store.fetch(medium)), medium=medium, labeller=IMPORTED)


def with_ground_truth(
    store: MediaStore, ground_truths: dict[str, str], labelled: Callable[[str], MediumTracks]
) -> Iterator[tuple[MediumTracks, MediumTracks]]:
    """Yield (estimated, true) tracks of every medium in `ground_truths`, which gives the digest of its track file."""
    for medium, digest in ground_truths.items():
        yield labelled(medium), read_medium(store.fetch(digest))
