"""Authentication: the client of an API key or of an OIDC token, or else the address that a request comes from."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache

from starlette.types import Scope

from posemill.serving.middleware.error_responses import unauthorized
from posemill.serving.middleware.key_cache import KeyCache
from posemill.serving.middleware.limits import Limits
from posemill.serving.middleware.oidc import OidcVerifier, looks_like_token

COOKIE = b"posemill_key="  # a page cannot put headers on <video> and WebSockets
_SEND = "send one as `Authorization: Bearer KEY`; whoever runs the service gives it out"


@dataclass(frozen=True, slots=True)
class Caller:
    """Sender of a request.

    identity    what the rate is counted by.
    per_minute  None = no limit.
    roles       of the key or token; None = without one, where none is required: everything is allowed.
    """

    identity: Hashable
    client: str | None
    per_minute: int | None
    roles: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """Stable name over restarts: of the key or token, or of the address without one."""
        return f"{'key' if self.client else 'address'} {self.identity}"


async def authenticate(scope: Scope, keys: KeyCache | None, limits: Limits, oidc: OidcVerifier | None = None) -> Caller:
    """Return the sender. Errors: HTTPException (401) for a missing key that is required, and for a wrong one."""
    key = key_from(scope["headers"])
    if oidc is not None and key is not None and looks_like_token(key):
        holder = await oidc.verify(key)
        return Caller(f"oidc {holder.subject}", f"oidc:{holder.subject}", limits.per_minute, holder.roles)
    if key is not None and (keys is not None or limits.require_keys):
        return await _by_key(key, keys, limits)
    if limits.require_keys:
        raise unauthorized(f"this service wants an API key: {_SEND}")
    address = address_group((scope.get("client") or ("", 0))[0])
    return Caller(address, None, None if address == "loopback" else limits.per_minute)


async def _by_key(key: bytes, keys: KeyCache | None, limits: Limits) -> Caller:
    from hashlib import sha256

    api_key = await keys.find(sha256(key).hexdigest()) if keys else None
    if api_key is None:
        raise unauthorized(f"the API key that came does not work here: it is wrong or was revoked; {_SEND}")
    return Caller(api_key.number, api_key.client, api_key.per_minute or limits.per_minute, (api_key.role,))


def key_from(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """Return the key out of `Authorization: Bearer`, `X-API-Key` or the cookie `posemill_key`, in this order."""
    key = None
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
        if name == b"x-api-key":
            key = value.strip()
        elif name == b"cookie" and key is None and COOKIE in value:
            pieces = (piece.strip() for piece in value.split(b";"))
            key = next((piece[len(COOKIE) :] for piece in pieces if piece.startswith(COOKIE)), None)
    return key or None


@lru_cache(maxsize=4096)
def address_group(host: str) -> str:
    """Return `loopback`, an IPv4 address, or the /64 of an IPv6 address: one household has all addresses of it.

    >>> address_group("2001:db8:1:2:3::4")
    '2001:db8:1:2::/64'
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host or "loopback"  # a Unix socket has no address
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if address.is_loopback:
        return "loopback"
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)
