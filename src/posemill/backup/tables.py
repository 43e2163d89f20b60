"""Rows of the database: all tables at one moment to files, and back into an empty database.

By COPY over the ordinary connection, so that any server does, whatever programs and rights are at hand.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from posemill.errors import InputError
from posemill.store.inventory import TABLES
from posemill.store.schema import metadata


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table in a file."""

    name: str
    columns: tuple[str, ...]
    rows: int
    path: Path


def dump(connection: Connection, folder: Path) -> list[TableFile]:
    """Write every table to `folder`, but the inventory, which is made of the others.

    The transaction must be repeatable read, so that all are of one moment.
    """
    level = connection.scalar(text("SHOW transaction_isolation"))
    assert level == "repeatable read", level
    found = []
    for table in metadata.sorted_tables:
        if table.name in TABLES:
            continue
        columns = tuple(column.name for column in table.columns)
        path = folder / f"{table.name}.csv.gz"
        order = ", ".join(_quoted(connection, column.name) for column in table.primary_key.columns)
        names = ", ".join(_quoted(connection, name) for name in columns)
        query = f"SELECT {names} FROM {_quoted(connection, table.name)} ORDER BY {order}"
        with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, 0) as file:  # the same rows, the same bytes
            rows = _copy(connection, f"COPY ({query}) TO STDOUT WITH (FORMAT csv)", file)
        found.append(TableFile(table.name, columns, rows, path))
    return found


def load(connection: Connection, tables: Sequence[TableFile]) -> None:
    """Read the tables back. Errors: InputError for a database that has rows already.

    Triggers of users are off meanwhile: what was restored is no new change, and the audit trail comes with it.
    """
    names = [table.name for table in metadata.sorted_tables if inspect(connection).has_table(table.name)]
    filled = [name for name in names if name not in ("audit_head", *TABLES) and _has_rows(connection, name)]
    if filled:
        raise InputError(
            f"a backup is restored into an empty database only, and this one has rows in {', '.join(filled)}: "
            "name another one in POSEMILL_DATABASE_URL"
        )
    for name in names:
        connection.execute(text(f"ALTER TABLE {_quoted(connection, name)} DISABLE TRIGGER USER"))
    for name in ("audit_head", *TABLES):
        if name in names:
            connection.execute(text(f"DELETE FROM {name}"))
    by_name = {table.name: table for table in tables}
    for name in names:  # referenced tables first
        if name in by_name:
            _load(connection, by_name[name])
    for name in names:
        connection.execute(text(f"ALTER TABLE {_quoted(connection, name)} ENABLE TRIGGER USER"))


def _load(connection: Connection, table: TableFile) -> None:
    names = ", ".join(_quoted(connection, name) for name in table.columns)
    with gzip.open(table.path, "rb") as file:
        rows = _copy(connection, f"COPY {_quoted(connection, table.name)} ({names}) FROM STDIN WITH (FORMAT csv)", file)
    if rows != table.rows:
        raise InputError(f"the backup has {table.rows} rows of {table.name}, {rows} could be read: it is damaged")
    if "id" in table.columns:
        sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
        newest = f"SELECT coalesce(max(id), 1), max(id) IS NOT NULL FROM {_quoted(connection, table.name)}"
        connection.execute(text(f"SELECT setval({sequence}, n, used) FROM ({newest}) AS newest (n, used)"))


def _copy(connection: Connection, statement: str, file: Any) -> int:
    cursor: Any = connection.connection.cursor()
    try:
        cursor.copy_expert(statement, file)
        return int(cursor.rowcount)
    finally:
        cursor.close()


def _has_rows(connection: Connection, name: str) -> bool:
    return connection.scalar(text(f"SELECT EXISTS (SELECT 1 FROM {_quoted(connection, name)})")) is True


def _quoted(connection: Connection, name: str) -> str:
    return str(connection.dialect.identifier_preparer.quote(name))
