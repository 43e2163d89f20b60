"""Shards: the tracks of many media in few files, since versioning thousands of small files is slow."""

from __future__ import annotations

import itertools
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa

from posemill.errors import InputError
from posemill.pose.gaps import found_only
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks
from posemill.store.files import replace_file
from posemill.store.kept_shards import KeptMedium, KeptShards
from posemill.store.track_file import (
    from_table,
    has_depth,
    metadata_of,
    open_parquet,
    read_metadata,
    read_rows,
    to_bytes,
    to_table,
)

SHARD_ROWS = 100_000  # at most, about 22 MB of keypoints in memory
ENDS = 8  # places where a shard may end in as many rows as one has
DEEP = "~3d"  # no skeleton's name has a ~: tracks of `lab` with z and those of `lab-3d` are different files


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """Shard of a medium's tracks, and their counts; `poses` leaves interpolated ones out."""

    medium: str
    shard: str
    frames: int
    persons: int
    poses: int


@dataclass(frozen=True, slots=True)
class ImportedTracks:
    """Tracks that were imported: the medium is the digest of their file, so that the same name is the same tracks."""

    medium: str
    load: Callable[[], MediumTracks]


@dataclass(slots=True)
class _Buffer:
    skeleton: Skeleton
    is_3d: bool = False
    number: int = 0
    rows: int = 0
    tables: list[Callable[[], pa.Table]] = field(default_factory=list)
    media: dict[str, KeptMedium] = field(default_factory=dict)
    all_imported: bool = True

    @property
    def name(self) -> str:
        return f"tracks-{self.skeleton.name}{DEEP if self.is_3d else ''}-{self.number}.parquet"

    def add(self, medium: str, known: KeptMedium, table: Callable[[], pa.Table], is_imported: bool) -> ShardEntry:
        if medium in self.media:
            raise InputError(f"medium {medium} comes twice")
        if self.skeleton != known.skeleton:
            raise InputError(
                f"medium {medium[:12]}: two different skeletons are called {known.skeleton.name}; import one of them "
                f"again under another name"
            )
        self.media[medium] = known
        self.tables.append(table)
        self.rows += known.rows
        self.all_imported &= is_imported
        return ShardEntry(medium, self.name, known.about["frames"], known.persons, known.poses)

    def flush(self, folder: Path, kept: KeptShards | None) -> None:
        path = folder / self.name
        keeps = kept if self.all_imported else None
        if self.media and not (keeps and keeps.link(list(self.media), path)):
            starts = itertools.accumulate((known.rows for known in self.media.values()), initial=0)
            described = {
                medium: {**known.about, "row": row, "rows": known.rows}
                for (medium, known), row in zip(self.media.items(), starts, strict=False)
            }
            replace_file(path, to_bytes([table() for table in self.tables], self.skeleton, described, self.is_3d))
            if keeps:
                keeps.keep(self.media, path)
        if self.media:
            self.number, self.rows, self.tables, self.media = self.number + 1, 0, [], {}
            self.all_imported = True


def write_shards(
    folder: Path,
    media: Iterable[MediumTracks | ImportedTracks],
    shard_rows: int = SHARD_ROWS,
    kept: KeptShards | None = None,
) -> list[ShardEntry]:
    """Write `tracks-<skeleton>-<n>.parquet`, one skeleton a shard, at most one shard of each in memory.

    Tracks with z go to `tracks-<skeleton>~3d-<n>.parquet`. Where a shard ends depends on its media, see `_ends`.
    Shards of an earlier call in this folder are replaced.

    kept  from an earlier run: a shard of the same imported media is linked, and these are not read.
    Errors: InputError when a medium comes twice in a shard.
    """
    for stale in folder.glob("tracks-*.parquet"):
        stale.unlink()
    buffers: dict[tuple[str, bool], _Buffer] = {}
    entries = []
    for item in media:
        is_imported = isinstance(item, ImportedTracks)
        known = kept.known(item.medium) if kept and is_imported else None
        if isinstance(item, ImportedTracks):
            table: Callable[[], pa.Table] = partial(_loaded, item)
        if known is None:
            tracks = item.load() if isinstance(item, ImportedTracks) else item
            rows = to_table(tracks)
            known, table = _known(tracks, rows.num_rows), partial(_as_it_is, rows)
        buffer = buffers.setdefault((known.skeleton.name, known.is_3d), _Buffer(known.skeleton, known.is_3d))
        entries.append(buffer.add(item.medium, known, table, is_imported))
        if _ends(item.medium, known.rows, buffer.rows, shard_rows):
            buffer.flush(folder, kept)
    for buffer in buffers.values():
        buffer.flush(folder, kept)
    return entries


