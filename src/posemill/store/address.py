"""Database address: POSEMILL_DATABASE_URL parsed and checked, with nothing of it in an error message.

libpq's form with several hosts is understood (`postgresql://me@first:5432,second:5432/name`), and of several the one
that takes changes is used, as after a failover; an own schema comes from POSEMILL_DATABASE_SCHEMA. Nothing of an
address is quoted in a sentence, since a password with an unquoted @ or / in it can end up in any of its parts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from posemill.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

EXPECTED = "expected postgresql://user:password@host:port/name"
QUOTING = "; in a password write @ as %40, : as %3A, / as %2F, # as %23, ? as %3F and % as %25"
DRIVER = "postgresql+psycopg2"
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# options of other drivers and services that people carry over, and what says the same to PostgreSQL's own library
_ELSEWHERE = {
    "schema": "name the schema in POSEMILL_DATABASE_SCHEMA",
    "currentschema": "name the schema in POSEMILL_DATABASE_SCHEMA",
    "search_path": "name the schema in POSEMILL_DATABASE_SCHEMA",
    "ssl": "write sslmode=require",
    "pgbouncer": "leave it out",
    "connection_limit": "leave it out",
}


def parse_address(given: str) -> URL:
    """Parse an address into SQLAlchemy's form with the psycopg2 driver.

    Errors: InputError in one sentence, without any part of the address but the names of its options.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    scheme, separator, rest = given.partition("://")
    if not separator:
        raise InputError(f"POSEMILL_DATABASE_URL is no address: {EXPECTED}")
    if scheme.split("+")[0] not in ("postgresql", "postgres"):
        kind = scheme if re.fullmatch(r"[a-z][a-z0-9+]{0,20}", scheme) else "another kind of database"
        raise InputError(f"POSEMILL_DATABASE_URL names {kind}; posemill needs postgresql://…")
    host_part, rest = _split_hosts(rest)
    user_part, at, hosts = host_part.rpartition("@")
    if "@" in user_part or "#" in given:
        raise InputError(f"POSEMILL_DATABASE_URL cannot be read: {EXPECTED}{QUOTING}")
    several = hosts.split(",")
    try:
        url = make_url(f"{DRIVER}://{user_part}{at}{hosts if len(several) == 1 else ''}{rest}")
        if len(several) > 1:
            url = url.update_query_dict({"host": several})
            if "target_session_attrs" not in url.query:  # of a primary and its standbys the one that takes changes
                url = url.update_query_dict({"target_session_attrs": "read-write"})
        return _checked(url)
    except (ArgumentError, ValueError):
        raise InputError(f"POSEMILL_DATABASE_URL cannot be read: {EXPECTED}{QUOTING}") from None


def _split_hosts(rest: str) -> tuple[str, str]:
    """Split an address without its scheme into user and hosts, and what begins with the database's name."""
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    return rest[:end], rest[end:]


def _checked(url: URL) -> URL:
    """Return the address. Errors: InputError for an option that libpq does not know, ValueError for wrong parts."""
    import psycopg2
    from psycopg2.extensions import make_dsn

    for host in (str(url.host or ""), *_listed(url.query.get("host", ()))):
        if re.search(r"[@\s]", host):
            raise ValueError
    for name in url.query:
        try:
            make_dsn(**{name: "1"})
        except psycopg2.ProgrammingError:
            shown = name if re.fullmatch(r"[A-Za-z_]{1,30}", name) else "…"
            instead = _ELSEWHERE.get(name.lower(), "see libpq's connection parameters")
            raise InputError(
                f"POSEMILL_DATABASE_URL has an option that PostgreSQL does not know (?{shown}=): {instead}"
            ) from None
    return url


def _listed(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def schema_options(schema: str | None) -> dict[str, str]:
    """Connection arguments that make a schema the place of all tables; none without a schema.

    Errors: InputError for a name that would have to be quoted.
    """
    if schema is None:
        return {}
    return {"options": f"-c search_path={checked_schema(schema)}"}


def checked_schema(schema: str) -> str:
    """The name itself, where it needs no quotes. Errors: InputError."""
    if not _SCHEMA.fullmatch(schema):
        raise InputError(
            f"POSEMILL_DATABASE_SCHEMA is {schema!r}: expected small letters, digits and _, such as posemill"
        )
    return schema


def shown(url: URL) -> str:
    """An address for a sentence: user, hosts and database, never the password or an option."""
    hosts = [url.host] if url.host else list(_listed(url.query.get("host", ())))
    where = ",".join(str(host) for host in hosts) or "a local socket"
    port = f":{url.port}" if url.port else ""
    return f"{url.database or url.username} on {where}{port}"
