"""Tables of tracks, CSV or Parquet: those of `posemill export csv`, or one table that somebody else made.

One row a person and frame: `medium` (any name), `frame`, and for every keypoint `<name>_x` and `<name>_y` in pixels; an
empty cell is not seen, and neither is what was not found by pose/unseen.py (0, 0 with confidence 0, or without one).
`person` (else 0), `time_s` (else by the frame rate), `<name>_confidence` (else 1) and `state` may be there, see
track_rows.py for other spellings of them. What holds
for a whole medium, `width_px`, `height_px`, `fps` or `frames` and `duration_s`, `activity`, `subject`, `camera` and
`split`, is in `media.csv` beside the tables, or the same in all of its rows, or a default.

Where the defaults say which axis points up, `<name>_z` is read too: x, y and z are then places in space, in any unit,
and laid into a picture with their depth kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posemill.errors import InputError, SkeletonError
from posemill.formats.csv_file import read_csv
from posemill.formats.parquet_file import read_parquet
from posemill.ingest.datasets.track_rows import (
    CONFIDENCE,
    MILLISECONDS,
    check_times,
    columns_named,
    frame_numbers,
    person_numbers,
    without_empty_rows,
)
from posemill.ingest.projection import Up, VirtualCamera
from posemill.ingest.sequence import LABELLER, Fault, Sequence, SequenceStream, skeleton_of
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks, PoseTrack, State
from posemill.pose.units import check_in_picture, check_metres, check_pixels
from posemill.pose.unseen import not_found
from posemill.store.clip_fields import CLAIMS, FIELDS
from posemill.untrusted import untrusted, untrusted_stream

if TYPE_CHECKING:
    import polars as pl

KINDS = (".csv", ".parquet")
SHOWN = 12  # columns named in one message
_TEXT = ("medium", "labeller", "skeleton", "state", *(name for name in CLAIMS if FIELDS[name].kind is str))
_ABOUT = ("width_px", "height_px", "fps", "frames", "duration_s", *CLAIMS)


@dataclass(frozen=True, slots=True)
class TableDefaults:
    """Defaults for every medium where the table does not say it.

    skeleton  None = by the names of the columns.
    up        which axis of space points up, see VirtualCamera; None = x and y are pixels, and z is not read.
    mirrored  the axes of space are left-handed, see VirtualCamera.
    """

    dataset: str
    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    skeleton: Skeleton | None = None
    up: Up | None = None
    mirrored: bool = False

    @property
    def axes(self) -> str:
        """Axes of the keypoint columns: `xy`, or `xyz` with depth."""
        return "xyz" if self.up else "xy"


@untrusted_stream
def sequences(path: Path, defaults: TableDefaults) -> SequenceStream:
    """Read every medium of a table, or of a folder with media.csv and tracks-<skeleton>.csv (or .parquet).

    Errors: InputError when a table cannot be read, or lacks the columns that all rows need.
    """
    about, tables, twice = _tables(path)
    yield from twice
    for table in tables:
        table = without_empty_rows(table, path)
        skeleton = defaults.skeleton or skeleton_of(
            name.removesuffix("_x") for name in table.columns if name.endswith("_x")
        )
        wanted = ("medium", "frame", *(f"{k}_{axis}" for k in skeleton.keypoints for axis in defaults.axes))
        missing = [name for name in wanted if name not in table.columns]
        if missing:
            raise InputError(
                f"{path}: a table of tracks of {skeleton.name} has no column {', '.join(missing)}; it has "
                f"{', '.join(table.columns[:SHOWN])}{' ...' if len(table.columns) > SHOWN else ''}"
            )
        try:
            table = columns_named(table, skeleton)
        except InputError as exc:
            raise InputError(f"{path}: {exc}") from exc
        for (name,), rows in table.group_by("medium", maintain_order=True):
            if name not in about:
                about[str(name)] = _attributes(rows)
            yield _checked(str(name), about.pop(str(name)), rows, skeleton, defaults)
    yield from (Fault(name, "has no row in any table of tracks") for name in about)


def unread_columns(path: Path, defaults: TableDefaults) -> dict[str, str]:
    """Return why a column of keypoint tables plays no part, by its name: a column of another name than expected.

    For a report after an import; `sequences` says what is wrong with the tables.
    """
    unread: dict[str, str] = {}
    for table in _tables(path)[1]:
        skeleton = defaults.skeleton or skeleton_of(n.removesuffix("_x") for n in table.columns if n.endswith("_x"))
        axes = "xyz" if defaults.up else "xy"
        known = {"medium", "frame", "person", "time_s", "state", *_TEXT, *_ABOUT, *MILLISECONDS}
        known |= {f"{k}_{part}" for k in skeleton.keypoints for part in (*axes, *CONFIDENCE)}
        unread |= {f"column {n!r}": "it has no meaning here" for n in table.columns if n.strip() and n not in known}
    return unread


def _checked(
    name: str, about: Mapping[str, Any], rows: pl.DataFrame, skeleton: Skeleton, defaults: TableDefaults
) -> Sequence | Fault:
    try:
        twice = [key for key in about if isinstance(about[key], tuple)]
        if twice:
            raise InputError(f"{name}: its rows say different things of {', '.join(twice)}")
        if about.get("split") not in (None, "train", "test"):
            raise InputError(f"{name}: split {about['split']!r} is none of train, test")
        with untrusted(name):
            tracks = _medium(name, about, rows, skeleton, defaults)
    except InputError as exc:
        return Fault(name, str(exc).splitlines()[0])
    subject = about.get("subject")
    return Sequence(
        name,
        about.get("activity"),
        about.get("split"),
        tracks,
        camera=about.get("camera"),
        subject=f"{defaults.dataset}/{subject}" if subject else None,
    )


def _medium(
    name: str, about: Mapping[str, Any], rows: pl.DataFrame, skeleton: Skeleton, defaults: TableDefaults
) -> MediumTracks:
    import polars as pl

    width, height = (about.get(side) or getattr(defaults, side) for side in ("width_px", "height_px"))
    if (width is None or height is None) and defaults.up:
        width, height = VirtualCamera().width_px, VirtualCamera().height_px
    if width is None or height is None:
        raise InputError(f"{name}: nobody says how large the picture is: a column width_px and height_px, or --size")
    rows = person_numbers(name, frame_numbers(name, rows))
    fps = about.get("fps") or defaults.fps
    frames = int(about.get("frames") or rows.select(pl.col("frame").max()).item() + 1)
    duration_s: Any = about.get("duration_s")
    if fps is None and not (_timed(rows) and duration_s):
        raise InputError(f"{name}: nobody says how fast it runs: a column fps, or time_s and duration_s, or --fps")
    if fps is not None:
        duration_s = duration_s or frames / fps
    if _timed(rows):
        check_times(name, rows, frames / float(duration_s))
    people = rows.sort("person", "frame")
    if defaults.up:
        people = _projected(
            VirtualCamera(
                width_px=int(width), height_px=int(height), up=defaults.up, depth="keep", mirrored=defaults.mirrored
            ),
            people,
            skeleton,
        )
    tracks = tuple(
        _track(int(person), own, skeleton, fps, defaults.axes)
        for (person,), own in people.group_by("person", maintain_order=True)
    )
    found = MediumTracks(
        f"{defaults.dataset}/{name}", LABELLER, skeleton, int(width), int(height), frames, float(duration_s), tracks
    )
    check_in_picture(name, found)
    return found


def _projected(camera: VirtualCamera, rows: pl.DataFrame, skeleton: Skeleton) -> pl.DataFrame:
    """Return the rows with x, y and z in the camera's pixels instead of a unit of space."""
    import polars as pl

    names = [f"{k}_{axis}" for k in skeleton.keypoints for axis in "xyz"]
    space = rows.select(pl.col(name).cast(pl.Float64) for name in names).to_numpy().reshape(len(rows), -1, 3)
    confidence = None
    if _has_confidence(rows, skeleton):
        columns = [pl.col(f"{k}_confidence").cast(pl.Float64) for k in skeleton.keypoints]
        confidence = np.nan_to_num(rows.select(columns).to_numpy())
    space = np.where(not_found(space, confidence)[..., None], np.nan, space)
    check_metres(str(rows["medium"][0]), space, any_unit=True)
    xy, z = camera.see(space)
    assert z is not None  # of a camera that keeps depth
    places = np.concatenate([xy, z[..., None]], -1).reshape(len(rows), -1)
    return rows.with_columns(pl.Series(name, places[:, i]) for i, name in enumerate(names))


