"""Leases on a real database: who has what, and what becomes free."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from posemill.errors import Unavailable
from posemill.settings import Settings
from posemill.store import catalog
from posemill.store.lease import LeaseHolder
from posemill.store.ledger import Ledger

A, B = "a" * 64, "b" * 64
CLAIM_AND_SLEEP = """
import sys, time
from sqlalchemy import create_engine
from posemill.store.ledger import Ledger
from posemill.store.lease import LeaseHolder
ledger = Ledger(create_engine(sys.argv[1].replace("postgresql:", "postgresql+psycopg2:")), "f")
with LeaseHolder(ledger) as holder:
    print(holder.claim([1]).id, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    """Two media, the first in two stretches; all queued as jobs 1, 2 and 3."""
    ledger = Ledger(engine, "f")
    with engine.begin() as connection:
        catalog.add_media(connection, [catalog.MediumRow(m, "d", "s", "me") for m in (A, B)])
    with ledger.planning() as connection:
        ledger.add(connection, [(A, (0, 300), "queued"), (A, (300, None), "queued"), (B, (0, None), "queued")])
    return ledger


@pytest.fixture
def holder(ledger: Ledger) -> Iterator[LeaseHolder]:
    with LeaseHolder(ledger, lease_s=3600) as holder:
        yield holder


def states(ledger: Ledger) -> list[tuple[str, int]]:
    with ledger.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT state, attempts FROM label_job ORDER BY id"))]


def test_a_lease_belongs_to_one(ledger: Ledger, holder: LeaseHolder) -> None:
    with LeaseHolder(ledger) as other:
        mine, theirs = holder.claim([1, 2]), other.claim([1, 2])
        assert mine is not None
        assert theirs is not None
        assert (mine.id, mine.stretch, mine.medium["digest"]) == (1, (0, 300), A)
        assert (theirs.id, theirs.stretch) == (2, (300, None))
        assert other.claim([1]) is None
        assert not ledger.done(mine, frames=300, poses=500, seconds=10.0)
        assert ledger.done(theirs, frames=100, poses=0, seconds=10.0)
    assert ledger.rate() == 20.0
    assert ledger.unfinished({A}) == []
    assert ledger.unfinished({A, B}) == [3]
    assert states(ledger) == [("done", 1), ("done", 1), ("queued", 0)]


def test_the_same_again_adds_nothing(ledger: Ledger) -> None:
    with ledger.planning() as connection:
        ledger.add(connection, [(A, (0, None), "queued"), ("c" * 64, (0, None), "queued")])
        jobs = ledger.jobs(connection)
    assert {medium: [job.stretch for job in rows] for medium, rows in jobs.items()} == {
        A: [(0, 300), (300, None)],
        B: [(0, None)],
    }


def test_who_ends_leaves_no_lease_behind(ledger: Ledger, holder: LeaseHolder) -> None:
    with LeaseHolder(ledger, lease_s=3600) as other:
        assert other.claim([1]) is not None
        assert holder.claim([1]) is None
    again = holder.claim([1])
    assert again is not None
    assert again.attempts == 2


def test_a_killed_process_loses_its_lease_at_once(ledger: Ledger, holder: LeaseHolder, settings: Settings) -> None:
    command = [sys.executable, "-c", CLAIM_AND_SLEEP, str(settings.database_url)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        assert holder.claim([1]) is None
        process.kill()
        deadline, lease = time.monotonic() + 120, None
        while lease is None and time.monotonic() < deadline:
            lease = holder.claim([1])
    assert lease is not None


def test_an_expired_lease_is_free_and_a_renewed_one_is_not(ledger: Ledger, holder: LeaseHolder) -> None:
    expire = text("UPDATE label_job SET leased_until = clock_timestamp() - interval '1 s' WHERE id = 1")
    with LeaseHolder(ledger) as other:
        lease = other.claim([1])
        assert lease is not None
        with ledger.engine.begin() as connection:
            connection.execute(expire)
            ledger.renew(connection, lease.id, other.key, 60)
        assert holder.claim([1]) is None
        with ledger.engine.begin() as connection:
            connection.execute(expire)
        assert holder.claim([1]) is not None
        with ledger.engine.begin() as connection:  # it is not theirs any more: renewing changes nothing
            ledger.renew(connection, lease.id, other.key, 99999)
            left = connection.scalar(text("SELECT leased_until < now() + interval '2 h' FROM label_job WHERE id = 1"))
    assert left


def test_a_holder_renews_while_there_is_progress(ledger: Ledger) -> None:
    def until() -> object:
        with ledger.engine.connect() as connection:
            return connection.scalar(text("SELECT leased_until FROM label_job WHERE id = 1"))

    with LeaseHolder(ledger, lease_s=1.0) as other:
        other.claim([1])
        first, deadline = until(), time.monotonic() + 120
        while until() == first and time.monotonic() < deadline:
            time.sleep(0.05)
        assert until() != first


def test_given_back_it_counts_or_not(ledger: Ledger, holder: LeaseHolder) -> None:
    for counts, wanted in ((False, 0), (True, 1)):
        lease = holder.claim([1])
        assert lease is not None
        ledger.release(lease, holder.key, "why", counts)
        assert states(ledger)[0] == ("queued", wanted)


def test_a_failed_medium_is_failed_as_a_whole(ledger: Ledger, holder: LeaseHolder) -> None:
    lease = holder.claim([2])
    assert lease is not None
    with ledger.engine.begin() as connection:
        ledger.fail(connection, lease.medium["id"], "damaged")
    assert [state for state, _ in states(ledger)] == ["failed", "failed", "queued"]
    assert ledger.unfinished({A, B}) == [3]


def test_splitting_keeps_the_lease_on_the_first_part(ledger: Ledger, holder: LeaseHolder) -> None:
    lease = holder.claim([3])
    assert lease is not None
    first = ledger.split(lease, [(0, 10), (10, 20), (20, None)])
    assert first.stretch == (0, 10)
    with ledger.planning() as connection:
        jobs = ledger.jobs(connection)[B]
    assert [(job.stretch, job.state) for job in jobs] == [
        ((0, 10), "leased"),
        ((10, 20), "queued"),
        ((20, None), "queued"),
    ]


def test_a_database_that_goes_away_is_said_in_a_sentence(ledger: Ledger, database: str) -> None:
    with LeaseHolder(ledger, lease_s=3600):
        with pytest.raises(Unavailable, match="went away while labelling") as caught, ledger.planning() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert caught.value.retryable
        assert ledger.unfinished({B}) == [3]  # back again: the next call has a connection of its own


def test_of_two_who_finish_a_medium_at_once_one_is_told(ledger: Ledger) -> None:
    """Threads that pass the update together: neither may take the other for unfinished."""
    for _ in range(20):
        with ledger.planning() as connection:
            ledger.set_state(connection, [1, 2], "queued")
        with LeaseHolder(ledger) as one, LeaseHolder(ledger) as other, ThreadPoolExecutor(2) as pool:
            leases = one.claim([1]), other.claim([2])
            assert any(pool.map(lambda lease: ledger.done(lease, 1, 1, 1.0), leases))


@pytest.mark.parametrize(("leased_before_the_start", "attempts"), [(True, 1), (False, 2)])
def test_an_attempt_that_the_server_ended_does_not_count(
    ledger: Ledger, leased_before_the_start: bool, attempts: int
) -> None:
    with LeaseHolder(ledger) as first:
        assert first.claim([1]) is not None
    if leased_before_the_start:
        before = "UPDATE label_job SET changed_at = pg_postmaster_start_time() - interval '1 second' WHERE id = 1"
        with ledger.engine.begin() as connection:
            connection.execute(text(before))
    with LeaseHolder(ledger) as second:
        lease = second.claim([1])
    assert lease is not None
    assert lease.attempts == attempts
