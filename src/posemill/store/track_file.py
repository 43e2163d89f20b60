"""Track files: the keypoints of one medium (label store) or of many (shards), as docs/architecture.md says.

NaN stays NaN. A track without a single row cannot be told from no track, and is not kept. Frames that were analysed and
have nobody in them are rows of person -1, so that the rows of a medium hold all frames with their times.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.definition import defined, definition
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import FrameTimes, MediumTracks, PoseTrack
from posemill.store.files import replace_file
from posemill.untrusted import untrusted

_KEY = b"posemill"
NOBODY = -1  # person of rows that stand for a frame without people
_ABOUT = ("labeller", "width_px", "height_px", "frames", "duration_s")


def schema_of(skeleton: Skeleton, is_3d: bool = False) -> pa.Schema:
    """Return the columns of a track file: xy is x then y, keypoint by keypoint; z only where tracks have it."""
    z = [("z", pa.list_(pa.float32(), len(skeleton)))] if is_3d else []
    return pa.schema(
        [
            ("medium", pa.string()),
            ("person", pa.int32()),
            ("frame", pa.int32()),
            ("time_s", pa.float64()),
            ("xy", pa.list_(pa.float32(), 2 * len(skeleton))),
            ("confidence", pa.list_(pa.float32(), len(skeleton))),
            ("state", pa.uint8()),
            *z,
        ]
    )


def metadata_of(tracks: MediumTracks) -> dict[str, Any]:
    """Metadata of one medium in a file."""
    return {name: getattr(tracks, name) for name in _ABOUT}


def to_table(tracks: MediumTracks) -> pa.Table:
    """Return the rows of one medium, by person and frame, without metadata."""
    rows = sorted((t for t in tracks.tracks if len(t)), key=lambda t: t.person)
    rows = [*rows, *_empty_frames(tracks, rows)]
    k = len(tracks.skeleton)

    def column(name: str, dtype: Any) -> NDArray[Any]:
        return np.concatenate([np.empty(0, dtype), *(getattr(t, name).reshape(-1) for t in rows)])

    z = [pa.FixedSizeListArray.from_arrays(pa.array(column("z", np.float32)), k)] if tracks.is_3d else []
    person = np.repeat(np.array([t.person for t in rows], np.int32), [len(t) for t in rows])
    return pa.Table.from_arrays(
        [
            pa.repeat(pa.scalar(tracks.medium, pa.string()), len(person)),
            pa.array(person),
            pa.array(column("frame", np.int32)),
            pa.array(column("time_s", np.float64)),
            pa.FixedSizeListArray.from_arrays(pa.array(column("xy", np.float32)), 2 * k),
            pa.FixedSizeListArray.from_arrays(pa.array(column("confidence", np.float32)), k),
            pa.array(column("state", np.uint8)),
            *z,
        ],
        schema=schema_of(tracks.skeleton, tracks.is_3d),
    )


def to_bytes(
    tables: Sequence[pa.Table], skeleton: Skeleton, media: Mapping[str, Mapping[str, Any]], is_3d: bool = False
) -> bytes:
    """A whole track file, with z or without. Equal tracks are equal bytes (with one version of pyarrow)."""
    described = json.dumps({"skeleton": definition(skeleton), "media": media}, sort_keys=True)
    empty = schema_of(skeleton, is_3d).empty_table()
    table = pa.concat_tables([empty, *tables]).replace_schema_metadata({_KEY: described})
    sink = io.BytesIO()
    pq.write_table(
        table.combine_chunks(), sink, compression="zstd", row_group_size=16_384, use_dictionary=["medium", "state"]
    )
    return sink.getvalue()


def medium_bytes(tracks: MediumTracks) -> bytes:
    """The track file of one medium."""
    return to_bytes([to_table(tracks)], tracks.skeleton, {tracks.medium: metadata_of(tracks)}, tracks.is_3d)


def write_medium(path: Path, tracks: MediumTracks) -> None:
    """Write the track file of one medium; a killed or failed write leaves nothing under `path`."""
    replace_file(path, medium_bytes(tracks))


def read_medium(path: Path) -> MediumTracks:
    """Read the track file of one medium. Errors: InputError when it is not one."""
    return parse_medium(path.read_bytes(), str(path))


def parse_medium(content: bytes, where: str) -> MediumTracks:
    """`read_medium` of bytes; `where` is for the message."""
    with untrusted(where, passing=(MemoryError,)):  # which is no fault of the file
        file = open_parquet(io.BytesIO(content), where)
        skeleton, media = read_metadata(file, where)
        if len(media) != 1:
            raise InputError(f"{where}: expected the tracks of one medium, found {len(media)}: read it as a shard")
        ((medium, entry),) = media.items()
        return from_table(read_rows(file, where), medium, skeleton, entry)


def open_parquet(source: Any, where: str) -> pq.ParquetFile:
    """A Parquet file; InputError with its place when it is none."""
    with _readable(where):
        return pq.ParquetFile(source)


def read_rows(
    file: pq.ParquetFile, where: str, columns: Sequence[str] | None = None, groups: Sequence[int] | None = None
) -> pa.Table:
    """Rows of a Parquet file: all of them, or those of some row groups; all columns, or some.

    Errors: InputError with its place when they are damaged, which opening it does not notice.
    """
    with _readable(where):
        return file.read(columns) if groups is None else file.read_row_groups(groups, columns)


@contextmanager
def _readable(where: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:  # pyarrow's is an ArrowException as well, and no fault of the file
        raise
    except (pa.ArrowException, OSError) as exc:
        reason = " ".join(str(exc).split())  # some have several lines
        raise InputError(f"{where} is not a readable Parquet file: {reason}") from exc


def read_metadata(file: pq.ParquetFile, where: str) -> tuple[Skeleton, dict[str, dict[str, Any]]]:
    """Skeleton and, per medium, what the metadata says."""
    raw = (file.schema_arrow.metadata or {}).get(_KEY)
    if raw is None:
        raise InputError(f"{where} is no track file: its schema metadata has no key {_KEY.decode()!r}")
    head = json.loads(raw)
    skeleton = defined(head["skeleton"])
    if not file.schema_arrow.remove_metadata().equals(schema_of(skeleton, has_depth(file))):
        raise InputError(f"{where}: columns do not fit skeleton {skeleton.name}: {file.schema_arrow.names}")
    return skeleton, dict(head["media"])


def has_depth(file: pq.ParquetFile) -> bool:
    """True if its tracks have z."""
    return "z" in file.schema_arrow.names


def from_table(table: pa.Table, medium: str, skeleton: Skeleton, entry: Mapping[str, Any]) -> MediumTracks:
    """Tracks of one medium from its rows, in whatever order those are."""
    column = {name: table.column(name).to_numpy() for name in ("person", "frame", "time_s", "state")}
    for name in ("xy", "confidence", *(["z"] if "z" in table.column_names else [])):
        column[name] = np.asarray(table.column(name).combine_chunks().flatten(), np.float32)
    column["xy"] = column["xy"].reshape(-1, len(skeleton), 2)
    column |= {name: column[name].reshape(-1, len(skeleton)) for name in ("confidence", "z") if name in column}
    order = np.lexsort((column["frame"], column["person"]))
    if (np.diff(order) != 1).any():
        column = {name: values[order] for name, values in column.items()}
    analysed = _analysed(column["frame"], column["time_s"], entry["frames"])
    first = int(np.searchsorted(column["person"], 0))  # after the frames without anybody
    column = {name: values[first:] for name, values in column.items()}
    person = column.pop("person")
    bounds = [*np.flatnonzero(np.diff(person, prepend=-1)), len(person)]
    tracks = tuple(
        PoseTrack(skeleton=skeleton, person=int(person[a]), **{name: v[a:b] for name, v in column.items()})
        for a, b in itertools.pairwise(bounds)
    )
    fields = {name: entry[name] for name in _ABOUT}
    return MediumTracks(medium=medium, skeleton=skeleton, tracks=tracks, analysed=analysed, **fields)


def _empty_frames(tracks: MediumTracks, rows: Sequence[PoseTrack]) -> list[PoseTrack]:
    """Frames that the labeller recorded and that are in none of these tracks, as a track of person -1."""
    if tracks.analysed is None:
        return []
    seen = np.concatenate([np.zeros(0, np.int32), *(track.frame for track in rows)])
    empty = ~np.isin(tracks.analysed.number, seen)
    shape = (int(empty.sum()), len(tracks.skeleton))
    frame, time_s = tracks.analysed.number[empty], tracks.analysed.time_s[empty]
    unseen, state = np.full((*shape, 2), np.nan, np.float32), np.zeros(shape[0], np.uint8)
    z = np.full(shape, np.nan, np.float32) if tracks.is_3d else None
    nobody = PoseTrack(tracks.skeleton, NOBODY, frame, time_s, unseen, np.zeros(shape, np.float32), state, z)
    return [nobody] if shape[0] else []


def _analysed(frame: NDArray[np.int32], time_s: NDArray[np.float64], frames: int) -> FrameTimes | None:
    """The frames of all rows, where these are as many as were analysed; files of imported keypoints may have fewer."""
    numbers, first = np.unique(frame, return_index=True)
    return FrameTimes(numbers.astype(np.int32), time_s[first]) if len(numbers) == frames else None
