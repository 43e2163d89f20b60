"""Keypoint corrections by annotators, which take precedence over a labeller's keypoints and over earlier corrections.

A correction never changes a row: it closes it (`valid_to`, `closed_by`), and a new row holds from then on. It is of one
labeller's tracks; another one numbers people anew, so it is carried over to who is at the same position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping, func, insert, select, text, update

from posemill.errors import InputError
from posemill.pose.conversion import common
from posemill.pose.oks import box_area, oks
from posemill.pose.track import MediumTracks, PoseTrack, State
from posemill.store import schema
from posemill.store.label_store import TrackStore

SAME = 0.5  # OKS from which poses of two labellers in one frame are one person
Row = Mapping[str, Any] | RowMapping  # with COLUMNS
COLUMNS = ("medium", "labeller", "skeleton", "person", "frame", "keypoint", "x_px", "y_px")


@dataclass(frozen=True, slots=True)
class Correction:
    """Position of one keypoint of one person in one frame, pixels; None in both: it is not visible."""

    medium: str
    labeller: str
    skeleton: str
    person: int
    frame: int
    keypoint: str
    x_px: float | None
    y_px: float | None


@dataclass(frozen=True, slots=True)
class CorrectionOutcome:
    """Result of adding corrections: new ones, ones that replaced another, ones that were known."""

    added: int
    changed: int
    known: int


def add_corrections(connection: Connection, rows: Sequence[Correction], annotated_by: str) -> CorrectionOutcome:
    """Insert corrections. The same again changes nothing.

    Errors: InputError when a medium was never added, or a keypoint is named twice with different positions.
    """
    wanted = {_key(row): row for row in rows}
    if any(wanted[_key(row)] != row for row in rows):
        raise InputError("the corrections name the same keypoint of a person and frame twice, at different places")
    numbers = _numbers(connection, {row.medium for row in rows})
    # two people at once: the second waits, and sees what the first said
    connection.execute(text("LOCK TABLE keypoint_correction IN SHARE ROW EXCLUSIVE MODE"))
    now = {_key(row): row for row in corrections(connection, media=list(numbers))}
    known = {key for key, row in wanted.items() if key in now and _says_same(now[key], row)}
    old = [now[key]["correction"] for key in wanted if key in now and key not in known]
    c = schema.keypoint_correction
    if old:
        connection.execute(update(c).where(c.c.id.in_(old)).values(valid_to=func.now(), closed_by=annotated_by))
    fresh = [_row(row, numbers[row.medium], annotated_by) for key, row in wanted.items() if key not in known]
    if fresh:
        connection.execute(insert(c), fresh)
    return CorrectionOutcome(len(fresh) - len(old), len(old), len(known))


def close_corrections(connection: Connection, numbers: Sequence[int], annotated_by: str) -> int:
    """Close corrections: the labeller's keypoints count again. Return how many were open."""
    c = schema.keypoint_correction
    query = update(c).where(c.c.id.in_(numbers), c.c.valid_to.is_(None))
    return int(connection.execute(query.values(valid_to=func.now(), closed_by=annotated_by)).rowcount)


def corrections(
    connection: Connection,
    datasets: Sequence[str] = (),
    *,
    media: Sequence[str] | None = None,
    labeller: str | None = None,
    history: bool = False,
) -> list[RowMapping]:
    """Return current corrections (with `history` also closed ones), by medium, person, frame and keypoint.

    Columns: correction, medium, labeller, skeleton, person, frame, keypoint, x_px, y_px, annotated_by, annotated_at,
    valid_to, closed_by.
    """
    c, m = schema.keypoint_correction.c, schema.medium.c
    query = (
        select(
            c.id.label("correction"),
            m.digest.label("medium"),
            c.labeller,
            c.skeleton,
            c.person,
            c.frame,
            c.keypoint,
            c.x_px,
            c.y_px,
            c.annotated_by,
            c.annotated_at,
            c.valid_to,
            c.closed_by,
        )
        .join_from(schema.keypoint_correction, schema.medium, c.medium_id == m.id)
        .order_by(m.digest, c.labeller, c.person, c.frame, c.keypoint, c.id)
    )
    for given, column in ((datasets or None, m.dataset), (media, m.digest)):
        query = query if given is None else query.where(column.in_(given))
    if labeller is not None:
        query = query.where(c.labeller == labeller)
    return list(connection.execute(query if history else query.where(c.valid_to.is_(None))).mappings())


