"""Inventory of the database, kept by parts of 1,024 media: the same answer as long as nothing relevant changed.

Triggers append the parts that a transaction changed to `inventory_change`, and only these are read again (decision 34).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from sqlalchemy import Connection, RowMapping, text

from posemill.store.clip_fields import FIELDS

PART = 1024  # media; migration 0013 has it too
TABLES = ("inventory_part", "inventory_change")  # made of the others: emptied, they are filled again
_TURN = "SELECT pg_advisory_xact_lock(hashtext('posemill inventory'))"

# What ingest writes back (digests behind a uri, probes, its quarantine) is left out, or a run would make the next
# one necessary. What a person says counts: clips, their removal, corrected keypoints,
# media, things taken out of quarantine.
_CLIP = ", ".join(f"c.{name}" for name in FIELDS)
_TAKE = text(f"""
    INSERT INTO inventory_part (part, dataset, media, clips, labelled_clips, activities, subjects, digest, newest)
    WITH listed AS (
        SELECT m.dataset, m.id AS medium_id, c.id AS clip_id, c.activity, c.subject,
               greatest(m.added_at, c.annotated_at) AS at,
               md5(row(c.id, coalesce(m.uri, m.digest), m.kind, m.dataset, m.source, {_CLIP},
                       c.annotated_by)::text) AS line
        FROM medium m LEFT JOIN clip c ON c.medium_id = m.id AND c.valid_to IS NULL
             AND c.medium_id BETWEEN :first AND :last
        WHERE m.duplicate_of IS NULL AND m.id BETWEEN :first AND :last
    ), counted AS (
        SELECT dataset, count(DISTINCT medium_id) AS media, count(clip_id) AS clips, count(activity) AS labelled_clips,
               array_agg(DISTINCT activity) FILTER (WHERE activity IS NOT NULL) AS activities,
               array_agg(DISTINCT hashtextextended(subject, 0)) FILTER (WHERE subject IS NOT NULL) AS subjects,
               string_agg(line, '' ORDER BY medium_id, clip_id) AS lines, max(at) AS at
        FROM listed GROUP BY dataset
    ), corrected AS (
        SELECT m.dataset, greatest(max(k.annotated_at), max(k.valid_to)) AS at,
               string_agg(md5(row(m.digest, k.labeller, k.person, k.frame, k.keypoint, k.x_px, k.y_px)::text), ''
                          ORDER BY k.id) FILTER (WHERE k.valid_to IS NULL) AS lines
        FROM keypoint_correction k JOIN medium m ON k.medium_id = m.id
        WHERE m.id BETWEEN :first AND :last AND k.medium_id BETWEEN :first AND :last GROUP BY m.dataset
    ), closed AS (
        SELECT m.dataset, max(c.valid_to) AS at FROM clip c JOIN medium m ON c.medium_id = m.id
        WHERE m.id BETWEEN :first AND :last AND c.medium_id BETWEEN :first AND :last GROUP BY m.dataset
    ), resolved AS (
        SELECT m.dataset, max(q.resolved_at) AS at FROM quarantine q JOIN medium m ON q.medium_id = m.id
        WHERE m.id BETWEEN :first AND :last AND q.medium_id BETWEEN :first AND :last GROUP BY m.dataset
    )
    SELECT :part, d.dataset, coalesce(n.media, 0), coalesce(n.clips, 0), coalesce(n.labelled_clips, 0),
           coalesce(n.activities, '{{}}'), coalesce(n.subjects, '{{}}'),
           CASE WHEN n.lines IS NULL AND k.lines IS NULL THEN '' ELSE
                encode(sha256(convert_to(coalesce(n.lines, '') || ' ' || coalesce(k.lines, ''), 'UTF8')), 'hex') END,
           greatest(n.at, k.at, c.at, q.at)
    FROM (SELECT DISTINCT dataset FROM medium WHERE id BETWEEN :first AND :last) d
    LEFT JOIN counted n USING (dataset) LEFT JOIN corrected k USING (dataset)
    LEFT JOIN closed c USING (dataset) LEFT JOIN resolved q USING (dataset)
""")
_DATASETS = text("""
    SELECT dataset, sum(media)::bigint AS media, sum(clips)::bigint AS clips,
           sum(labelled_clips)::bigint AS labelled_clips, max(activities) AS activities, max(subjects) AS subjects,
           max(newest) AS newest
    FROM (
        SELECT dataset, media, clips, labelled_clips, 0 AS activities, 0 AS subjects, newest FROM inventory_part
        UNION ALL
        SELECT dataset, 0, 0, 0, count(*), 0, NULL
        FROM (SELECT DISTINCT dataset, unnest(activities) FROM inventory_part) AS named GROUP BY dataset
        UNION ALL
        SELECT dataset, 0, 0, 0, 0, count(*), NULL
        FROM (SELECT DISTINCT dataset, unnest(subjects) FROM inventory_part) AS named GROUP BY dataset
    ) AS counts
    WHERE :all OR dataset = ANY(:datasets)
    GROUP BY dataset HAVING sum(media) > 0 ORDER BY dataset
""")
_DIGEST = text("""
    SELECT encode(sha256(convert_to(coalesce(string_agg(digest, '' ORDER BY part, dataset), ''), 'UTF8')), 'hex'),
           max(newest)
    FROM inventory_part WHERE :all OR dataset = ANY(:datasets)
""")


@dataclass(frozen=True, slots=True)
class Inventory:
    """Counts per dataset, digest of the current clips, corrections and media, and time of the newest change (ISO)."""

    datasets: tuple[RowMapping, ...]
    digest: str
    newest_change: str | None


def inventory(connection: Connection, datasets: Sequence[str] = ()) -> Inventory:
    """Return the inventory of these datasets (none named means all); parts that changed are read and kept.

    The caller's transaction must be read committed, and be committed: else the next call reads the same parts again.
    """
    _take_changed(connection)
    values = {"all": not datasets, "datasets": list(datasets)}
    rows = tuple(connection.execute(_DATASETS, values).mappings())
    digest, newest = connection.execute(_DIGEST, values).one()
    return Inventory(rows, digest, newest.astimezone(UTC).isoformat() if newest else None)


def forget_changed(connection: Connection) -> None:
    """Delete the inventory of the parts that changed; the next one reads them again. For erasures."""
    connection.execute(text("DELETE FROM inventory_part WHERE part IN (SELECT part FROM inventory_change)"))


def _take_changed(connection: Connection) -> None:
    """Bring the parts up to date.

    One caller at a time, whose list of changes is read before the parts: what another transaction commits in between
    is in the parts or still in the list, perhaps in both, never in neither.
    """
    connection.execute(text(_TURN))
    parts = set(connection.scalars(text("DELETE FROM inventory_change RETURNING part")))
    if not connection.scalar(text("SELECT EXISTS (SELECT FROM inventory_part)")):  # new, restored or truncated
        parts = set(connection.scalars(text(f"SELECT DISTINCT id / {PART} FROM medium")))
    for part in sorted(parts):
        connection.execute(text("DELETE FROM inventory_part WHERE part = :part"), {"part": part})
        connection.execute(_TAKE, {"part": part, "first": part * PART, "last": (part + 1) * PART - 1})
