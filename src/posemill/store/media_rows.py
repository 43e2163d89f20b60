"""Media, datasets and ground truth in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from posemill.errors import InputError
from posemill.store import schema
from posemill.store.postgres import copied_lines, copy_rows
from posemill.store.pseudonyms import written_source

MIN_DIGITS = 6  # of a digest, so that it names a medium
_STAGED = "digest, dataset, source, added_by, kind, width_px, height_px, fps, frames, duration_s, probed_at, privacy"


@dataclass(frozen=True, slots=True)
class MediumRow:
    """A medium to add. Its figures are known for keypoints, and left to the ingest stage's probe for videos.

    privacy  what becomes of a video once it is posed: `keypoints-only` (it is removed), `blur-faces` (a copy with
             blurred faces takes its place); None: it stays.
    """

    digest: str
    dataset: str
    source: str
    added_by: str
    kind: str = "video"
    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    frames: int | None = None
    duration_s: float | None = None
    privacy: str | None = None


def add_dataset(connection: Connection, name: str, added_by: str, origin: str | None = None) -> None:
    """Make a dataset known; one that exists is left as it is."""
    row = {"name": name, "added_by": added_by, "origin": origin}
    connection.execute(insert(schema.dataset).values(row).on_conflict_do_nothing())


def dataset_names(connection: Connection) -> list[str]:
    """Return the names of all datasets."""
    return list(connection.scalars(select(schema.dataset.c.name).order_by(schema.dataset.c.name)))


def add_medium(connection: Connection, row: MediumRow) -> bool:
    """Add a medium (and its dataset); return True if it is new. A known digest changes nothing."""
    return add_media(connection, [row]) == 1


def add_media(connection: Connection, rows: Sequence[MediumRow]) -> int:
    """Add many media (and their datasets) at once; returns how many are new. Known digests change nothing."""
    for name, added_by in {row.dataset: row.added_by for row in rows}.items():
        add_dataset(connection, name, added_by)
    connection.execute(
        text(f"CREATE TEMP TABLE IF NOT EXISTS incoming_medium ON COMMIT DROP AS SELECT {_STAGED} FROM medium LIMIT 0")
    )
    connection.execute(text("TRUNCATE incoming_medium"))
    named = (replace(row, source=written_source(connection, row.source)) for row in rows)
    copy_rows(connection, "incoming_medium", (asdict(row) for row in named))
    connection.execute(text("UPDATE incoming_medium SET probed_at = now() WHERE duration_s IS NOT NULL"))
    done = connection.execute(
        text(f"INSERT INTO medium ({_STAGED}) SELECT {_STAGED} FROM incoming_medium ON CONFLICT (digest) DO NOTHING")
    )
    return int(done.rowcount)


def add_address(
    connection: Connection, uri: str, *, dataset: str, source: str, added_by: str, kind: str = "video"
) -> int:
    """Add a medium whose bytes could not be read yet, by where they are; returns its number, a known one's too."""
    table = schema.medium
    known = connection.scalar(select(table.c.id).where(table.c.uri == uri, table.c.digest.is_(None)).limit(1))
    if known is not None:
        return int(known)
    add_dataset(connection, dataset, added_by)
    row = {"uri": uri, "dataset": dataset, "source": source, "added_by": added_by, "kind": kind}
    return int(connection.execute(insert(table).values(row).returning(table.c.id)).scalar_one())


def find_medium(connection: Connection, digest: str) -> RowMapping:
    """Return the medium with that digest, or with that unique beginning of one (at least 6 digits).

    Errors: InputError when there is none, or more than one.
    """
    table = schema.medium
    rows = connection.execute(select(table).where(table.c.digest.startswith(digest)).limit(2)).mappings().all()
    if len(rows) != 1 or len(digest) < MIN_DIGITS:
        count = "no medium has" if not rows else "more than one medium has"
        raise InputError(f"{count} a digest that begins with {digest!r}: see `posemill media` for the digests")
    return rows[0]


