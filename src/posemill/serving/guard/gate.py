"""The guard: an ASGI middleware before every endpoint of a service, HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from typing import Any

from posemill.serving.guard import refusal, silent
from posemill.serving.guard.book import KeyBook, from_database
from posemill.serving.guard.caller import BEGAN, CLIENT, caller_of
from posemill.serving.guard.limits import Limits
from posemill.serving.guard.rate import Rates
from posemill.serving.guard.refusal import App, Receive, Refused, Scope, Send, busy, log, too_many
from posemill.serving.guard.watch import Room, Watch

DATABASE_URL = "POSEMILL_DATABASE_URL"
HEALTH = frozenset({"/healthz", "/livez", "/readyz"})  # an orchestrator asks these, also of a busy service
_PAGE = ("/uat", "/static_content/", "/docs", "/schema.json", "/favicon.ico")  # files without anything of anybody
READING = frozenset({"GET", "HEAD", "OPTIONS"})  # a WebSocket has no method
PICKLE = b"application/vnd.bentoml+pickle"  # BentoML reads it between its own processes
LOOK_S = 1.0


class Guard:
    """Keys, rates, concurrency and time, each refused with one sentence. Costs some 20 µs a request.

    limits  default: of the environment; book  of keys, default: of POSEMILL_DATABASE_URL, where that is set.
    """

    def __init__(
        self, app: App, limits: Limits | None = None, book: KeyBook | None = None, answer_s: float = 55.0
    ) -> None:
        self.app = app
        self.limits = limits or Limits.from_env(answer_s)
        url = os.environ.get(DATABASE_URL)
        self.book = from_database(url) if book is None and url else book
        self.rates, self.room = Rates(), Room()
        self._watches: dict[Watch, asyncio.Task[Any] | None] = {}
        self._looking = False
        silent.list_connections()
        _all_files()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan" or scope["path"] in HEALTH:
            self._look_after()
            return await self.app(scope, receive, send)
        try:
            await self._admit(scope)
        except Refused as exc:
            if scope["type"] == "websocket":
                return await refusal.hang_up(scope, receive, send, exc)
            return await refusal.answer(send, exc, close=_has_body(scope))
        if scope["type"] == "websocket":
            return await self._live(scope, receive, send)
        return await self._request(scope, receive, send)

    async def _admit(self, scope: Scope) -> None:
        """Errors: Refused with 401, 403, 415, 429 or 503."""
        BEGAN.set(time.monotonic())
        if scope.get("method") not in READING and (b"sec-fetch-site", b"cross-site") in scope["headers"]:
            raise Refused(403, "a page of another site asked for this in its visitor's name; only this page may")
        if not (scope["path"] == "/" or scope["path"].startswith(_PAGE)):
            caller = await caller_of(scope, self.book, self.limits)
            if caller.per_minute and (wait_s := self.rates.take(caller.identity, caller.per_minute)):
                whose = f"for {caller.client}" if caller.client else "from this address"
                raise too_many(f"more than {caller.per_minute} requests in a minute {whose}", wait_s)
            CLIENT.set(caller.client)
        if _kind(scope).startswith(PICKLE):
            raise Refused(415, "pickles are never loaded here; send JSON, a form, or application/x-npz")
        live = scope["type"] == "websocket"
        if (self.room.live >= self.limits.live) if live else (self.room.requests >= self.limits.requests):
            raise busy(
                f"the service has {self.limits.live if live else self.limits.requests} requests at work, its most"
            )

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        watch = Watch(receive, send, self.limits, self.room, held=not _is_form(scope))
        self._watches[watch] = asyncio.current_task()
        self.room.requests += 1
        try:
            await self.app(scope, watch.receive, watch.send)
        except asyncio.CancelledError:
            if not watch.given_up:
                raise
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            if not watch.started:
                await refusal.answer(watch.send, Refused(500, "the service made a mistake; its log says which"))
            else:
                raise
        finally:
            self.room.requests -= 1
            del self._watches[watch]
            watch.done()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.room.live += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.room.live -= 1

    def _look_after(self) -> None:
        """Look at everything once a second, from the start of the server on."""
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(LOOK_S, self._look)
        now = loop.time()
        for watch, task in list(self._watches.items()):
            if not watch.look(now) and task is not None:
                watch.given_up = True
                task.cancel()
        silent.close_silent(now, self.limits.silence_s)


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def _is_form(scope: Scope) -> bool:
    """Whether the body is a form: its files are written to disk as they come."""
    return _kind(scope).startswith(b"multipart/form-data")


def _kind(scope: Scope) -> bytes:
    """The media type of the body, as it was sent."""
    return next((value.strip().lower() for name, value in scope["headers"] if name == b"content-type"), b"")


def _all_files() -> None:
    """Every connection is an open file: take as many as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard and hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
