"""Addresses and rights: whatever is wrong with a database is one sentence, and never any part of a password."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import make_url

from posemill.cli.main import main
from posemill.errors import InputError, PosemillError, Unavailable
from posemill.settings import Settings
from posemill.store import catalog
from posemill.store.address import parse_address, shown
from posemill.store.postgres import open_engine, revision
from posemill.store.service_engine import service_engine

_number = count()


def run_sql(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)
    finally:
        connection.close()


@pytest.fixture
def empty(database: str) -> Iterator[str]:
    """The address of an empty database."""
    name = f"{urlsplit(database).path[1:]}_empty"
    run_sql(database, f"CREATE DATABASE {name}")
    yield f"{database.rsplit('/', 1)[0]}/{name}"
    run_sql(database, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def role(empty: str) -> Iterator[str]:
    """The address of the empty database for a role with nothing but the right to connect."""
    name = f"ann_{next(_number)}"
    run_sql(empty, f"CREATE ROLE {name} LOGIN PASSWORD 'geheim'")
    yield f"postgresql://{name}:geheim@{urlsplit(empty).netloc.split('@')[1]}{urlsplit(empty).path}"
    run_sql(empty, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def sentence(settings: Settings, url: str, **changes: str) -> str:
    """What opening says; it is one line."""
    with pytest.raises(PosemillError) as caught:
        open_engine(replace(settings, database_url=url, **changes))
    says = str(caught.value)
    assert len(says.splitlines()) == 1
    assert "geheim" not in says
    return says


@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1))
def test_any_password_goes_when_it_is_quoted(password: str) -> None:
    url = parse_address(f"postgresql://ann:{quote(password, safe='')}@db.example:5433/clips?sslmode=require")
    assert (url.username, url.password, url.host, url.port) == ("ann", password, "db.example", 5433)
    assert shown(url) == "clips on db.example:5433"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:p@ss:w/o#r@127.0.0.1/clips",
        "postgresql://me:hunter2@Secret@127.0.0.1/clips",
        "postgresql://me:hunter/2Secret@127.0.0.1/clips",
        "postgresql://me:hunter2#Secret@127.0.0.1/clips",
        "postgresql://me:hunter2?Secret@127.0.0.1/clips",
        "postgresql://127.0.0.1:hunter2Secret/clips",
    ],
)
def test_an_unquoted_password_is_told_without_any_part_of_it(url: str, settings: Settings) -> None:
    says = sentence(settings, url)
    assert "POSEMILL_DATABASE_URL" in says
    for part in ("hunter", "Secret", "ss:w", "o#r"):
        assert part not in says


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("schema=clips", "name the schema in POSEMILL_DATABASE_SCHEMA"),
        ("ssl=true", "write sslmode=require"),
        ("pgbouncer=true", "leave it out"),
        ("nonsense=1", "see libpq's connection parameters"),
    ],
)
def test_options_that_the_server_does_not_know(option: str, advice: str, settings: Settings) -> None:
    says = sentence(settings, f"postgresql://me:geheim@127.0.0.1/clips?{option}")
    assert says.endswith(f"(?{option.split('=')[0]}=): {advice}")


def test_several_hosts_are_tried_one_after_the_other(settings: Settings) -> None:
    there = make_url(str(settings.database_url))
    url = f"postgresql://{there.username}:{there.password}@127.0.0.1:1,127.0.0.1:{there.port}/{there.database}"
    engine = open_engine(replace(settings, database_url=url))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
    assert shown(parse_address(url)) == f"{there.database} on 127.0.0.1:1,127.0.0.1:{there.port}"


def test_of_several_hosts_the_one_that_takes_changes_is_used() -> None:
    several = "postgresql://me:secret@first:5432,second:5433/clips"
    for opened in (parse_address(several), service_engine(several).url):
        assert opened.query["host"] == ("first:5432", "second:5433")
        assert opened.query["target_session_attrs"] == "read-write"
    chosen = parse_address(f"{several}?target_session_attrs=any")
    assert chosen.query["target_session_attrs"] == "any"
    assert "target_session_attrs" not in parse_address("postgresql://me@first/clips").query


def test_a_role_that_may_not_create_tables(role: str, settings: Settings) -> None:
    says = sentence(settings, role)
    assert "permission denied for schema public" in says
    assert "POSEMILL_DATABASE_SCHEMA" in says
    assert "permission denied for database" in sentence(settings, role, database_schema="own")


def test_a_schema_of_its_own_beside_another_application(
    empty: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sql(empty, "CREATE TABLE medium (x int)", "CREATE TABLE clip (y text)", "INSERT INTO clip VALUES ('theirs')")
    says = sentence(settings, empty)
    assert "has tables of another application (relation" in says
    assert "POSEMILL_DATABASE_SCHEMA" in says
    settings = replace(settings, database_url=empty, database_schema="posemill")
    for _ in range(2):  # made, then found
        engine = open_engine(settings)
        with engine.begin() as connection:
            catalog.add_dataset(connection, "mine", "anna")
            assert catalog.dataset_names(connection) == ["mine"]
            assert connection.scalar(text("SELECT y FROM public.clip")) == "theirs"
        engine.dispose()
    monkeypatch.setenv("POSEMILL_DATABASE_SCHEMA", "posemill")
    service = service_engine(empty)
    with service.connect() as connection:
        assert connection.scalar(text("SELECT name FROM dataset")) == "mine"
        assert connection.scalar(text("SHOW statement_timeout")) == "3s"
    service.dispose()


def test_another_applications_alembic_version_is_no_newer_posemill(empty: str, settings: Settings) -> None:
    run_sql(empty, "CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('a1b2c3')")
    assert "is another application's (it says 'a1b2c3')" in sentence(settings, empty)
    engine = open_engine(replace(settings, database_url=empty, database_schema="posemill"))
    with engine.connect() as connection:
        assert str(revision(connection)).isdigit()
    engine.dispose()


def test_a_schema_name_that_needs_quotes_is_refused(settings: Settings) -> None:
    with pytest.raises(InputError, match="POSEMILL_DATABASE_SCHEMA is 'a;b': expected small letters"):
        open_engine(replace(settings, database_schema="a;b"))


def test_a_role_that_may_only_read_is_told_so_by_every_command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    url = str(settings.database_url)
    name = f"bob_{next(_number)}"
    run_sql(
        url,
        f"CREATE ROLE {name} LOGIN PASSWORD 'geheim'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}",
    )
    try:
        reader = f"postgresql://{name}:geheim@{urlsplit(url).netloc.split('@')[1]}{urlsplit(url).path}"
        monkeypatch.setenv("POSEMILL_DATABASE_URL", reader)
        monkeypatch.setenv("POSEMILL_WORKSPACE", str(tmp_path))
        monkeypatch.setattr(sys, "argv", ["posemill", "keys", "add", "anna"])
        with pytest.raises(SystemExit):
            main()
        says = capsys.readouterr().err
        assert says.startswith(
            "posemill: error: the database refuses its user that (permission denied for table api_key"
        )
        assert len(says.splitlines()) == 1
    finally:
        run_sql(url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_a_server_that_takes_no_changes_is_worth_a_repeat(settings: Settings) -> None:
    url = f"{settings.database_url}?options=-c%20default_transaction_read_only%3Don"
    engine = open_engine(replace(settings, database_url=url))

    def write() -> None:
        with engine.begin() as connection:
            catalog.add_dataset(connection, "mine", "anna")

    with pytest.raises(Unavailable, match=r"takes no changes .*read-only transaction"):
        write()
    engine.dispose()
