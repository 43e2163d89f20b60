"""Clips by medium: which ones a shard of tracks has, and the key of what is cut of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posemill.features.pipeline import FeaturePipeline
from posemill.stages.cut_cache import CutCache

if TYPE_CHECKING:
    import pandas as pd


class ClipRows:
    """Rows of a table of clips by medium, with what decides their windows beside the tracks.

    clips      with columns clip, medium, start_s and end_s, in canonical order.
    by_medium  row numbers; numbers: of the clips, by row; spans: (start_s, end_s) by row; persons: rejected tracks.
    """

    def __init__(self, clips: pd.DataFrame, rejected: set[tuple[str, int]]) -> None:
        self.by_medium: dict[str, list[int]] = {}
        self.persons: dict[str, list[int]] = {}
        for row, medium in enumerate(clips["medium"].to_list()):
            self.by_medium.setdefault(medium, []).append(row)
        for medium, person in sorted(rejected):
            self.persons.setdefault(medium, []).append(person)
        self.numbers: list[int] = clips["clip"].astype(int).to_list()
        self.spans = list(zip(clips["start_s"].to_list(), clips["end_s"].to_list(), strict=True))

    def media_in(self, shard: Path) -> list[str]:
        """Return the media of a shard that have clips, in the order written."""
        from posemill.store.tracks import shard_media

        return [medium for medium in shard_media(shard) if medium in self.by_medium]

    def rows(self, media: list[str]) -> list[int]:
        """Return the rows of the clips of these media, medium by medium."""
        return [row for medium in media for row in self.by_medium[medium]]

    def key(self, cache: CutCache, shard: Path, media: list[str], pipeline: FeaturePipeline, with_poses: bool) -> str:
        """Return the key of what is cut of a shard's media.

        with_poses  the poses for the search of near-duplicates are kept too.
        """
        spans = [(medium, [self.spans[row] for row in self.by_medium[medium]]) for medium in media]
        rejected = {medium: self.persons[medium] for medium in media if medium in self.persons}
        return cache.key(shard, pipeline.to_json(), with_poses, spans, rejected)
