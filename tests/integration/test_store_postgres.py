from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text

from posemill.errors import InputError, Unavailable
from posemill.settings import Settings
from posemill.store import catalog, schema
from posemill.store.migrations import HEAD
from posemill.store.postgres import copy_rows, open_engine, revision


def test_migrations_make_exactly_the_tables_of_the_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        assert revision(connection) == HEAD


def test_head_names_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_an_unreachable_database_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://ann:geheim@127.0.0.1:1/x"
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        open_engine(Settings(tmp_path, tmp_path, url, str(tmp_path)))
    assert "geheim" not in str(caught.value)
    assert caught.value.retryable
    assert len(str(caught.value).splitlines()) == 1


def test_a_wrong_password_does_not_show_it(settings: Settings) -> None:
    name = str(settings.database_url).split("@")[1]
    with pytest.raises(Unavailable, match="password authentication failed") as caught:
        open_engine(replace(settings, database_url=f"postgresql://posemill:wrong-secret@{name}"))
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://a@b/c", "no address at all"])
def test_a_wrong_kind_of_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match="postgresql://"):
        open_engine(Settings(tmp_path, tmp_path, url, str(tmp_path)))


def test_a_newer_database_is_left_alone(settings: Settings, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InputError, match="made by a newer version"):
        open_engine(settings)


def test_two_processes_that_add_the_same_media_double_nothing(settings: Settings, engine: Engine) -> None:
    code = (
        "import sys\nfrom sqlalchemy import create_engine\nfrom posemill.store import catalog\n"
        "e = create_engine(sys.argv[1].replace('postgresql:', 'postgresql+psycopg2:'))\n"
        "for turn in range(20):\n    with e.begin() as c:\n"
        "        digests = [f'{n:064x}' for n in range(turn, turn + 5)]\n"
        "        catalog.add_media(c, [catalog.MediumRow(d, 'd', 's', 'me') for d in digests])\n"
        "        catalog.add_clips(c, [catalog.ClipRow(d, 'me', activity='sit', subject='s1') for d in digests])\n"
    )
    command = [sys.executable, "-c", code, str(settings.database_url)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    errors = [process.communicate(timeout=60)[1] for process in running]
    assert errors == ["", "", ""]
    with engine.connect() as connection:
        assert len(catalog.media(connection)) == 24
        assert len(catalog.clips(connection, history=True)) == 24


def test_a_failed_copy_leaves_nothing(engine: Engine) -> None:
    rows = pl.DataFrame({"name": ["a", None]})
    with pytest.raises(Exception, match="null value"), engine.begin() as connection:
        copy_rows(connection, "subject", rows)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM subject")) == 0


def test_bulk_copy_is_much_faster_than_insert(engine: Engine) -> None:
    """A hundred thousand rows in seconds, with no NaN reaching the table."""
    rows = pl.DataFrame({"input_digest": [str(n) for n in range(100_000)]}).with_columns(
        bento_tag=pl.lit("m:1"), confidence=pl.lit(float("nan"))
    )
    with engine.begin() as connection:
        assert copy_rows(connection, "prediction_log", rows) == 100_000
        counted = connection.execute(text("SELECT count(*), count(confidence) FROM prediction_log")).one()
    assert tuple(counted) == (100_000, 0)


def test_another_system_may_add_media_by_plain_sql(database: str) -> None:
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO dataset (name) VALUES ('theirs')")
        connection.exec_driver_sql("INSERT INTO medium (uri, dataset) VALUES ('s3://videos/1.mp4', 'theirs')")
        connection.exec_driver_sql("INSERT INTO clip (medium_id, activity) SELECT id, 'squat' FROM medium")
        (row,) = catalog.media(connection)
        assert (row["kind"], row["digest"], row["uri"]) == ("video", None, "s3://videos/1.mp4")
        assert row["added_at"] is not None
        assert row["added_by"] == "posemill"
    engine.dispose()
