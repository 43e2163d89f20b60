"""A refusal before any endpoint is reached: a status, one sentence, and what the client may do."""

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


class Refused(Exception):
    """Raised within the guard only. `headers` go with the answer."""

    def __init__(self, status: int, says: str, *headers: Header) -> None:
        super().__init__(says)
        self.status, self.says, self.headers = status, says, headers


def too_many(says: str, wait_s: float) -> Refused:
    """429, and when to come back."""
    seconds = max(1, math.ceil(wait_s))
    return Refused(429, f"{says}; try again in {seconds} s", (b"retry-after", b"%d" % seconds))


def busy(says: str) -> Refused:
    """503, and that a second may be enough."""
    return Refused(503, f"{says}; try again in a second", (b"retry-after", b"1"))


def no_key(says: str) -> Refused:
    """401, and how a key is sent."""
    return Refused(401, says, (b"www-authenticate", b"Bearer"))


async def answer(send: Send, refused: Refused, *, close: bool = False) -> None:
    """{"error": sentence} with the refusal's status; `close` hangs up, where the rest of a body is not wanted."""
    body = json.dumps({"error": refused.says}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *refused.headers]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def hang_up(scope: Scope, receive: Receive, send: Send, refused: Refused) -> None:
    """Refuse a WebSocket before it opens: the sentence as an answer where the server can, else a bare 403."""
    await receive()  # the opening handshake
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": refused.says[:120]})
        return
    body = json.dumps({"error": refused.says}).encode()
    headers = [(b"content-type", b"application/json"), *refused.headers]
    await send({"type": "websocket.http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
