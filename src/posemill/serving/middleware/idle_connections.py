"""Idle connections: opened and left, or headers that never end (slow loris). They are closed.

An ASGI app never hears of such a connection, and uvicorn waits for it without end (its keep-alive timeout begins after
the first answer). So the service has a protocol class of its own: uvicorn's with a timer.
"""

from __future__ import annotations

import asyncio
from functools import cache

from uvicorn import config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from posemill.serving.middleware.limits import Limits

CHECK_S = 1.0


class IdleTimeoutProtocol(H11Protocol):
    """HTTP connection that is closed once it has been idle, or closing, for longer than POSEMILL_SILENCE_S.

    Idle means that no request is being answered and none was since the last look; bytes of an unfinished header do
    not count. A connection that became a WebSocket is left alone.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._last_cycle: RequestResponseCycle | None = None
        self._timer = self.loop.call_later(CHECK_S, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._timer.cancel()
        super().connection_lost(exc)

    def _check(self) -> None:
        closing = self.transport.is_closing()  # asked to close, but its client may take nothing of what is left
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.transport.get_protocol() is not self and not closing:
            return
        if answering or (self.cycle is not self._last_cycle and not closing):
            self._idle_since, self._last_cycle = self.loop.time(), self.cycle
        elif self.loop.time() - self._idle_since > idle_timeout_s():
            self.transport.abort()
            return
        self._timer = self.loop.call_later(CHECK_S, self._check)


@cache
def idle_timeout_s() -> float:
    """Return the timeout of this process."""
    return Limits.from_env().silence_s


def install() -> None:
    """Have uvicorn serve with this protocol; called when the service is imported, before uvicorn is configured.

    BentoML passes no `http` option on to uvicorn, so the entry for its default is replaced.
    """
    config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{IdleTimeoutProtocol.__name__}"