def _known(tracks: MediumTracks, rows: int) -> KeptMedium:
    persons = sum(len(t) > 0 for t in tracks.tracks)
    poses = sum(len(found_only(t)) for t in tracks.tracks)
    return KeptMedium(tracks.skeleton, tracks.is_3d, metadata_of(tracks), rows, persons, poses)


def _loaded(item: ImportedTracks) -> pa.Table:
    return to_table(item.load())


def _as_it_is(table: pa.Table) -> pa.Table:
    return table


def _ends(medium: str, rows: int, total: int, shard_rows: int) -> bool:
    """True where a shard ends after this medium, of so many rows, with `total` in it.

    A full shard ends; one that is half full, where the medium's name says so. That happens in the same places whatever
    comes before, so that two media more change one shard, and seldom the next, but not all that follow.
    """
    if total >= shard_rows:
        return True
    chance = ENDS * rows / shard_rows
    return 2 * total >= shard_rows and zlib.crc32(medium.encode()) < chance * 2**32


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a folder, by skeleton and number."""
    return sorted(folder.glob("tracks-*.parquet"), key=lambda p: (len(p.name), p.name))


def read_shards(folder: Path, wanted: Collection[str] | None = None) -> Iterator[MediumTracks]:
    """Every medium of every shard (or only the wanted ones), in the order written, one shard in memory at a time."""
    for path in shard_paths(folder):
        yield from read_shard(path, wanted)


def shard_media(path: Path) -> list[str]:
    """The media of a shard, in the order written; no track is read."""
    media = read_metadata(open_parquet(path, str(path)), str(path))[1]
    return sorted(media, key=lambda medium: int(media[medium]["row"]))


def read_shard(path: Path, wanted: Collection[str] | None = None) -> Iterator[MediumTracks]:
    """Every medium of a shard (or only the wanted ones), in the order written."""
    file = open_parquet(path, str(path))
    skeleton, media = read_metadata(file, str(path))
    if wanted is not None:
        media = {medium: entry for medium, entry in media.items() if medium in wanted}
    if not media:
        return
    table = read_rows(file, str(path))
    for medium, entry in sorted(media.items(), key=lambda item: item[1]["row"]):
        yield from_table(table.slice(entry["row"], entry["rows"]), medium, skeleton, entry)


def layouts(folder: Path, media: Collection[str]) -> set[tuple[Skeleton, bool]]:
    """The skeletons of the tracks of these media, each with whether they have z; no track is read."""
    layouts_found = set()
    for path in shard_paths(folder):
        file = open_parquet(path, str(path))
        skeleton, inside = read_metadata(file, str(path))
        if any(entry["rows"] and medium in media for medium, entry in inside.items()):
            layouts_found.add((skeleton, has_depth(file)))
    return layouts_found


def durations(folder: Path) -> dict[str, float]:
    """Duration of every medium, seconds; no track is read."""
    return {
        medium: float(entry["duration_s"])
        for path in shard_paths(folder)
        for medium, entry in read_metadata(open_parquet(path, str(path)), str(path))[1].items()
    }


def persons(folder: Path) -> dict[str, int]:
    """Number of people in every medium; their keypoints are not read."""
    counts: dict[str, int] = {}
    for path in shard_paths(folder):
        file = open_parquet(path, str(path))
        rows = read_rows(file, str(path), ["medium", "person"]).group_by(["medium", "person"]).aggregate([])
        for row in rows.to_pylist():  # frames without anybody are of person -1
            counts[row["medium"]] = counts.get(row["medium"], 0) + (row["person"] >= 0)
    return counts


def read_shard_medium(path: Path, medium: str) -> MediumTracks:
    """One medium of one shard, reading only the row groups that hold it.

    Errors: InputError when the shard does not have it.
    """
    return next(read_shard_media(path, [medium]))


def read_shard_media(path: Path, wanted: Sequence[str]) -> Iterator[MediumTracks]:
    """Some media of one shard, in that order, reading only the row groups that hold them; neighbours share a read.

    Errors: InputError when the shard lacks one.
    """
    file = open_parquet(path, str(path))
    skeleton, media = read_metadata(file, str(path))
    ends = list(itertools.accumulate(file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)))
    read: tuple[list[int], pa.Table] = [], file.schema_arrow.empty_table()
    for medium in wanted:
        if medium not in media:
            raise InputError(f"{path} has no medium {medium}; it holds {len(media)} others")
        entry = media[medium]
        first, last = bisect_right(ends, entry["row"]), bisect_left(ends, entry["row"] + entry["rows"])
        groups = list(range(first, last + 1)) if entry["rows"] else []
        if groups and groups != read[0]:
            read = groups, read_rows(file, str(path), groups=groups)
        start = entry["row"] - (ends[groups[0] - 1] if groups and groups[0] else 0)
        yield from_table(read[1].slice(start if groups else 0, entry["rows"]), medium, skeleton, entry)
