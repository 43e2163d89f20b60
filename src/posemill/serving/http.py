"""House rules of HTTP, as ASGI middleware: a body limit, and every error is {"error": one sentence}.

BentoML has no body limit of its own, answers some errors as a JSON list and others with pydantic's details.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
LONGEST = 500  # characters of a sentence
KEPT = frozenset({b"allow", b"retry-after", b"www-authenticate", b"content-range"})  # of an answer that is rewritten
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class BodyLimit:
    """Refuses bodies above `limit_bytes` with 413, as soon as that is known, also where no length was announced."""

    def __init__(self, app: App, limit_bytes: int) -> None:
        self.app, self.limit = app, limit_bytes

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self.limit:
            return await _say(send, 413, self._sentence())
        counted = _Counted(receive, self.limit)

        async def send_unless_refused(message: Message) -> None:
            if not counted.exceeded:
                await send(message)

        await self.app(scope, counted, send_unless_refused)
        if counted.exceeded:
            await _say(send, 413, self._sentence())
        return None

    def _sentence(self) -> str:
        return f"the body is larger than {self.limit / 2**20:.0f} MiB; send a shorter piece"


class _Counted:
    """`receive` that hangs up once more than `limit` bytes came. What the service answers then is not sent."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.receive, self.left, self.exceeded = receive, limit, False

    async def __call__(self) -> Message:
        message = await self.receive()
        self.left -= len(message.get("body", b""))
        if self.left < 0:
            self.exceeded = True
            return {"type": "http.disconnect"}
        return message


class ErrorSentences:
    """Rewrites the body of every answer from 400 up to {"error": sentence}; other answers pass untouched."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        failed: dict[str, Any] = {}

        async def rewrite(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                kept = [header for header in message.get("headers", ()) if header[0].lower() in KEPT]
                failed.update(status=message["status"], body=b"", kept=kept)
            elif failed and message["type"] == "http.response.body":
                failed["body"] += message.get("body", b"")
                if not message.get("more_body"):
                    says = sentence(failed["status"], failed["body"], scope["path"])
                    await _say(send, failed["status"], says, failed["kept"])
            else:
                await send(message)

        await self.app(scope, receive, rewrite)
        return None


def sentence(status: int, body: bytes, path: str) -> str:
    """One sentence out of whatever BentoML or Starlette said."""
    try:
        said = json.loads(body)
    except ValueError:
        if status == 404:
            return f"there is nothing at {path}; see /docs for what there is"
        if status == 405:
            return f"{path} does not take this method; predictions are POST"
        return body.decode("utf-8", "replace").strip() or f"the request failed with status {status}"
    said = said[0] if isinstance(said, list) and said else said
    if isinstance(said, dict) and isinstance(said.get("detail"), list):
        return "; ".join(_fault(fault) for fault in said["detail"][:3])
    return str(said.get("error", said)) if isinstance(said, dict) else str(said)


def _fault(fault: dict[str, Any]) -> str:
    where, says = ".".join(map(str, fault.get("loc", ()))), str(fault.get("msg")).removeprefix("Value error, ")
    return f"{where}: {says}" if where else says


async def _say(send: Send, status: int, says: str, kept: Iterable[tuple[bytes, bytes]] = ()) -> None:
    if len(says) > LONGEST:  # it repeats something that was sent
        says = f"{says[: LONGEST - 150]} … {says[-140:]}"
    body = json.dumps({"error": says}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *kept]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
