"""Middleware stack of a BentoML service, and how its FastAPI app is mounted."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from posemill.serving.middleware import idle_connections
from posemill.serving.middleware.answered_by import AnsweredByMiddleware
from posemill.serving.middleware.guard import GuardMiddleware
from posemill.serving.middleware.metrics import MetricsMiddleware
from posemill.serving.middleware.tracing import TracingMiddleware
from posemill.telemetry import logs
from posemill.telemetry.settings import traces_wanted


def mounted(app: FastAPI) -> ASGIApp:
    """Return the app as one that gets every request but BentoML's own.

    BentoML passes to a Starlette app only what one of its routes matches, and answers the rest itself, in another form.
    """

    async def every_request(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return every_request


def install_middleware(service: Any, body_limit: int) -> None:
    """Put metrics, guard and the name of the model before every endpoint of a service.

    body_limit  bytes of forms with files.
    """
    service.config["metrics"] = {"enabled": False}  # see metrics.py
    # BentoML's spans cost as much as everything else around the model, and know less than ours (see telemetry/)
    service.config["tracing"] = {"excluded_urls": ".*"}
    if traces_wanted():
        service.add_asgi_middleware(TracingMiddleware)
    service.add_asgi_middleware(MetricsMiddleware)
    answer_s, workers = 0.9 * service.config["traffic"]["timeout"], service.config["workers"]
    service.add_asgi_middleware(GuardMiddleware, answer_s=answer_s, file_bytes=body_limit, workers=workers)
    service.add_asgi_middleware(AnsweredByMiddleware)
    idle_connections.install()
    logging.getLogger("bentoml.access").addFilter(logs.OneLine())  # it writes paths as they came
