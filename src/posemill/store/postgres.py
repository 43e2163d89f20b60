"""Connect to PostgreSQL, bring its tables up to date, load many rows at once."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, ProgrammingError

from posemill.errors import InputError, Unavailable
from posemill.settings import Settings
from posemill.store.address import checked_schema, parse_address, schema_options, shown
from posemill.store.current_user import current_user
from posemill.store.embedded import EmbeddedServer
from posemill.store.migrations import HEAD
from posemill.store.pseudonyms import INFO, read_key
from posemill.store.refusals import OWN_SCHEMA, explain_refusals

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_MIGRATION_LOCK = 0x706F736D  # one number all our processes agree on
_COPY_ROWS = 200_000
_CONNECTION: dict[str, Any] = {
    "application_name": "posemill",
    "connect_timeout": 10,
    # a server or network that vanishes is noticed within a minute, not after the kernel's quarter of an hour
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def open_engine(settings: Settings, migration: str = HEAD) -> Engine:
    """An engine on the configured database, or the embedded one (started if need be), with tables up to date.

    migration  to which tables are brought; an earlier one for restoring rows of that time.
    Errors, each in one sentence without the password: Unavailable when it cannot be reached or takes no changes;
    InputError for a wrong address, missing rights, or tables of another application in its place.
    """
    url, schema = database_url(settings), settings.database_schema
    engine = create_engine(url, pool_pre_ping=True, connect_args=_CONNECTION | schema_options(schema))
    explain_refusals(engine)
    event.listen(engine, "connect", _name_actor)
    if settings.subject_key is not None:
        _use_pseudonyms(engine, read_key(settings.subject_key))
    try:
        if schema is not None:
            _make_schema(engine, schema)
        upgrade(engine, migration)
    except OperationalError as exc:
        engine.dispose()
        raise Unavailable(_away(url, exc)) from exc
    return engine


@contextmanager
def opened_engine(settings: Settings, migration: str = HEAD) -> Iterator[Engine]:
    """The engine of `open_engine` for the length of a `with`; its connections are closed at the end."""
    engine = open_engine(settings, migration)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def transaction(settings: Settings, migration: str = HEAD) -> Iterator[Connection]:
    """A transaction on the database that the settings name: committed at the end, unless something is raised."""
    with opened_engine(settings, migration) as engine, engine.begin() as connection:
        yield connection


def _use_pseudonyms(engine: Engine, key: bytes) -> None:
    """Names of subjects that are written through this engine become pseudonyms."""

    def keep(_connection: Any, record: Any) -> None:
        record.info[INFO] = key

    event.listen(engine, "connect", keep)


def database_url(settings: Settings) -> URL:
    """The address in SQLAlchemy's form, psycopg2 driver."""
    return parse_address(settings.database_url or EmbeddedServer(settings.home).start())


def _name_actor(connection: Any, _record: Any) -> None:
    """Say who changes things through this connection: the audit trail has it with every entry."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('posemill.actor', %s, false)", [current_user()])
    connection.commit()  # else the setting would be gone with the first rollback


def _make_schema(engine: Engine, schema: str) -> None:
    """Make the schema where it is not there; whoever may not make one may use one that is."""
    with engine.begin() as connection:
        there = connection.scalar(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": schema})
        if not there:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {checked_schema(schema)}"))


def upgrade(engine: Engine, migration: str = HEAD) -> None:
    """Bring the tables to a migration, the newest by default. Two processes at once wait for each other."""
    with engine.connect() as connection:
        if revision(connection) == migration:
            return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATION_LOCK})
        if revision(connection) != migration:
            _migrate(connection, migration)


def revision(connection: Connection) -> str | None:
    """The migration that the database is at; None for an empty one."""
    try:
        with connection.begin_nested():
            number: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return number
    except ProgrammingError:
        return None


def _migrate(connection: Connection, migration: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError
    from psycopg2.errors import DuplicateTable

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, migration)
    except CommandError as exc:
        found = revision(connection)
        if found is None or not re.fullmatch(r"\d{4}", found):
            raise InputError(
                f"the table alembic_version of the database is another application's (it says {found!r}): {OWN_SCHEMA}"
            ) from exc
        raise InputError(
            f"the database is at migration {found!r}, which this posemill does not know "
            f"(it knows up to {HEAD}): it was made by a newer version; upgrade posemill"
        ) from exc
    except ProgrammingError as exc:
        if not isinstance(exc.orig, DuplicateTable):
            raise
        says = str(exc.orig).strip().split("\n")[0]
        raise InputError(f"the database has tables of another application ({says}): {OWN_SCHEMA}") from exc


def copy_rows(connection: Connection, table: str, rows: pl.DataFrame | pa.Table | Iterable[Mapping[str, Any]]) -> int:
    """Append rows by COPY, ten times faster than INSERT. Columns are matched by name; null and NaN become NULL.

    rows: a polars frame, an Arrow table, or mappings with the same keys. Returns how many were written.
    """
    frame = _as_frame(rows)
    for part in frame.fill_nan(None).iter_slices(_COPY_ROWS):  # a part at a time, since its text is held in memory
        _copy_csv(connection, table, part.columns, part.write_csv(include_header=False))
    return frame.height


def _as_frame(rows: pl.DataFrame | pa.Table | Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    import polars as pl

    if isinstance(rows, pl.DataFrame):
        return rows
    if hasattr(rows, "column_names"):
        return pl.DataFrame(pl.from_arrow(rows))
    listed = [dict(row) for row in rows]
    return pl.from_dicts(listed, infer_schema_length=None) if listed else pl.DataFrame()


def _copy_csv(connection: Connection, table: str, columns: Sequence[str], csv: str) -> None:
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(c) for c in columns)
    cursor: Any = connection.connection.cursor()
    try:
        cursor.copy_expert(f"COPY {quote(table)} ({names}) FROM STDIN WITH (FORMAT csv)", io.StringIO(csv))
    finally:
        cursor.close()


def copied_lines(connection: Connection, query: str, values: Mapping[str, Any] | None = None) -> list[str]:
    """Return the one text column of a query by COPY: no object a row but its text. No value may hold a line break.

    values  of the query's %(name)s.
    """
    cursor: Any = connection.connection.cursor()
    try:
        asked = cursor.mogrify(query, values).decode() if values else query
        lines = io.BytesIO()
        cursor.copy_expert(f"COPY ({asked}) TO STDOUT", lines)
        return lines.getvalue().decode().split("\n")[:-1]
    finally:
        cursor.close()


def _away(url: URL, exc: OperationalError) -> str:
    reason = str(exc.orig).strip().splitlines()[0]
    if url.password:
        reason = reason.replace(str(url.password), "***")
    advice = "start it or correct POSEMILL_DATABASE_URL, then repeat"
    return f"the database {shown(url)} cannot be reached ({reason}): {advice}"
