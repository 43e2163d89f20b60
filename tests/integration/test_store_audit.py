"""The audit trail: complete for whoever writes, and every way of changing it afterwards is found."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from posemill.cli.main import cli
from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store import audit, catalog
from posemill.store.api_keys import create_key, revoke
from posemill.store.current_user import current_user
from posemill.store.postgres import copy_rows

A = "a" * 64
WITHOUT_GUARD = "SET session_replication_role = replica"  # what whoever owns the database can do


def label(connection: Connection, *activities: str, at_s: float = 0.0) -> None:
    catalog.add_media(connection, [catalog.MediumRow(A, "home", "a.mp4", "ann")])
    for n, activity in enumerate(activities):
        catalog.add_clips(connection, [catalog.ClipRow(A, "ann", at_s + n, at_s + n + 1.0, activity, "s1")])


def label_and_fail(engine: Engine) -> None:
    with engine.begin() as connection:
        label(connection, "gone", at_s=50)
        raise ZeroDivisionError


def tamper(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(WITHOUT_GUARD))
        connection.execute(text(statement))
        connection.execute(text("SET session_replication_role = origin"))


@pytest.fixture
def trail(engine: Engine) -> Engine:
    """Six entries of clips, one a transaction."""
    for n in range(6):
        with engine.begin() as connection:
            label(connection, f"a{n}", at_s=n)
    return engine


def faults(engine: Engine, kept: audit.Head | None = None) -> tuple[str, ...]:
    with engine.begin() as connection:
        return audit.verify(connection, kept).faults


def test_who_did_what_to_which_rows(engine: Engine) -> None:
    with engine.begin() as connection:
        label(connection, "sit", "squat")
        create_key(connection, "acme", added_by="ann")
    with engine.begin() as connection:
        revoke(connection, "acme", revoked_by="bob")
        audit.record(connection, "export", "tracks", rows=3, details={"media": [A[:8]]})
    with engine.begin() as connection:
        newest = audit.entries(connection)
        said = [(e["action"], e["object"], e["rows"], e["ids"]) for e in reversed(newest)]
        assert said == [
            ("insert", "clip", 1, [1]),
            ("insert", "clip", 1, [2]),
            ("insert", "api_key", 1, [1]),
            ("update", "api_key", 1, [1]),
            ("export", "tracks", 3, None),
        ]
        assert {e["actor"] for e in newest} == {current_user()}
        assert all(e["origin"].endswith("posemill") for e in newest)
        assert newest[0]["details"] == {"media": [A[:8]]}
        assert [e["object"] for e in audit.entries(connection, what="clip")] == ["clip", "clip"]
        assert audit.verify(connection) == audit.AuditCheck(5, audit.head(connection), ())


def test_content_is_a_digest_only(engine: Engine) -> None:
    """Who is erased from the tables is not left in the trail."""
    with engine.begin() as connection:
        label(connection, "brushing_teeth")
        entries = audit.entries(connection)
        whole = connection.execute(text("SELECT string_agg(audit::text, ' ') FROM audit")).scalar()
    assert "brushing_teeth" not in whole
    assert "s1" not in whole
    assert len(entries[0]["content"]) == 64


def test_plain_sql_of_another_system_is_recorded(trail: Engine) -> None:
    with trail.begin() as connection:
        connection.execute(text("UPDATE clip SET activity = 'other' WHERE id IN (2, 3)"))
        connection.execute(text("DELETE FROM clip WHERE id > 100"))  # nothing
        connection.execute(text("DELETE FROM clip WHERE id = 3"))
        with audit.acting(connection, "client acme"):
            connection.execute(text("TRUNCATE feedback"))
    with trail.begin() as connection:
        newest = audit.entries(connection, 3)
    assert [(e["action"], e["object"], e["ids"]) for e in newest] == [
        ("truncate", "feedback", None),
        ("delete", "clip", [3]),
        ("update", "clip", [2, 3]),
    ]
    assert [e["actor"] for e in newest] == ["client acme", current_user(), current_user()]


def test_what_is_rolled_back_leaves_no_entry(trail: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        label_and_fail(trail)
    with trail.begin() as connection:
        assert audit.head(connection).number == 6
    assert faults(trail) == ()


def test_many_rows_at_once_are_counted(engine: Engine) -> None:
    with engine.begin() as connection:
        label(connection)
        rows = {"medium_id": [1] * 5000, "activity": ["sit"] * 5000, "annotated_by": ["x"] * 5000}
        rows |= {"start_s": [float(n) for n in range(5000)], "end_s": [n + 1.0 for n in range(5000)]}
        copy_rows(connection, "clip", pl.DataFrame(rows))
    with engine.begin() as connection:
        (entry,) = audit.entries(connection)
    assert (entry["rows"], entry["ids"], entry["content"]) == (5000, None, None)


def test_writers_beside_each_other_make_one_chain(trail: Engine) -> None:
    def write(n: int) -> None:
        for i in range(10):
            with trail.begin() as connection:
                connection.execute(text("UPDATE clip SET activity = :a WHERE id = :n"), {"a": f"{n}-{i}", "n": 1 + n})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    with trail.begin() as connection:
        check = audit.verify(connection)
    assert (check.entries, check.faults) == (66, ())


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_table_takes_no_changes(trail: Engine, statement: str) -> None:
    with pytest.raises(DBAPIError, match="the table audit is append-only"), trail.begin() as connection:
        connection.execute(text(statement))
    assert faults(trail) == ()


@pytest.mark.parametrize("column", ["at", "actor", "origin", "action", "object", "rows", "ids", "content", "details"])
def test_every_changed_value_is_found(trail: Engine, column: str) -> None:
    new = {"at": "at + interval '1 microsecond'", "rows": "2", "ids": "'[7]'", "details": "'{}'"}.get(column, "'x'")
    tamper(trail, f"UPDATE audit SET {column} = {new} WHERE number = 3")
    assert faults(trail) == ("entry 3 was changed after it was written",)


def test_removed_and_inserted_entries_are_found(trail: Engine) -> None:
    tamper(trail, "DELETE FROM audit WHERE number = 4")
    assert faults(trail) == ("entry 4 is missing",)
    tamper(trail, "UPDATE audit SET number = number - 1 WHERE number > 4")
    assert "entry 4 does not follow from entry 3: one of them was changed" in faults(trail)


def test_a_cut_end_and_a_new_chain_are_found_by_a_head_that_was_kept(trail: Engine) -> None:
    with trail.begin() as connection:
        kept = audit.head(connection)
    assert faults(trail, kept) == ()
    tamper(trail, "DELETE FROM audit WHERE number = 6")
    assert faults(trail) == ("the newest entry should be 6, is 5: the end of the chain is missing",)
    forged = "UPDATE audit_head SET (number, digest) = (SELECT number, digest FROM audit WHERE number = 5)"
    tamper(trail, forged)
    assert faults(trail) == ()  # the table alone cannot tell
    assert faults(trail, kept) == ("the chain ends before entry 6, which was kept elsewhere: its end was cut off",)
    with trail.begin() as connection:
        label(connection, "another", at_s=50)
    assert faults(trail, kept) == ("entry 6 is not the one that was kept elsewhere: the chain was written anew",)


def test_the_command_line(trail: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEMILL_HOME", str(settings.home))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    run = CliRunner().invoke
    head = run(cli, ["audit", "head"]).output.strip()
    assert run(cli, ["audit", "verify", head]).exit_code == 0
    listed = [json.loads(line) for line in run(cli, ["audit", "list", "--limit", "2", "--json"]).output.splitlines()]
    assert [entry["number"] for entry in listed] == [6, 5]
    tamper(trail, "UPDATE audit SET actor = 'nobody' WHERE number = 2")
    found = run(cli, ["audit", "verify", head])
    assert (found.exit_code, found.output) == (1, "FAULT: entry 2 was changed after it was written\n")


def test_a_head_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="a head of the audit trail is NUMBER:SHA-256"):
        audit.parse_head("12:abc")
    assert audit.parse_head("12:" + "0" * 64) == audit.Head(12, "0" * 64)