def write_corrections(path: Path, rows: Sequence[RowMapping]) -> None:
    """Write corrections as a Parquet table with COLUMNS and `correction`, in the order given."""
    import polars as pl

    text, number, real = pl.String, pl.Int64, pl.Float64
    kinds = dict(zip(COLUMNS, (text, text, text, number, number, text, real, real), strict=True))
    kinds["correction"] = number
    pl.DataFrame([dict(row) for row in rows], schema=kinds).write_parquet(path)


@dataclass(slots=True)
class CorrectionIndex:
    """Corrections by medium, applied to tracks as they come.

    store     has the tracks that were corrected, for corrections of another labeller's.
    applied, skipped  keypoints corrected so far, and those whose person or keypoint these tracks do not have.
    """

    rows: dict[str, list[Row]]
    store: TrackStore
    applied: int = 0
    skipped: int = 0

    @classmethod
    def of(cls, rows: Iterable[Row], store: TrackStore) -> CorrectionIndex:
        """From rows of `corrections`."""
        by_medium: dict[str, list[Row]] = {}
        for row in rows:
            by_medium.setdefault(row["medium"], []).append(row)
        return cls(by_medium, store)

    @classmethod
    def read(cls, path: Path, store: TrackStore) -> CorrectionIndex:
        """From a table of write_corrections; no table, no corrections."""
        import polars as pl

        return cls.of(pl.read_parquet(path).iter_rows(named=True) if path.is_file() else (), store)

    def apply(self, tracks: MediumTracks) -> MediumTracks:
        """Return the corrected tracks; corrections of other labellers' tracks count where the same person is found."""
        rows = self.rows.get(tracks.medium, [])
        if not rows:
            return tracks
        fitting = self._fitting(rows, tracks)
        # of two about one keypoint the later one counts, and one of these very tracks more
        ranked = sorted(fitting, key=lambda row: ("carried" not in row, row["correction"]))
        chosen = {(row["person"], row["frame"], row["keypoint"]): row for row in ranked}
        self.applied, self.skipped = self.applied + len(chosen), self.skipped + len(rows) - len(fitting)
        return apply_corrections(tracks, chosen.values())

    def _fitting(self, rows: list[Row], tracks: MediumTracks) -> list[Row]:
        """The rows as rows of these tracks, as far as they can be."""
        fitting = [row for row in rows if row["labeller"] == tracks.labeller]
        for labeller in sorted({row["labeller"] for row in rows} - {tracks.labeller}):
            if self.store.has(tracks.medium, labeller):
                old = self.store.get(tracks.medium, labeller)
                fitting += carry_over([row for row in rows if row["labeller"] == labeller], old, tracks)
        return fitting


def carry_over(rows: Iterable[Row], old: MediumTracks, new: MediumTracks) -> list[Row]:
    """Transfer corrections of `old` tracks to `new` ones of the same medium.

    The person is who is at the same position in that frame (OKS of SAME); rows without such a person, or of a keypoint
    that the new skeleton lacks, are left out.
    """
    shared = common(old.skeleton, new.skeleton)
    before, after = ([points.index(name) for name in shared.keypoints] for points in (old.skeleton, new.skeleton))
    people = {track.person: track for track in old.tracks}
    carried: list[Row] = []
    for row in rows:
        poses = _poses(new, row["frame"])
        pose = _poses(replace(old, tracks=(people[row["person"]],)), row["frame"]) if row["person"] in people else {}
        if not poses or not pose or row["keypoint"] not in shared.keypoints:
            continue
        was = pose[row["person"]][before]
        similarity = np.nan_to_num(oks(np.stack(list(poses.values()))[:, after], was, float(box_area(was)), shared))
        if similarity.max() >= SAME:
            person = list(poses)[int(similarity.argmax())]
            about = {"labeller": new.labeller, "skeleton": new.skeleton.name, "person": person, "carried": True}
            carried.append({**row, **about})
    return carried


