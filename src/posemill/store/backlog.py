"""Labelling backlog in figures: chunks and frames of media of which the store has nothing, counted by SQL."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from posemill.store.postgres import copied_lines

# The chunks of a medium that has no jobs yet are those of labelling.chunks.grid: as long as asked for, and a rest below
# MIN_SHARE of one belongs to the chunk before it.
_COUNT = """
    WITH wanted AS MATERIALIZED (
        SELECT m.id, m.digest, m.frames,
               CASE WHEN m.fps IS NOT NULL THEN greatest(1, round(%(chunk_s)s::float8 * m.fps)::int) END AS size
        FROM medium m
        WHERE m.id IN (SELECT medium_id FROM label_job WHERE fingerprint = %(fingerprint)s AND state = ANY(%(open)s))
              AND m.digest <> ALL(%(without)s::text[])
              OR m.digest = ANY(%(others)s::text[])
    ), listed AS (
        SELECT w.id, count(*) AS chunks,
               sum(ceil((coalesce(j.end_frame, greatest(j.start_frame, w.frames)) - j.start_frame)::float8
                        / %(stride)s)) AS frames
        FROM wanted w JOIN label_job j ON j.medium_id = w.id AND j.fingerprint = %(fingerprint)s
        GROUP BY w.id
    ), grids AS (
        SELECT w.id, w.frames, w.size, whole.cuts - CASE WHEN whole.cuts > 1
               AND w.frames - (whole.cuts - 1) * w.size < %(min_share)s::float8 * w.size THEN 1 ELSE 0 END AS chunks
        FROM wanted w, LATERAL (SELECT greatest(1, ceil(w.frames::float8 / w.size))::int AS cuts) AS whole
    )
    SELECT coalesce(sum(coalesce(l.chunks, g.chunks, 1)), 0)::bigint || ' '
           || coalesce(sum(CASE WHEN g.frames IS NULL THEN 0 ELSE coalesce(l.frames,
              (g.chunks - 1) * ceil(g.size::float8 / %(stride)s)
              + ceil((g.frames - (g.chunks - 1) * g.size)::float8 / %(stride)s),
              ceil(g.frames::float8 / %(stride)s)) END), 0)::bigint
    FROM grids g LEFT JOIN listed l ON l.id = g.id
    UNION ALL (SELECT digest FROM wanted WHERE frames IS NULL ORDER BY id)
"""
OPEN = ("queued", "leased", "failed")


@dataclass(frozen=True, slots=True)
class Backlog:
    """Chunks and frames of some media that are to be labelled.

    chunks      frame ranges to label, those in the ledger and those that would be put there.
    frames      to look at in them, as far as lengths are known.
    unmeasured  digests of the media whose length is not known.
    """

    chunks: int = 0
    frames: int = 0
    unmeasured: tuple[str, ...] = ()


def count_backlog(
    connection: Connection,
    ledger: tuple[str, Collection[str]],
    media: Collection[str],
    chunk_s: float,
    stride: int,
    min_share: float,
) -> Backlog:
    """Count the backlog of media (digests) of which the pose store has no chunk.

    ledger  fingerprint, and the media that have a job which is not done: only what differs from these is sent.
    chunk_s, stride, min_share  seconds of a chunk, every so many frames are looked at, shortest rest in chunks.
    """
    if not media:
        return Backlog()
    (fingerprint, unfinished), wanted = ledger, set(media)
    values = {
        "fingerprint": fingerprint,
        "open": list(OPEN),
        "without": list(set(unfinished) - wanted),
        "others": list(wanted - set(unfinished)),
        "chunk_s": chunk_s,
        "stride": stride,
        "min_share": min_share,
    }
    lines = copied_lines(connection, _COUNT, values)
    (counts,) = (line for line in lines if " " in line)
    chunks, frames = counts.split()
    return Backlog(int(chunks), int(frames), tuple(line for line in lines if line != counts))
