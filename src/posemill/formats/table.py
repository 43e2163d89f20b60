"""Tables for spreadsheets and data frames: CSV or Parquet, one row a person and frame.

`tracks-<skeleton>.csv`: medium, person, frame, time_s, state and for every keypoint `<name>_x`, `<name>_y` (pixels) and
`<name>_confidence`; an empty cell (null) is a keypoint that is not seen. `media.csv`: what holds for the whole medium;
`skeleton` is a name, or JSON of all of it where posemill does not know it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from posemill.errors import InputError
from posemill.formats.csv_file import read_csv
from posemill.formats.entry import Format
from posemill.formats.parquet_file import read_parquet
from posemill.pose.definition import defined, definition
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks, PoseTrack, State

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["csv", "parquet"]
_ABOUT = ("medium", "labeller", "width_px", "height_px", "frames", "duration_s")
_TEXT = ("medium", "labeller", "skeleton", "state")  # a digest may have digits only


def write_tables(folder: Path, media: Iterable[MediumTracks], kind: Kind) -> list[Path]:
    """Write `media` and one table for each skeleton; returns the files."""
    import polars as pl

    listed = list(media)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {f"tracks-{name}": _frame(listed, name) for name in sorted({t.skeleton.name for t in listed})}
    about = [{name: getattr(t, name) for name in _ABOUT} | {"skeleton": _cell(t.skeleton)} for t in listed]
    tables["media"] = pl.from_dicts(about, infer_schema_length=None)
    paths = []
    for name, frame in tables.items():
        paths.append(folder / f"{name}.{kind}")
        content = io.BytesIO()
        getattr(frame, f"write_{kind}")(content)
        paths[-1].write_bytes(content.getvalue())  # polars writes to files by itself, and its errors are no OSError
    return paths


def _frame(media: Sequence[MediumTracks], name: str) -> pl.DataFrame:
    import polars as pl

    rows = [(t.medium, track) for t in media if t.skeleton.name == name for track in t.tracks]
    skeleton, tracks = next(t.skeleton for t in media if t.skeleton.name == name), [track for _, track in rows]
    columns: dict[str, Any] = {
        "medium": [medium for medium, track in rows for _ in range(len(track))],
        "person": np.repeat([t.person for t in tracks], [len(t) for t in tracks]).astype(np.int32),
        "frame": _joined(tracks, "frame", np.int32),
        "time_s": _joined(tracks, "time_s", np.float64),
        "state": [State(s).name.lower() for s in _joined(tracks, "state", np.uint8).tolist()],
    }
    xy, confidence = _joined(tracks, "xy", np.float32), _joined(tracks, "confidence", np.float32)
    for k, keypoint in enumerate(skeleton.keypoints):
        if len(xy):
            columns |= {f"{keypoint}_x": xy[:, k, 0], f"{keypoint}_y": xy[:, k, 1]}
            columns[f"{keypoint}_confidence"] = confidence[:, k]
        else:
            columns |= {f"{keypoint}_{part}": np.zeros(0, np.float32) for part in ("x", "y", "confidence")}
    return pl.DataFrame(columns, schema_overrides={"medium": pl.String, "state": pl.String}).fill_nan(None)


def _joined(tracks: Sequence[PoseTrack], name: str, dtype: type[np.generic]) -> Any:
    return np.concatenate([getattr(t, name) for t in tracks]) if tracks else np.zeros(0, dtype)


def read_tables(folder: Path, kind: Kind) -> list[MediumTracks]:
    """Read the tracks of tables that write_tables wrote, in the order of `media`.

    Errors: InputError when a file is missing or lacks columns.
    """
    about = _read(folder / f"media.{kind}", kind)
    skeletons = {cell: _skeleton(cell, folder) for cell in about["skeleton"].unique()}
    tables = {body.name: _read(folder / f"tracks-{body.name}.{kind}", kind) for body in skeletons.values()}
    of = ((row, skeletons[row["skeleton"]]) for row in about.to_dicts())
    return [_medium(row, tables[body.name], body) for row, body in of]


def _cell(skeleton: Skeleton) -> str:
    known = definition(skeleton)
    return known if isinstance(known, str) else json.dumps(known)


def _skeleton(cell: str, folder: Path) -> Skeleton:
    try:
        return defined(json.loads(cell) if cell.startswith("{") else cell)
    except ValueError as exc:
        raise InputError(f"the table media in {folder} has a skeleton that is no JSON: {exc}") from exc


def _read(path: Path, kind: Kind) -> pl.DataFrame:
    import polars as pl

    try:
        if kind == "parquet":
            return read_parquet(path)
        return read_csv(path, _TEXT)
    except (OSError, pl.exceptions.PolarsError) as exc:
        raise InputError(f"{path} is not a readable {kind} table: {exc}") from exc


def _medium(row: dict[str, Any], table: pl.DataFrame, skeleton: Skeleton) -> MediumTracks:
    import polars as pl

    rows = table.filter(pl.col("medium") == row["medium"])
    missing = [k for k in skeleton.keypoints if f"{k}_x" not in table.columns]
    if missing:
        raise InputError(f"the table of {skeleton.name} has no columns for {', '.join(missing)}")
    tracks = []
    for person in sorted(set(rows["person"].to_list())):
        own = rows.filter(pl.col("person") == person).sort("frame")
        x, y, confidence = (
            own.select([f"{k}_{part}" for k in skeleton.keypoints]).cast(pl.Float32).to_numpy()
            for part in ("x", "y", "confidence")
        )
        state = np.array([State[name.upper()] for name in own["state"]], np.uint8)
        tracks.append(
            PoseTrack(
                skeleton,
                person,
                own["frame"].to_numpy().astype(np.int32),
                own["time_s"].cast(pl.Float64).to_numpy(),
                np.stack([x, y], -1),
                confidence,
                state,
            )
        )
    return MediumTracks(skeleton=skeleton, tracks=tuple(tracks), **{name: row[name] for name in _ABOUT})


def _folder(path: Path) -> Path:
    """Return the folder of the tables; one of its files names it too."""
    return path.parent if path.is_file() else path


def _read_csv(path: Path) -> list[MediumTracks]:
    return read_tables(_folder(path), "csv")


def _read_parquet(path: Path) -> list[MediumTracks]:
    return read_tables(_folder(path), "parquet")


def _write_csv(path: Path, media: Sequence[MediumTracks]) -> int:
    return len(write_tables(path, media, "csv"))


def _write_parquet(path: Path, media: Sequence[MediumTracks]) -> int:
    return len(write_tables(path, media, "parquet"))


_SAME: Mapping[str, Any] = {
    "files": "`media`, and a table a skeleton",
    "missing": "empty cell, null",
    "confidence": "`<keypoint>_confidence`",
    "states": "column `state`",
    "round_trip": "yes",
}
FORMATS = (
    Format("csv", **_SAME, read=_read_csv, write=_write_csv, recognize=lambda p: (_folder(p) / "media.csv").is_file()),
    Format(
        "parquet",
        **_SAME,
        read=_read_parquet,
        write=_write_parquet,
        recognize=lambda p: (_folder(p) / "media.parquet").is_file(),
    ),
)