def _poses(tracks: MediumTracks, frame: int) -> dict[int, NDArray[np.float32]]:
    """Person → (K, 2) of everybody in a frame."""
    return {t.person: t.xy[row] for t in tracks.tracks for row in np.flatnonzero(t.frame == frame)}


def apply_corrections(tracks: MediumTracks, rows: Iterable[Row]) -> MediumTracks:
    """Apply corrections: the keypoint gets confidence 1, or is unseen, and the pose's state becomes CORRECTED.

    rows  mappings with COLUMNS; those of other media and labellers are skipped.
    Errors: InputError, naming every row that does not fit the tracks.
    """
    mine = [row for row in rows if (row["medium"], row["labeller"]) == (tracks.medium, tracks.labeller)]
    if not mine:
        return tracks
    by_person: dict[int, list[Row]] = {}
    for row in mine:
        by_person.setdefault(row["person"], []).append(row)
    faults = mismatches(tracks, mine)
    if faults:
        raise InputError(f"corrections of medium {tracks.medium[:12]} do not fit its tracks: {'; '.join(faults)}")
    return replace(tracks, tracks=tuple(_applied(t, by_person.get(t.person, [])) for t in tracks.tracks))


def mismatches(tracks: MediumTracks, rows: Iterable[Row]) -> list[str]:
    """Return one phrase for every row that names a person, frame or keypoint that the tracks do not have."""
    frames = {track.person: set(track.frame.tolist()) for track in tracks.tracks}
    faults: dict[str, None] = {}  # each once, in order
    for row in rows:
        if row["person"] not in frames:
            faults[f"no person {row['person']}"] = None
        elif row["frame"] not in frames[row["person"]]:
            faults[f"person {row['person']} has no pose in frame {row['frame']}"] = None
        if row["keypoint"] not in tracks.skeleton.keypoints:
            faults[f"skeleton {tracks.skeleton.name} has no keypoint {row['keypoint']!r}"] = None
    return list(faults)


def _applied(track: PoseTrack, rows: Sequence[Row]) -> PoseTrack:
    if not rows:
        return track
    xy, confidence, state = track.xy.copy(), track.confidence.copy(), track.state.copy()
    pose = np.searchsorted(track.frame, [row["frame"] for row in rows])
    keypoint = [track.skeleton.index(row["keypoint"]) for row in rows]
    position = np.array([(row["x_px"], row["y_px"]) for row in rows], np.float32)  # None becomes NaN
    xy[pose, keypoint] = position
    confidence[pose, keypoint] = ~np.isnan(position[:, 0])
    state[pose] = State.CORRECTED
    if track.z is not None:  # whoever looks at a picture says nothing of depth: without one a keypoint stays unseen
        xy[np.isnan(track.z)], confidence[np.isnan(track.z)] = np.nan, 0
    z = None if track.z is None else np.where(np.isnan(xy[..., 0]), np.float32(np.nan), track.z)
    return replace(track, xy=xy, confidence=confidence, state=state, z=z)


def _numbers(connection: Connection, media: set[str]) -> dict[str, int]:
    m = schema.medium.c
    rows = connection.execute(select(m.digest, m.id).where(m.digest.in_(media)))
    numbers = {str(row.digest): int(row.id) for row in rows}
    absent = sorted(media - set(numbers))
    if absent:
        raise InputError(f"no medium has digest {', '.join(absent)}: add it before its corrections")
    return numbers


def _key(row: Correction | RowMapping) -> tuple[Any, ...]:
    names = ("medium", "labeller", "person", "frame", "keypoint")
    return tuple(getattr(row, name) if isinstance(row, Correction) else row[name] for name in names)


def _says_same(row: RowMapping, other: Correction) -> bool:
    return (row["x_px"], row["y_px"]) == (other.x_px, other.y_px)


def _row(row: Correction, number: int, annotated_by: str) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in COLUMNS if name != "medium"}
    return values | {"medium_id": number, "annotated_by": annotated_by}
