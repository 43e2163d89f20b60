"""Inventory of the database, in one cheap query: the same answer as long as nothing relevant changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from sqlalchemy import Connection, RowMapping, text

from posemill.store.clip_fields import FIELDS

# What ingest writes back (digests behind a uri, probes, its quarantine) is left out, or a run would make the next
# one necessary. What a person says counts: clips, their removal, corrected keypoints,
# media, things taken out of quarantine.
_CLIP = ", ".join(f"c.{name}" for name in FIELDS)
_DATASETS = text("""
    SELECT m.dataset, count(DISTINCT m.id) AS media, count(c.id) AS clips, count(c.activity) AS labelled_clips,
           count(DISTINCT c.activity) AS activities, count(DISTINCT c.subject) AS subjects,
           greatest(max(m.added_at), max(c.annotated_at)) AS newest
    FROM medium m LEFT JOIN clip c ON c.medium_id = m.id AND c.valid_to IS NULL
    WHERE m.duplicate_of IS NULL AND (:all OR m.dataset = ANY(:datasets))
    GROUP BY m.dataset ORDER BY m.dataset
""")
_DIGEST = text(f"""
    WITH listed AS (
        SELECT m.id AS medium_id, coalesce(c.id, 0) AS clip_id,
               md5(row(c.id, coalesce(m.uri, m.digest), m.kind, m.dataset, m.source, {_CLIP},
                       c.annotated_by)::text) AS line
        FROM medium m LEFT JOIN clip c ON c.medium_id = m.id AND c.valid_to IS NULL
        WHERE (m.duplicate_of IS NULL) AND (:all OR m.dataset = ANY(:datasets))
    ), corrected AS (
        SELECT k.id, k.annotated_at, k.valid_to,
               md5(row(m.digest, k.labeller, k.person, k.frame, k.keypoint, k.x_px, k.y_px)::text) AS line
        FROM keypoint_correction k JOIN medium m ON k.medium_id = m.id
        WHERE :all OR m.dataset = ANY(:datasets)
    )
    SELECT encode(sha256(convert_to(coalesce(string_agg(line, '' ORDER BY medium_id, clip_id), '')
                  || coalesce((SELECT string_agg(line, '' ORDER BY id) FROM corrected WHERE valid_to IS NULL), ''),
                  'UTF8')), 'hex'),
           greatest((SELECT greatest(max(annotated_at), max(valid_to)) FROM corrected),
                    (SELECT max(c.valid_to) FROM clip c JOIN medium m ON c.medium_id = m.id
                     WHERE :all OR m.dataset = ANY(:datasets)),
                    (SELECT max(q.resolved_at) FROM quarantine q JOIN medium m ON q.medium_id = m.id
                     WHERE :all OR m.dataset = ANY(:datasets))) AS newest
    FROM listed
""")


@dataclass(frozen=True, slots=True)
class Inventory:
    """Counts per dataset, digest of the current clips, corrections and media, and time of the newest change (ISO)."""

    datasets: tuple[RowMapping, ...]
    digest: str
    newest_change: str | None


def inventory(connection: Connection, datasets: Sequence[str] = ()) -> Inventory:
    """Return the inventory of these datasets (none named means all)."""
    values = {"all": not datasets, "datasets": list(datasets)}
    rows = tuple(connection.execute(_DATASETS, values).mappings())
    digest, changed = connection.execute(_DIGEST, values).one()
    newest = max((t for t in (changed, *(row["newest"] for row in rows)) if t is not None), default=None)
    return Inventory(rows, digest, newest.astimezone(UTC).isoformat() if newest else None)
