"""Rewindowing: test clips cut into windows again, from their tracks as they are or perturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.features.clip_windows import clip_windows
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import grouped_probabilities
from posemill.pose.track import MediumTracks
from posemill.stages.held_out_clips import HeldOutClip
from posemill.stages.workspace import Workspace

PredictFn = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Change = Callable[[MediumTracks], MediumTracks]
BATCH = 1024  # windows that wait for the network, so that memory does not grow with the data


def tracks_of(inputs: Workspace, clips: Iterable[HeldOutClip]) -> Iterator[MediumTracks]:
    """Tracks of the clips' media as the label stage wrote them, without those that validation turned down.

    Shard by shard, in the clips' order within each.
    """
    import pandas as pd

    from posemill.stages.rejected import rejected_tracks
    from posemill.store.tracks import read_shard_media

    label = inputs.output("label")
    media = pd.read_parquet(label / "media.parquet", columns=["medium", "shard"])
    rejected = rejected_tracks(inputs.output("validate"))
    wanted = list(dict.fromkeys(clip.medium for clip in clips))
    shards = media[media["medium"].isin(wanted)].set_index("medium")["shard"]
    by_shard: dict[str, list[str]] = {}
    for medium in wanted:
        by_shard.setdefault(str(shards[medium]), []).append(medium)
    for shard, inside in by_shard.items():
        for tracks in read_shard_media(label / shard, inside):
            fine = tuple(t for t in tracks.tracks if (tracks.medium, t.person) not in rejected)
            yield replace(tracks, tracks=fine)


def tracks_in(folder: Path, clips: Iterable[HeldOutClip]) -> Iterator[MediumTracks]:
    """The same from a folder of shards that another pose backend gave; media that it lacks are left out."""
    from posemill.store.tracks import read_shards

    wanted = {clip.medium for clip in clips}
    return (tracks for tracks in read_shards(folder) if tracks.medium in wanted)


def verdicts(
    ask: PredictFn,
    features: FeaturePipeline,
    media: Iterable[MediumTracks],
    clips: Iterable[HeldOutClip],
    changes: Mapping[str, Change],
) -> dict[str, dict[int, NDArray[np.float32]]]:
    """Probabilities (C,) by clip, for every change by name; a clip that gives no window is not in it."""
    wanted: dict[str, list[HeldOutClip]] = {}
    for clip in clips:
        wanted.setdefault(clip.medium, []).append(clip)
    piles = {name: _Pile(ask) for name in changes}
    for tracks in media:
        for name, change in changes.items():
            changed = change(tracks)
            for clip in wanted[tracks.medium]:
                piles[name].add(clip.clip, windows_of(features, changed, clip))
    return {name: pile.verdicts() for name, pile in piles.items()}


def windows_of(features: FeaturePipeline, tracks: MediumTracks, clip: HeldOutClip) -> NDArray[np.float32]:
    """(N, T, K, C) windows of the clip's acting person, as prepare cuts them; N is 0 where there is nobody."""
    cut = clip_windows(features, tracks, clip.start_s, clip.end_s)
    return np.zeros((0, *features.shape), np.float32) if cut is None else cut.windows


@dataclass(slots=True)
class _Pile:
    """Windows of many clips, asked together."""

    ask: PredictFn
    waiting: list[NDArray[np.float32]] = field(default_factory=list)
    clips: list[int] = field(default_factory=list)
    said: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, clip: int, windows: NDArray[np.float32]) -> None:
        if len(windows):
            self.waiting.append(windows)
            self.clips += [clip] * len(windows)
        if sum(map(len, self.waiting)) >= BATCH:
            self._flush()

    def verdicts(self) -> dict[int, NDArray[np.float32]]:
        self._flush()
        if not self.clips:
            return {}
        clips, of_clip = grouped_probabilities(np.concatenate(self.said), np.array(self.clips))
        return dict(zip(clips.tolist(), of_clip, strict=True))

    def _flush(self) -> None:
        if self.waiting:
            self.said.append(self.ask(np.concatenate(self.waiting)))
            self.waiting = []