def _track(person: int, rows: pl.DataFrame, skeleton: Skeleton, fps: float | None, axes: str) -> PoseTrack:
    import polars as pl

    def part(ending: str) -> Any:
        return rows.select(pl.col(f"{k}_{ending}").cast(pl.Float32) for k in skeleton.keypoints).to_numpy()

    xy = np.stack([part("x"), part("y")], -1)
    given = np.nan_to_num(part("confidence")) if _has_confidence(rows, skeleton) else None
    missing = not_found(xy, given)
    xy = np.where((missing & ~np.isnan(xy).any(-1))[..., None], np.float32(np.nan), xy)  # half a place is a fault
    seen = ~missing
    if axes == "xy":
        check_pixels(str(rows["medium"][0]), xy)
    confidence = seen.astype(np.float32) if given is None else np.where(seen, given, np.float32(0))
    depth = np.where(seen, part("z"), np.float32(np.nan)) if axes == "xyz" else None
    frame = rows["frame"].to_numpy()
    time_s = rows["time_s"].cast(pl.Float64).to_numpy() if _timed(rows) else frame / (fps or 1.0)
    state = rows["state"].to_list() if "state" in rows.columns else ["predicted"] * len(rows)
    try:
        return PoseTrack(
            skeleton,
            person,
            frame,
            time_s,
            xy,
            confidence,
            np.array([State[(s or "predicted").upper()] for s in state], np.uint8),
            depth,
        )
    except SkeletonError as exc:
        raise InputError(f"{rows['medium'][0]}: {exc}") from exc


