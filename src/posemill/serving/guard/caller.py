"""Who asks: a client by key, or an address."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

from posemill.serving.guard.book import KeyBook
from posemill.serving.guard.limits import Limits
from posemill.serving.guard.refusal import Scope, no_key

COOKIE = b"posemill_key="  # a page cannot put headers on <video> and WebSockets
CLIENT: ContextVar[str | None] = ContextVar("posemill_client", default=None)  # within a request: who sent it
BEGAN: ContextVar[float | None] = ContextVar("posemill_began", default=None)  # and when, time.monotonic()

_SEND = "send one as `Authorization: Bearer KEY`; whoever runs the service gives it out"


@dataclass(frozen=True, slots=True)
class Caller:
    """`identity` is what the rate is counted by; `per_minute` None: as often as they like."""

    identity: Hashable
    client: str | None
    per_minute: int | None


async def caller_of(scope: Scope, book: KeyBook | None, limits: Limits) -> Caller:
    """Who sent this. Errors: Refused (401) without a key where one is needed, and for one that does not work."""
    key = key_of(scope["headers"])
    if key is not None and (book is not None or limits.require_keys):
        return await _by_key(key, book, limits)
    if limits.require_keys:
        raise no_key(f"this service wants an API key: {_SEND}")
    place = place_of((scope.get("client") or ("", 0))[0])
    return Caller(place, None, None if place == "loopback" else limits.per_minute)


async def _by_key(key: bytes, book: KeyBook | None, limits: Limits) -> Caller:
    from hashlib import sha256

    found = await book.find(sha256(key).hexdigest()) if book else None
    if found is None:
        raise no_key(f"the API key that came does not work here: it is wrong or was revoked; {_SEND}")
    return Caller(found.number, found.client, found.per_minute or limits.per_minute)


def key_of(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """The key out of `Authorization: Bearer`, `X-API-Key` or the cookie `posemill_key`, in this order."""
    found = None
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
        if name == b"x-api-key":
            found = value.strip()
        elif name == b"cookie" and found is None and COOKIE in value:
            pieces = (piece.strip() for piece in value.split(b";"))
            found = next((piece[len(COOKIE) :] for piece in pieces if piece.startswith(COOKIE)), None)
    return found or None


@lru_cache(maxsize=4096)
def place_of(host: str) -> str:
    """`loopback`, an IPv4 address, or the /64 of an IPv6 address: a house has all addresses of one."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host or "loopback"  # a Unix socket has no address
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if address.is_loopback:
        return "loopback"
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
