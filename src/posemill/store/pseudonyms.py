"""Pseudonyms of subjects: keyed digests of names, so that the same person has the same one and nobody is named.

The mapping is stored nowhere. Whoever has the key and a name finds the pseudonym; without the key nobody can try names.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from posemill.errors import InputError

INFO = "posemill.subject_key"  # of a connection, where names that are written become pseudonyms
SHORTEST = 32  # characters of a key
_PSEUDONYM = re.compile(r"p-[0-9a-f]{20}")


def read_key(path: Path) -> bytes:
    """Read a key. Errors: InputError for a file that is not there, or whose content is too short to be one."""
    try:
        key = path.read_bytes().strip()
    except OSError as exc:
        raise InputError(f"the key for subjects, {path}, cannot be read: {exc.strerror}") from exc
    if len(key) < SHORTEST:
        raise InputError(
            f"the key for subjects, {path}, should have at least {SHORTEST} characters, it has {len(key)}: "
            f"`openssl rand -hex 32 > {path}` makes one"
        )
    return key


def pseudonym(name: str, key: bytes) -> str:
    """Return the pseudonym of a subject's name; one that is a pseudonym already stays as it is.

    Examples:
        >>> pseudonym("anna", b"k" * 32)
        'p-2dadd6a44590d38ab304'
        >>> pseudonym("p-2dadd6a44590d38ab304", b"k" * 32)
        'p-2dadd6a44590d38ab304'
    """
    return name if _PSEUDONYM.fullmatch(name) else f"p-{_keyed(name, key)[:20]}"


def written_subject(connection: Connection, name: str | None) -> str | None:
    """Return a subject's name as it is written through this connection."""
    key = _key(connection)
    return name if key is None or name is None else pseudonym(name, key)


def written_source(connection: Connection, source: str) -> str:
    """Return the name of a source file as it is written: names of people stand in paths, so only its ending stays."""
    key = _key(connection)
    if key is None:
        return source
    return f"f-{_keyed(source, key)[:20]}{Path(source).suffix}"


def _key(connection: Connection) -> bytes | None:
    info: dict[Any, Any] = connection.info
    key: bytes | None = info.get(INFO)
    return key


def _keyed(text: str, key: bytes) -> str:
    return hmac.new(key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
