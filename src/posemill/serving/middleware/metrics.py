"""Metrics middleware: counts every answer by endpoint and status."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from posemill.serving.context import current_service
from posemill.serving.metrics import Metrics

PROBES = frozenset({"/healthz", "/livez", "/readyz"})
OTHER = "other"


class MetricsMiddleware:
    """Count answers of the current service. Unknown paths are one endpoint, so that there are only so many."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        metrics: Metrics = current_service().metrics
        started, status = time.perf_counter(), 499  # the client went before an answer

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        metrics.working += 1
        try:
            await self.app(scope, receive, send_counted)
        except Exception:
            status = 500
            raise
        finally:
            metrics.working -= 1
            metrics.answered(endpoint_of(scope), status, time.perf_counter() - started)
        return None


def endpoint_of(scope: Scope) -> str:
    """Return the path template of an answered request (`/jobs/{job}`), `other` for what is not an endpoint."""
    if scope["path"] in PROBES:
        return str(scope["path"])
    return getattr(scope.get("route"), "path", None) or OTHER
