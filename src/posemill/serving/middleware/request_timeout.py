"""Request timeouts and body limits: bodies that do not come or are too large, slow answers, clients that take none.

No timer a request: the guard checks all of them once a second, so a request pays for two thin wrappers only.
"""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Send

from posemill.serving.middleware.error_responses import refuse, too_large, unavailable
from posemill.serving.middleware.limits import Limits


class RequestMonitor:
    """Wraps `receive` and `send` of one request.

    Once it has answered itself (408, 503, 504) the endpoint hears that the client has gone, and what it sends is
    dropped. A thread that computes cannot be stopped; its request keeps its place until it ends.
    """

    __slots__ = (
        "_got",
        "_held",
        "_limits",
        "_load",
        "_loop",
        "_open",
        "_receive",
        "_send",
        "_since",
        "_task",
        "_wait",
        "given_up",
        "over",
        "started",
    )

    def __init__(self, receive: Receive, send: Send, limits: Limits, load: ServerLoad, *, held: bool) -> None:
        self._receive, self._send, self._limits, self._load = receive, send, limits, load
        self._held = 0 if held else -1  # bytes of the body that are in memory; -1: it goes to disk
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()  # the last step: begun, body complete, piece of the answer taken
        self._got = 0
        self._wait, self._open = "", True  # what is waited for now: "body", "send" or ""; whether more body may come
        self._task: asyncio.Task[None] | None = None  # our own answer, kept so that it is not collected
        self.started = self.over = self.given_up = False

    async def receive(self) -> Message:
        """ASGI. Ends in http.disconnect once the request was refused."""
        if self._open:  # later it only hears whether the client has gone
            self._wait = "body"
        message = await self._receive()
        if self._open:
            self._wait = ""
        if self.over:
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            if not message.get("more_body"):
                self._open, self._since = False, self._loop.time()
            if self.over:
                return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """ASGI. Drops what comes after a refusal."""
        if self.over:
            return
        self.started, self._since, self._wait = True, self._loop.time(), "send"
        await self._send(message)
        self._wait = ""

    def check(self, now: float) -> bool:
        """Refuse the request where it is due; called once a second.

        False where the client takes nothing of its answer: the caller gives the request up.
        """
        quiet_s = now - self._since
        if self.over:
            return True
        if self._wait == "send":
            return quiet_s < self._limits.silence_s
        if self._wait == "body":
            if self._got < (quiet_s - self._limits.silence_s) * self._limits.bytes_per_s:
                says = f"the body came too slowly: {self._got} bytes in {quiet_s:.0f} s; send it again"
                self._refuse(HTTPException(408, says))
        elif not self.started and quiet_s > self._limits.answer_s:
            says = f"there is no answer after {quiet_s:.0f} s; send less at once, or try again later"
            self._refuse(HTTPException(504, says))
        return True

    def done(self) -> None:
        """The request has ended or was refused: its body is in memory no longer."""
        if self._held > 0:
            self._load.held -= self._held
            self._held = -1

    def _count(self, size: int) -> None:
        self._got += size
        if self._held < 0:
            if self._got > self._limits.file_bytes:
                self._refuse(too_large(self._limits.file_bytes))
            return
        self._held += size
        self._load.held += size
        if self._held > self._limits.body_bytes:
            self._refuse(too_large(self._limits.body_bytes))
        elif self._load.held > self._limits.held_bytes and self._load.held > self._held:  # alone it may have all
            self._refuse(unavailable("too many large requests at the same time"))

    def _refuse(self, exc: HTTPException) -> None:
        if not self.started and not self.over:
            self.over = True
            self.done()
            answer = refuse({"type": "http"}, self._receive, self._send, exc, close=True)
            self._task = self._loop.create_task(answer)


class ServerLoad:
    """Requests at work, live connections, and bytes of bodies in memory; of one process."""

    def __init__(self) -> None:
        self.requests = self.live = self.held = 0
