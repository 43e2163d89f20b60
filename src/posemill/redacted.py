"""Addresses as they may be shown: in records, reports, sentences and logs nobody reads a password or a signature."""

from __future__ import annotations

import re

_LOCAL = ("file://", "local://")  # a path, which may have any character in it
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^\s\"'<>]*)")


def redacted(text: str) -> str:
    """Return a text whose every URL is without user, password, query and fragment.

    Examples:
        >>> redacted("https://ann:secret@clips.example/a.mp4?sig=secret does not answer")
        'https://***@clips.example/a.mp4 does not answer'
        >>> redacted("s3://clips/a.mp4")
        's3://clips/a.mp4'
    """
    return _ADDRESS.sub(lambda found: found[0] if found[1].lower() in _LOCAL else found[1] + _place(found[2]), text)


def _place(rest: str) -> str:
    """Return what follows the scheme. The last @ before the path ends a password, whatever is in it."""
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        authority = f"***@{authority.rpartition('@')[2]}"
    return re.split(r"[?#]", f"{authority}{slash}{path}", maxsplit=1)[0]
