"""Names of a server in `Host` headers, against DNS rebinding: a page of another site never has one of them.

Such a page can make its own name resolve to the address of a server on the visitor's machine; the browser still says
the page's name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container
from functools import lru_cache


@lru_cache(maxsize=1024)
def is_local_name(host: str) -> bool:
    """Return True for `localhost` and for any IP address, which is nobody's name.

    >>> [is_local_name(host) for host in ("localhost:3000", "[::1]:3000", "192.0.2.7", "127.0.0.1.rebound.example")]
    [True, True, True, False]
    """
    name = host_name(host)
    return name == "localhost" or is_address(name)


def is_own_name(host: str, own: Container[str]) -> bool:
    """Return True for a local name, and for one of `own` (in small letters, without port)."""
    return is_local_name(host) or host_name(host) in own


def host_name(host: str) -> str:
    """Return a `Host` header in small letters without port, brackets and the dot of the root."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.rpartition(":")
    return (name if port.isdigit() and name else host).removesuffix(".")


def is_address(name: str) -> bool:
    """Return True for an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
