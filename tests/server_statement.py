"""A statement for the whole PostgreSQL server, such as CREATE DATABASE, which no transaction may hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2


def execute(url: str, statement: str) -> None:
    """Run it on the server of this address."""
    connection = psycopg2.connect(url, dbname="postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


@contextmanager
def fresh_database(url: str, name: str) -> Iterator[str]:
    """The address of a database with all tables, on the server of this address; it is dropped at the end."""
    execute(url, f"CREATE DATABASE {name} TEMPLATE posemill")
    yield f"{url.rsplit('/', 1)[0]}/{name}"
    execute(url, f"DROP DATABASE {name} WITH (FORCE)")
