"""Error responses of the middleware, before any endpoint is reached: status, one sentence, headers."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

log = logging.getLogger("posemill.guard")


class RequestRefused(Exception):
    """Refusal of a request, raised within the middleware only. `headers` go with the answer."""

    def __init__(self, status: int, sentence: str, *headers: Header) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


def too_many_requests(sentence: str, wait_s: float) -> RequestRefused:
    """429, and when to come back."""
    seconds = max(1, math.ceil(wait_s))
    return RequestRefused(429, f"{sentence}; try again in {seconds} s", (b"retry-after", b"%d" % seconds))


def unavailable(sentence: str) -> RequestRefused:
    """503, and that a second may be enough."""
    return RequestRefused(503, f"{sentence}; try again in a second", (b"retry-after", b"1"))


def unauthorized(sentence: str) -> RequestRefused:
    """401, and how a key is sent."""
    return RequestRefused(401, sentence, (b"www-authenticate", b"Bearer"))


async def send_refusal(send: Send, refused: RequestRefused, *, close: bool = False) -> None:
    """{"error": sentence} with the refusal's status; `close` hangs up, where the rest of a body is not wanted."""
    body = json.dumps({"error": refused.sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *refused.headers]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse_websocket(scope: Scope, receive: Receive, send: Send, refused: RequestRefused) -> None:
    """Refuse a WebSocket before it opens: the sentence as an answer where the server can, else a bare 403."""
    await receive()  # the opening handshake
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": refused.sentence[:120]})
        return
    body = json.dumps({"error": refused.sentence}).encode()
    headers = [(b"content-type", b"application/json"), *refused.headers]
    await send({"type": "websocket.http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
