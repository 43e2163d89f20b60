"""A statement for the whole PostgreSQL server, such as CREATE DATABASE, which no transaction may hold."""

from __future__ import annotations

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