def _has_confidence(rows: pl.DataFrame, skeleton: Skeleton) -> bool:
    return all(f"{k}_confidence" in rows.columns for k in skeleton.keypoints)


def _timed(rows: pl.DataFrame) -> bool:
    return "time_s" in rows.columns and rows["time_s"].null_count() < len(rows)


def _attributes(rows: pl.DataFrame) -> dict[str, Any]:
    """Attributes that a table's rows give their medium; a tuple where they do not agree."""
    values = {key: rows[key].unique(maintain_order=True).to_list() for key in _ABOUT if key in rows.columns}
    return {key: listed[0] if len(listed) == 1 else tuple(listed) for key, listed in values.items()}


def _tables(path: Path) -> tuple[dict[str, dict[str, Any]], list[pl.DataFrame], list[Fault]]:
    """Attributes of every medium that are not in its rows, the tables of tracks, and media that are listed twice."""
    if path.is_file() and path.suffix.lower() in KINDS:
        return {}, [_read(path)], []
    media = next((path / f"media{kind}" for kind in KINDS if (path / f"media{kind}").is_file()), None)
    if media is None:
        raise InputError(f"{path} is neither a table (.csv, .parquet) nor a folder with media.csv or media.parquet")
    rows = _read(media).to_dicts()
    about: dict[str, dict[str, Any]] = {}
    twice = []
    for row in rows:
        name = str(row["medium"])
        if name in about:
            twice.append(Fault(f"{name} in {media.name} #2", f"{media.name} has {name} twice: the first one is kept"))
        else:
            about[name] = {key: row[key] for key in _ABOUT if key in row}
    return about, [_read(file) for file in sorted(path.glob(f"tracks-*{media.suffix}"))], twice


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return read_parquet(path) if path.suffix.lower() == ".parquet" else read_csv(path, _TEXT)
    except (OSError, pl.exceptions.PolarsError) as exc:
        raise InputError(f"{path} is not a readable {path.suffix} table: {str(exc).splitlines()[0]}") from exc
