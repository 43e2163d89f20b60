"""Cutting clips into windows: streamed from the label stage's shards to one .npy file, medium by medium.

What stays in memory is the clips' table and one number a window, never poses. What was cut of a shard that is as it was
is taken over from a cache.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from posemill.features.clip_windows import clip_windows
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.near_duplicates import PerformanceStore
from posemill.pose.pairs import own
from posemill.pose.track import MediumTracks
from posemill.stages.clip_rows import ClipRows
from posemill.stages.cut_cache import CutCache, Range, ShardCut
from posemill.store.clip_fields import PER_WINDOW

if TYPE_CHECKING:
    import pandas as pd

NO_TRACKS, NOBODY = "the medium has no tracks", "nobody was found in the clip"
HARDLY_SEEN = "the acting person is seen too little, or the clip is too short, for one window"


@dataclass(frozen=True, slots=True, eq=False)
class CutClips:
    """Clips that gave windows, in the order of the windows, which are those of one clip after those of another.

    clips    (M rows) the clips, with the columns of clips.parquet and `person`, their main subject.
    count    (M,) windows of each, at least 1; start_s  (N,) seconds where each window begins.
    dropped  by clip: why it gave none.
    """

    clips: pd.DataFrame
    count: NDArray[np.int64]
    start_s: NDArray[np.float64]
    dropped: dict[int, str]

    def __len__(self) -> int:
        return len(self.start_s)

    def index(self) -> pd.DataFrame:
        """One row a window: window, clip, medium, what is said of the clip, person, start_s, and split where known."""
        rows = np.repeat(np.arange(len(self.clips)), self.count)
        last = [name for name in ("split",) if name in self.clips]
        table = self.clips[["clip", "medium", *PER_WINDOW, "person", *last]].take(rows).reset_index(drop=True)
        table.insert(0, "window", np.arange(len(table)))
        table.insert(table.columns.get_loc("person") + 1, "start_s", self.start_s)
        return table


def cut_windows(
    pipeline: FeaturePipeline,
    clips: pd.DataFrame,
    label: Path,
    rejected: set[tuple[str, int]],
    path: Path,
    performances: PerformanceStore | None = None,
    cache: CutCache | None = None,
) -> CutClips:
    """Write the windows of all clips to `path`, (N, T, K, C) float32.

    clips     in canonical order, see content_order.
    label     folder of shards; rejected  (medium, person) of the tracks to leave out.
    performances  gets the poses (T, K, 2) of every clip with windows, in the order of CutClips.clips.
    cache     of what was cut before; the result is the same without it.
    """
    from posemill.store.tracks import shard_paths

    with _NpyWriter(path, pipeline.shape) as file:
        cutter = _Cutter(pipeline, clips, rejected, file, performances, cache)
        for shard in shard_paths(label):
            cutter.add_shard(shard)
    return cutter.cut()


def cut_cache(folder: Path) -> CutCache:
    """Open the cache in a folder, which need not be there."""
    return CutCache(folder, __name__, f"numpy {np.__version__}")


@dataclass(slots=True)
class _Cutter:
    pipeline: FeaturePipeline
    clips: pd.DataFrame
    rejected: set[tuple[str, int]]
    file: _NpyWriter
    performances: PerformanceStore | None
    cache: CutCache | None = None
    _rows: ClipRows = field(init=False)
    _row: array[int] = field(default_factory=lambda: array("q"))
    _person: array[int] = field(default_factory=lambda: array("q"))
    _count: array[int] = field(default_factory=lambda: array("q"))
    _start_s: array[float] = field(default_factory=lambda: array("d"))
    _dropped: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self._rows = ClipRows(self.clips, self.rejected)
        self._dropped = dict.fromkeys(self._rows.numbers, NO_TRACKS)

    def add_shard(self, shard: Path) -> None:
        """Cut the clips of the media of one shard, or take over what was cut of them before."""
        from posemill.store.tracks import read_shard

        media = self._rows.media_in(shard)
        if not media:
            return
        with_poses = self.performances is not None
        key = self._rows.key(self.cache, shard, media, self.pipeline, with_poses) if self.cache else ""
        kept = self.cache.find(key) if self.cache else None
        if kept is not None:
            self._take(kept, media)
            return
        clips, windows, poses = len(self._row), len(self._start_s), self._poses()
        for tracks in read_shard(shard, set(media)):
            self._add(tracks)
        if self.cache:
            self.cache.put(key, media, self._since(media, clips, windows, poses))

    def _take(self, kept: ShardCut, media: list[str]) -> None:
        rows = self._rows.rows(media)
        self._row.extend(rows[position] for position in kept.clip)
        self._person.extend(kept.person)
        self._count.extend(kept.count)
        self._start_s.extend(kept.start_s)
        for row in rows:
            self._dropped.pop(self._rows.numbers[row])
        self._dropped.update({self._rows.numbers[rows[position]]: reason for position, reason in kept.reasons.items()})
        self.file.append(kept.windows.blocks(), len(kept.start_s))
        if self.performances is not None:
            self.performances.append(kept.shapes.blocks(), kept.poses, 2 * len(own(self.pipeline.skeleton)))

    def _since(self, media: list[str], clips: int, windows: int, poses: int) -> ShardCut:
        """Return the clips that were cut after so many clips, windows and poses."""
        rows = self._rows.rows(media)
        position = {row: at for at, row in enumerate(rows)}
        reasons = {at: self._dropped[self._rows.numbers[row]] for at, row in enumerate(rows) if self._lost(row)}
        store = self.performances
        return ShardCut(
            clip=[position[row] for row in self._row[clips:]],
            person=self._person[clips:],
            count=self._count[clips:],
            start_s=self._start_s[windows:],
            reasons=reasons,
            poses=[] if store is None else store.lengths[clips:],
            windows=self.file.written(windows),
            shapes=self.file.written(len(self._start_s)) if store is None else Range(*store.written(poses)),
        )

    def _lost(self, row: int) -> bool:
        return self._rows.numbers[row] in self._dropped

    def _poses(self) -> int:
        return 0 if self.performances is None else sum(self.performances.lengths)

    def _add(self, tracks: MediumTracks) -> None:
        """Cut the clips of one medium."""
        fine = tuple(t for t in tracks.tracks if (tracks.medium, t.person) not in self.rejected)
        kept = replace(tracks, tracks=fine)
        for row in self._rows.by_medium[tracks.medium]:
            number, reason = self._rows.numbers[row], self._cut(kept, row, *self._rows.spans[row])
            self._dropped.pop(number) if reason is None else self._dropped.update({number: reason})

    def cut(self) -> CutClips:
        """Return what was cut."""
        found = self.clips.take(np.array(self._row, np.int64)).drop(columns="split", errors="ignore")
        found = found.reset_index(drop=True).assign(person=np.array(self._person, np.int64))
        return CutClips(found, np.array(self._count, np.int64), np.array(self._start_s, np.float64), self._dropped)

    def _cut(self, tracks: MediumTracks, row: int, start_s: float, end_s: float) -> str | None:
        """Write one clip's windows; returns the reason where there are none."""
        cut = clip_windows(self.pipeline, tracks, start_s, end_s)
        if cut is None:
            return NOBODY
        if not len(cut.windows):
            return HARDLY_SEEN
        self.file.write(cut.windows)
        if self.performances is not None:
            self.performances.add(cut.subject.to(own(self.pipeline.skeleton)).xy)
        self._row.append(row)
        self._person.append(cut.subject.person)
        self._count.append(len(cut.windows))
        self._start_s.extend(cut.spans[:, 0].tolist())
        return None


class _NpyWriter:
    """A .npy file that grows: the header, which numpy leaves room in for this, is written again at the end."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._path, self._shape, self._rows = path, shape, 0

    def __enter__(self) -> _NpyWriter:
        self._file: BinaryIO = self._path.open("w+b")
        self._header()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        length = self._file.tell()
        self._file.seek(0)
        self._header()
        self._file.seek(length)
        self._file.close()

    def write(self, windows: NDArray[np.float32]) -> None:
        """Append windows (N, *shape)."""
        self._rows += len(windows)
        self._file.write(np.ascontiguousarray(windows, np.float32).tobytes())

    def append(self, blocks: Iterable[bytes], windows: int) -> None:
        """Append so many windows as they were written before."""
        for block in blocks:
            self._file.write(block)
        self._rows += windows

    def written(self, first: int) -> Range:
        """Return the place of the windows from number `first` on."""
        self._file.flush()
        size = 4 * math.prod(self._shape)
        end = self._file.tell()
        return Range(self._path, end - size * (self._rows - first), size * (self._rows - first))

    def _header(self) -> None:
        fields = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, fields)
