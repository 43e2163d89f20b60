"""Connect to PostgreSQL, bring its tables up to date, load many rows at once."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

from posemill.errors import InputError, Unavailable
from posemill.settings import Settings
from posemill.store.embedded import EmbeddedServer
from posemill.store.migrations import HEAD

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


def open_engine(settings: Settings) -> Engine:
    """An engine on the configured database, or the embedded one (started if need be), with tables up to date.

    Errors: Unavailable (without the password) when it cannot be reached; InputError for a wrong address.
    """
    url = database_url(settings)
    engine = create_engine(url, pool_pre_ping=True, connect_args=_CONNECTION)
    try:
        upgrade(engine)
    except OperationalError as exc:
        engine.dispose()
        raise Unavailable(_away(url, exc)) from exc
    return engine


def database_url(settings: Settings) -> URL:
    """The address in SQLAlchemy's form, psycopg2 driver."""
    given = settings.database_url or EmbeddedServer(settings.home).start()
    try:
        url = make_url(given)
    except ArgumentError:
        raise InputError(
            "POSEMILL_DATABASE_URL is no address: expected postgresql://user:password@host:port/name"
        ) from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise InputError(f"POSEMILL_DATABASE_URL names {url.get_backend_name()}; posemill needs postgresql://…")
    return url.set(drivername="postgresql+psycopg2")


def upgrade(engine: Engine) -> None:
    """Bring the tables to the newest migration. Two processes at once wait for each other."""
    with engine.connect() as connection:
        if revision(connection) == HEAD:
            return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATION_LOCK})
        if revision(connection) != HEAD:
            _migrate(connection)


def revision(connection: Connection) -> str | None:
    """The migration that the database is at; None for an empty one."""
    try:
        with connection.begin_nested():
            number: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return number
    except ProgrammingError:
        return None


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as exc:
        raise InputError(
            f"the database is at migration {revision(connection)!r}, which this posemill does not know "
            f"(it knows up to {HEAD}): it was made by a newer version; upgrade posemill"
        ) from exc


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


def _away(url: URL, exc: OperationalError) -> str:
    reason = str(exc.orig).strip().splitlines()[0]
    if url.password:
        reason = reason.replace(str(url.password), "***")
    where = url.render_as_string(hide_password=True)
    return f"the database {where} cannot be reached ({reason}): start it or correct POSEMILL_DATABASE_URL, then repeat"
