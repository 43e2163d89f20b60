"""Ledger of pose labelling: one row of label_job for each medium, pose fingerprint and frame range.

A row is queued, leased by somebody, done or failed. All times are the database's. Whoever has leases holds an advisory
lock (see lease.py) as long as it lives: when it is killed the database releases the lock, and its leases are free at
once; a lease that is not renewed is free when it expires.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from posemill.errors import Unavailable
from posemill.store.pose_store import TO_END, FrameRange, padded
from posemill.store.postgres import copied_lines

LOCKS = 0x706F7365  # the first number of our advisory locks; the second is the holder's
RATED = 500  # the rate is that of so many chunks that were done last

_FREE = f"""(j.state = 'queued' OR j.state = 'leased' AND (j.leased_until < clock_timestamp() OR NOT EXISTS (
    SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = {LOCKS} AND l.objid = j.lease_key
    AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))))"""
# a lease from before the server started was lost with it, by no fault of worker or medium
_COUNTED = "CASE WHEN state = 'leased' AND changed_at < pg_postmaster_start_time() THEN 0 ELSE 1 END"
_CLAIM = text(f"""
    UPDATE label_job SET state = 'leased', leased_by = :holder, lease_key = :key,
           attempts = attempts + {_COUNTED}, reason = NULL, changed_at = clock_timestamp(),
           leased_until = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE id = (SELECT j.id FROM label_job j WHERE j.id = ANY(:ids) AND {_FREE}
                ORDER BY array_position(:ids, j.id) LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, medium_id, start_frame, end_frame, attempts
""")
_FACTS = text("""
    SELECT digest, source, fps, frames, width_px, height_px, duration_s, codec FROM medium WHERE id = :medium
""")
_LIST = """
    SELECT m.digest, j.id, j.start_frame, j.end_frame, j.state, j.frames
    FROM label_job j JOIN medium m ON m.id = j.medium_id WHERE j.fingerprint = :fingerprint{of}
    ORDER BY j.medium_id, j.start_frame
"""
_ALL = text(_LIST.format(of=""))
_SOME = text(_LIST.format(of=" AND m.digest = ANY(:media)"))
_DONE = f"""
    SELECT m.digest || '-' || {padded("j.start_frame")} || '-' || coalesce({padded("j.end_frame")}, '{TO_END}')
    FROM label_job j JOIN medium m ON m.id = j.medium_id WHERE j.fingerprint = %(fingerprint)s AND j.state = 'done'
"""
_OPEN = text("""
    SELECT DISTINCT m.digest FROM label_job j JOIN medium m ON m.id = j.medium_id
    WHERE j.fingerprint = :fingerprint AND j.state IN ('queued', 'leased', 'failed')
""")
_ADD = text("""
    INSERT INTO label_job (medium_id, fingerprint, start_frame, end_frame, state)
    SELECT m.id, :fingerprint, u.start, u.stop, u.state
    FROM unnest(cast(:media AS text[]), cast(:starts AS int[]), cast(:ends AS int[]), cast(:states AS text[]))
         WITH ORDINALITY AS u(digest, start, stop, state, number)
    JOIN medium m ON m.digest = u.digest ORDER BY u.number ON CONFLICT DO NOTHING
""")
_RATE = text("""
    SELECT coalesce(sum(frames), 0), coalesce(sum(seconds), 0) FROM (
        SELECT frames, seconds FROM label_job WHERE fingerprint = :fingerprint AND state = 'done' AND seconds > 0
        ORDER BY changed_at DESC LIMIT :rated) latest
""")


class Job(NamedTuple):
    """A frame range of a medium that is to be labelled, or is. `frames`: how many were done, where that is known.

    A tuple, since a plan may read a hundred thousand of them.
    """

    id: int
    medium: str
    stretch: FrameRange
    state: str
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A job that is this holder's until it is finished, released, or expires. `medium`: its database row."""

    id: int
    medium: Mapping[str, Any]
    stretch: FrameRange
    attempts: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """The jobs of one pose fingerprint. Errors: Unavailable when the database is away; what is done stays done."""

    engine: Engine
    fingerprint: str

    @contextmanager
    def planning(self) -> Iterator[Connection]:
        """A transaction in which nobody else plans: two runs at once agree on the same frame ranges."""
        with database(self.engine) as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:f))"), {"f": self.fingerprint})
            yield connection

    def jobs(self, connection: Connection, media: Collection[str] | None = None) -> dict[str, list[Job]]:
        """Return every job (of these media) by medium, in order of frames."""
        jobs: dict[str, list[Job]] = {}
        values = {"fingerprint": self.fingerprint} | ({} if media is None else {"media": list(media)})
        for digest, number, start, end, state, frames in connection.execute(_ALL if media is None else _SOME, values):
            jobs.setdefault(digest, []).append(Job(number, digest, (start, end), state, frames))
        return jobs

    def done_names(self, connection: Connection) -> list[str]:
        """Return the names in the pose store of all chunks that are done, see pose_store.chunk_name."""
        return copied_lines(connection, _DONE, {"fingerprint": self.fingerprint})

    def open_media(self, connection: Connection) -> set[str]:
        """Return the media that have a job which is not done."""
        return set(connection.scalars(_OPEN, {"fingerprint": self.fingerprint}))

    def add(self, connection: Connection, stretches: Sequence[tuple[str, FrameRange, str]]) -> None:
        """Insert jobs (medium, frame range, state); known ones stay as they are."""
        if stretches:
            columns = {
                "media": [medium for medium, _, _ in stretches],
                "states": [state for _, _, state in stretches],
                "starts": [start for _, (start, _), _ in stretches],
                "ends": [end for _, (_, end), _ in stretches],
            }
            connection.execute(_ADD, {"fingerprint": self.fingerprint, **columns})

    def set_state(self, connection: Connection, ids: Collection[int], state: str) -> None:
        """Correct jobs that differ from what the store has, or queue failed ones again."""
        if ids:
            connection.execute(
                text(
                    "UPDATE label_job SET state = :state, attempts = 0, reason = NULL, leased_by = NULL, "
                    "leased_until = NULL, lease_key = NULL, changed_at = clock_timestamp() WHERE id = ANY(:ids)"
                ),
                {"state": state, "ids": list(ids)},
            )

    def claim(self, ids: Sequence[int], holder: str, key: int, lease_s: float) -> Lease | None:
        """Lease the first of these jobs that is free; None when all are done, failed or somebody else's."""
        with database(self.engine) as connection:
            values = {"ids": list(ids), "holder": holder, "key": key, "lease_s": lease_s}
            row = connection.execute(_CLAIM, values).one_or_none()
            if row is None:
                return None
            medium = connection.execute(_FACTS, {"medium": row.medium_id}).mappings().one()
            return Lease(row.id, {**medium, "id": row.medium_id}, (row.start_frame, row.end_frame), row.attempts)

    def renew(self, connection: Connection, lease_id: int, key: int, lease_s: float) -> None:
        """Keep a lease for another `lease_s`."""
        connection.execute(
            text(
                "UPDATE label_job SET leased_until = clock_timestamp() + make_interval(secs => :lease_s) "
                "WHERE id = :id AND lease_key = :key AND state = 'leased'"
            ),
            {"id": lease_id, "key": key, "lease_s": lease_s},
        )

    def split(self, lease: Lease, stretches: Sequence[FrameRange]) -> Lease:
        """Split a leased job into these; the lease stays on the first, and the others are queued."""
        first, *others = stretches
        with self.planning() as connection:
            connection.execute(
                text("UPDATE label_job SET end_frame = :end WHERE id = :id"), {"id": lease.id, "end": first[1]}
            )
            self.add(connection, [(lease.medium["digest"], stretch, "queued") for stretch in others])
        return Lease(lease.id, lease.medium, first, lease.attempts)

    def done(
        self, lease: Lease, frames: int | None = None, poses: int | None = None, seconds: float | None = None
    ) -> bool:
        """Mark a job as done: its poses are in the store. Return True if it was the last open job of its medium."""
        with database(self.engine) as connection:
            connection.execute(
                text(
                    "UPDATE label_job SET state = 'done', frames = :frames, poses = :poses, seconds = :seconds, "
                    "reason = NULL, leased_until = NULL, changed_at = clock_timestamp() "
                    "WHERE id = :id AND state <> 'done'"
                ),
                {"id": lease.id, "frames": frames, "poses": poses, "seconds": seconds},
            )
        # a transaction of its own: of two workers that finish a medium's last two chunks at once, one sees both done
        with database(self.engine) as connection:
            query = (
                "SELECT NOT EXISTS (SELECT FROM label_job WHERE medium_id = :medium AND fingerprint = :fingerprint "
                "AND state <> 'done')"
            )
            values = {"medium": lease.medium["id"], "fingerprint": self.fingerprint}
            return bool(connection.scalar(text(query), values))

    def release(self, lease: Lease, key: int, reason: str | None = None, counts: bool = True) -> None:
        """Release a lease: its job is queued again; unless it `counts`, as if it had not been tried."""
        with database(self.engine) as connection:
            connection.execute(
                text(
                    "UPDATE label_job SET state = 'queued', leased_until = NULL, reason = :reason, "
                    "attempts = attempts - :back, changed_at = clock_timestamp() "
                    "WHERE id = :id AND lease_key = :key AND state = 'leased'"
                ),
                {"id": lease.id, "key": key, "reason": reason, "back": 0 if counts else 1},
            )

    def fail(self, connection: Connection, medium_id: int, reason: str) -> None:
        """Fail the open jobs of a medium, for this reason; none of them is tried again."""
        connection.execute(
            text(
                "UPDATE label_job SET state = 'failed', reason = :reason, leased_until = NULL, "
                "changed_at = clock_timestamp() "
                "WHERE medium_id = :medium AND fingerprint = :fingerprint AND state IN ('queued', 'leased')"
            ),
            {"medium": medium_id, "fingerprint": self.fingerprint, "reason": reason},
        )

    def unfinished(self, media: Collection[str]) -> list[int]:
        """Return the numbers of the jobs of these media that are queued or leased, in the order to do them."""
        query = (
            "SELECT j.id, m.digest FROM label_job j JOIN medium m ON m.id = j.medium_id "
            "WHERE j.fingerprint = :fingerprint AND j.state IN ('queued', 'leased') "
            "ORDER BY j.attempts, j.medium_id, j.start_frame"
        )
        with database(self.engine) as connection:
            rows = connection.execute(text(query), {"fingerprint": self.fingerprint})
            return [number for number, digest in rows if digest in media]

    def rate(self) -> float | None:
        """Frames a second of one worker over the chunks that were done last; None when nothing was measured yet."""
        with database(self.engine) as connection:
            frames, seconds = connection.execute(_RATE, {"fingerprint": self.fingerprint, "rated": RATED}).one()
        return frames / seconds if seconds else None


@contextmanager
def database(engine: Engine) -> Iterator[Connection]:
    """A transaction; a database that went away is Unavailable, which a caller may try again."""
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as exc:
        if not (isinstance(exc, OperationalError) or exc.connection_invalidated):
            raise
        reason = str(exc.orig).strip().splitlines()[0] if str(exc.orig).strip() else type(exc.orig).__name__
        raise Unavailable(
            f"the database went away while labelling ({reason}): what was done is kept; start it, then run again"
        ) from exc
