"""Tracing middleware: a span a request, which continues the client's trace (W3C traceparent)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from posemill.serving.middleware.metrics import PROBES, endpoint_of
from posemill.telemetry import trace

UNTRACED = PROBES | {"/metrics"}  # asked every few seconds, and of interest to nobody


class TracingMiddleware:
    """Opens a span around every HTTP request but probes. It knows endpoint and status: no address, no key, no name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            return await self.app(scope, receive, send)
        method = scope["method"]
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name.decode("latin-1") in trace.CARRIED
        }
        with trace.root(method, carrier, "server", http__request__method=method) as span:

            async def send_traced(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = endpoint_of(scope)
                    span.rename(f"{method} {route}")
                    span.set(http__route=route, http__response__status_code=message["status"])
                await send(message)

            await self.app(scope, receive, send_traced)
        return None
