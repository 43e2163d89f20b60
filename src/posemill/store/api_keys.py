"""API keys of the clients of a service. A key is shown once; the table has its SHA-256 only.

A key is 32 random bytes, so a plain digest is enough: there is nothing to guess, and a service may look it up in 1 µs.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from posemill.errors import InputError
from posemill.store.roles import DEFAULT, ROLES
from posemill.store.schema import api_key

MARK = "pm_"  # so that scanners for leaked secrets know one
_SHOWN = len(MARK) + 6


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An active API key. `per_minute` None: the service's own limit."""

    number: int
    client: str
    per_minute: int | None
    role: str = DEFAULT


def hashed(key: str) -> str:
    """Return the SHA-256 of a key, hex, as the table has it."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def create_key(
    connection: Connection, client: str, *, per_minute: int | None = None, role: str = DEFAULT, added_by: str
) -> str:
    """Create a key for a client; the result exists nowhere else. A client may have several, for rotation.

    Errors: InputError for an empty name, an unknown role or a rate below 1.
    """
    if role not in ROLES:
        raise InputError(f"unknown role {role!r}; known are {', '.join(ROLES)}")
    if not client.strip():
        raise InputError("a key belongs to a client: name one, such as `posemill keys add acme`")
    if per_minute is not None and per_minute < 1:
        raise InputError(f"requests a minute should be 1 or more, came as {per_minute}; revoke the key to allow none")
    key = MARK + secrets.token_urlsafe(32)
    row = {
        "client": client.strip(),
        "prefix": key[:_SHOWN],
        "hash": hashed(key),
        "requests_per_minute": per_minute,
        "role": role,
    }
    connection.execute(insert(api_key).values(**row, added_by=added_by))
    return key


def all_keys(connection: Connection, revoked: bool = False) -> list[RowMapping]:
    """Return number, client, role, prefix, requests_per_minute, added and revoked at and by; oldest first."""
    k = api_key.c
    query = select(
        k.id.label("number"),
        k.client,
        k.role,
        k.prefix,
        k.requests_per_minute,
        k.added_at,
        k.added_by,
        k.revoked_at,
        k.revoked_by,
    ).order_by(k.id)
    return list(connection.execute(query if revoked else query.where(k.revoked_at.is_(None))).mappings())


def working_keys(connection: Connection) -> dict[str, ApiKey]:
    """Return the active keys by digest."""
    k = api_key.c
    rows = connection.execute(
        select(k.hash, k.id, k.client, k.requests_per_minute, k.role).where(k.revoked_at.is_(None))
    )
    return {row.hash: ApiKey(row.id, row.client, row.requests_per_minute, row.role) for row in rows}


def revoke(connection: Connection, which: str, *, revoked_by: str) -> list[str]:
    """Revoke keys by number, beginning (as `keys list` shows it) or client; return their beginnings.

    Errors: InputError when no working key is meant.
    """
    k = api_key.c
    named = (k.client == which) | (k.prefix == which[:_SHOWN])
    chosen = k.id == int(which) if which.isdigit() else named
    revoked = (
        connection.execute(
            update(api_key)
            .where(k.revoked_at.is_(None), chosen)
            .values(revoked_at=func.now(), revoked_by=revoked_by)
            .returning(k.prefix)
        )
        .scalars()
        .all()
    )
    if not revoked:
        raise InputError(
            f"no working key is {which!r}: give a number, a beginning or a client from `posemill keys list`"
        )
    return list(revoked)
