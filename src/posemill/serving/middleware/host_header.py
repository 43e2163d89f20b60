"""Host header check: a service without keys answers under its own names only, against DNS rebinding.

A page of another site can make its own name resolve to the address of a service on the visitor's machine, and then
reads and sends there as if the service were that site. The browser still says that name in the `Host` header. A service
with keys needs no such check: that page has no key.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import Scope

from posemill.errors import InputError
from posemill.host_names import host_name, is_address, is_own_name

HOSTS = "POSEMILL_HOSTS"
ANY_HOST = "*"
_SHOWN = 80


def own_hosts(env: Mapping[str, str]) -> frozenset[str]:
    """Return the names of POSEMILL_HOSTS (with commas between), in small letters; `*` is every name.

    Errors: InputError for what is no name, such as a URL.

    >>> sorted(own_hosts({"POSEMILL_HOSTS": "Poses.example, gym.local:8080"}))
    ['gym.local', 'poses.example']
    """
    names = frozenset(host_name(piece) for piece in env.get(HOSTS, "").split(",") if piece.strip())
    wrong = sorted(name for name in names if name != ANY_HOST and not _is_name(name))
    if wrong:
        raise InputError(f"{HOSTS} should be host names with commas between, or *, and has {wrong[0][:_SHOWN]!r}")
    return names


def check_host(scope: Scope, own: frozenset[str]) -> None:
    """Pass a request whose every Host header is an IP address, localhost or one of `own`; none at all passes too.

    An IP address is nobody's name, so no page of another site is under it; and no browser leaves the header out.
    Errors: HTTPException (421, misdirected request).
    """
    if ANY_HOST in own:
        return
    for header, value in scope["headers"]:
        if header == b"host" and not is_own_name(value.decode("latin-1"), own):
            shown = value[:_SHOWN].decode("ascii", "backslashreplace")
            raise HTTPException(
                421,
                f"{shown!r} is not a name of this service: without keys it answers as localhost, under IP addresses "
                f"and under the names that whoever runs it sets in {HOSTS}",
            )


def _is_name(name: str) -> bool:
    return is_address(name) or all(piece.replace("-", "").replace("_", "").isalnum() for piece in name.split("."))
