"""A real PostgreSQL for integration tests: one embedded server a session, a fresh database a test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import Engine, create_engine

from posemill.settings import Settings
from posemill.store.embedded import EmbeddedServer
from posemill.store.postgres import open_engine, upgrade

_number = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedServer]:
    """One server for the session, in a folder that an unprivileged user can reach (pytest's own cannot be, as root)."""
    folder = Path(tempfile.mkdtemp(prefix="posemill-test-"))
    folder.chmod(0o755)
    server = EmbeddedServer(folder)
    try:
        url = server.start()
        template = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
        upgrade(template)
        template.dispose()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.data.parent, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres_server: EmbeddedServer) -> Iterator[str]:
    """The address of a fresh database with all tables."""
    url = str(postgres_server.url())
    name = f"test_{next(_number)}"
    _execute(url, f"CREATE DATABASE {name} TEMPLATE posemill")
    yield f"{url.rsplit('/', 1)[0]}/{name}"
    _execute(url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    """Settings of a workspace under tmp_path with that database."""
    home = tmp_path / ".posemill"
    return Settings(workspace=tmp_path, home=home, database_url=database, store_url=str(home / "store"))


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """An engine on that database."""
    engine = open_engine(settings)
    yield engine
    engine.dispose()


def _execute(url: str, statement: str) -> None:
    connection = psycopg2.connect(url, dbname="postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
