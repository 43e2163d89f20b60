"""Errors of a database that went away, told apart from faults of the program."""

from __future__ import annotations

import psycopg2
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from posemill.errors import Unavailable
from posemill.stages.failure import _disk_full, _told
from posemill.store.refusals import outage

SHUTDOWN = psycopg2.OperationalError("terminating connection due to administrator command\nSSL SYSCALL error")
AWAY = [
    SHUTDOWN,  # of a COPY, which goes past SQLAlchemy
    psycopg2.InterfaceError("connection already closed"),
    OperationalError("SELECT 1", {}, SHUTDOWN),
    DBAPIError("SELECT 1", {}, psycopg2.DatabaseError("gone"), connection_invalidated=True),
]


@pytest.mark.parametrize("error", AWAY)
def test_a_server_that_went_away_is_retryable_in_one_sentence(error: Exception) -> None:
    sentence = outage(error)
    assert isinstance(sentence, Unavailable)
    assert "\n" not in str(sentence)
    assert _told(error, "ingest").retryable


@pytest.mark.parametrize(
    "error", [IntegrityError("INSERT", {}, psycopg2.IntegrityError("twice")), RuntimeError("a bug"), OSError(5, "EIO")]
)
def test_other_errors_are_no_outage(error: Exception) -> None:
    assert outage(error) is None
    assert not _told(error, "ingest").retryable


def test_a_full_disk_is_known_by_what_polars_says_of_it() -> None:
    polars = RuntimeError("parquet: underlying IO error: No space left on device (os error 28)")
    assert _disk_full(polars)
    assert "no space left on the disk" in str(_told(polars, "ingest"))
    assert not _disk_full(RuntimeError("parquet: underlying IO error: Input/output error (os error 5)"))