def medium_id(connection: Connection, digest: str) -> int:
    """Return the number of the medium with that whole digest. Errors: InputError when it was never added."""
    number = connection.scalar(select(schema.medium.c.id).where(schema.medium.c.digest == digest))
    if number is None:
        raise InputError(f"no medium has digest {digest}: add it first")
    return int(number)


def media(
    connection: Connection, datasets: Sequence[str] = (), *, after: int | None = None, limit: int | None = None
) -> list[RowMapping]:
    """Return all media (of these datasets; none named means all) but duplicates, in the order they were added.

    after, limit  a page: at most so many, those that come after the medium of that number (`id`).
    """
    query = select(schema.medium).where(schema.medium.c.duplicate_of.is_(None)).order_by(schema.medium.c.id)
    if datasets:
        query = query.where(schema.medium.c.dataset.in_(datasets))
    if after is not None:
        query = query.where(schema.medium.c.id > after)
    return list(connection.execute(query.limit(limit)).mappings())


def videos(connection: Connection) -> list[str]:
    """Return the digests of all videos whose bytes are here, in the order they were added."""
    query = "SELECT digest FROM medium WHERE duplicate_of IS NULL AND kind = 'video' AND digest IS NOT NULL ORDER BY id"
    return copied_lines(connection, query)


def video_facts(connection: Connection, digests: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return digest, fps and frames (None: not measured) of these media, by digest."""
    query = text("SELECT digest, fps, frames FROM medium WHERE digest = ANY(:digests)")
    rows = connection.execute(query, {"digests": list(digests)})
    return {digest: {"digest": digest, "fps": fps, "frames": frames} for digest, fps, frames in rows}


def fill_digest(connection: Connection, row_id: int, digest: str) -> str:
    """Record the digest of the bytes behind a row's `uri`.

    Bytes that are already known make the row a duplicate, and its clips go to the medium that has them (where it has
    such a clip already, the duplicate's is closed).

    Returns `filled` or `duplicate`.
    """
    known = connection.scalar(select(schema.medium.c.id).where(schema.medium.c.digest == digest))
    change: dict[str, Any] = {"digest": digest} if known is None else {"duplicate_of": known}
    connection.execute(update(schema.medium).where(schema.medium.c.id == row_id).values(change))
    if known is None:
        return "filled"
    values = {"row": row_id, "known": known}
    connection.execute(
        text(
            "UPDATE clip c SET valid_to = now(), closed_by = current_user, superseded_by = k.id FROM clip k "
            "WHERE c.medium_id = :row AND c.valid_to IS NULL AND k.medium_id = :known AND k.valid_to IS NULL "
            "AND k.start_s = c.start_s AND coalesce(k.end_s, 'Infinity') = coalesce(c.end_s, 'Infinity')"
        ),
        values,
    )
    connection.execute(text("UPDATE clip SET medium_id = :known WHERE medium_id = :row"), values)
    return "duplicate"


def record_probe(connection: Connection, row_id: int, figures: dict[str, Any]) -> None:
    """Write the figures of the probe: width_px, height_px, fps, frames, duration_s, codec."""
    values = {**figures, "probed_at": func.now()}
    connection.execute(update(schema.medium).where(schema.medium.c.id == row_id).values(values))


def add_ground_truth(
    connection: Connection, medium: str, track_digest: str, skeleton: str, origin: str, added_by: str
) -> bool:
    """Record the ground-truth keypoints of a medium; return True if they are new. One row a medium and origin."""
    row = {
        "medium_id": medium_id(connection, medium),
        "track_digest": track_digest,
        "skeleton": skeleton,
        "origin": origin,
        "added_by": added_by,
    }
    return connection.execute(insert(schema.ground_truth).values(row).on_conflict_do_nothing()).rowcount == 1


def ground_truths(connection: Connection, datasets: Sequence[str] = ()) -> list[RowMapping]:
    """Return medium (digest), track_digest, skeleton, origin of every ground truth."""
    m, t = schema.medium, schema.ground_truth
    query = select(m.c.digest.label("medium"), t.c.track_digest, t.c.skeleton, t.c.origin).join(m).order_by(t.c.id)
    if datasets:
        query = query.where(m.c.dataset.in_(datasets))
    return list(connection.execute(query).mappings())
