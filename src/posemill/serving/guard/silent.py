"""Connections on which nobody asks anything: opened and left, or headers that never end (slow loris).

An ASGI app never hears of them, and uvicorn waits for them without end. So its connections are listed as they are made
and those without a request for too long are closed. WebSockets leave the list when they open.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

# uvicorn's protocol → (since when nothing changed, the request cycle at that time)
_connections: WeakKeyDictionary[Any, tuple[float, Any]] = WeakKeyDictionary()


@cache
def list_connections() -> None:
    """Have every HTTP connection of this process listed from now on; called once, before the server listens."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    made = H11Protocol.connection_made

    def connection_made(self: Any, transport: Any) -> None:
        made(self, transport)
        _connections[self] = (asyncio.get_running_loop().time(), None)

    H11Protocol.connection_made = connection_made  # type: ignore[method-assign]


def close_silent(now: float, silence_s: float) -> int:
    """Close what has been idle, or closing, for longer than `silence_s`; returns how many that were."""
    closed = 0
    for connection, (since, seen) in list(_connections.items()):
        transport, cycle = connection.transport, connection.cycle
        busy = cycle is not None and not cycle.response_complete
        if transport.is_closing() or busy or cycle is not seen or transport.get_protocol() is not connection:
            if transport.is_closing() and not busy and now - since > silence_s:
                transport.abort()  # it was asked to close, but its client takes nothing
                closed += 1
            elif not transport.is_closing():
                _connections[connection] = (now, cycle)
        elif now - since > silence_s:
            transport.abort()
            closed += 1
    return closed
