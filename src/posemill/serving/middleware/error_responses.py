"""Refusals of the middleware, before any endpoint is reached: HTTPException with one sentence, and how it is sent."""

from __future__ import annotations

import logging
import math

from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from posemill.serving.error_handlers import error_response

log = logging.getLogger("posemill.guard")


def too_many_requests(sentence: str, wait_s: float) -> HTTPException:
    """429, and when to come back."""
    seconds = max(1, math.ceil(wait_s))
    return HTTPException(429, f"{sentence}; try again in {seconds} s", {"retry-after": str(seconds)})


def unavailable(sentence: str) -> HTTPException:
    """503, and that a second may be enough."""
    return HTTPException(503, f"{sentence}; try again in a second", {"retry-after": "1"})


def unauthorized(sentence: str) -> HTTPException:
    """401, and how a key is sent."""
    return HTTPException(401, sentence, {"www-authenticate": "Bearer"})


def too_large(limit_bytes: int) -> HTTPException:
    """413, and the limit."""
    return HTTPException(413, f"the body is larger than {limit_bytes / 2**20:.0f} MiB; send a shorter piece")


async def refuse(scope: Scope, receive: Receive, send: Send, exc: HTTPException, *, close: bool = False) -> None:
    """Send {"error": sentence}; `close` hangs up, where the rest of a body is not wanted.

    A WebSocket is refused before it opens: by the same answer where the server can, else by a bare 403.
    """
    if scope["type"] == "websocket":
        await receive()  # the opening handshake
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": exc.detail[:120]})
            return
    headers = {**(exc.headers or {}), **({"connection": "close"} if close else {})}
    await error_response(exc.status_code, exc.detail, headers)(scope, receive, send)
