"""Guard: ASGI middleware before every endpoint of a service, HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from posemill.serving.context import CALLER, CLIENT, STARTED, RequestCaller
from posemill.serving.middleware.auth import authenticate
from posemill.serving.middleware.error_responses import log, refuse, too_large, too_many_requests, unavailable
from posemill.serving.middleware.host_header import check_host
from posemill.serving.middleware.key_cache import KeyCache, from_database
from posemill.serving.middleware.limits import Limits
from posemill.serving.middleware.metrics import PROBES
from posemill.serving.middleware.oidc import OidcVerifier
from posemill.serving.middleware.oidc import from_environment as oidc_from_environment
from posemill.serving.middleware.rate_limit import RateLimiter
from posemill.serving.middleware.request_timeout import RequestMonitor, ServerLoad
from posemill.serving.middleware.roles import task_of
from posemill.serving.middleware.shared_rates import SharedRateLimiter
from posemill.serving.middleware.workers import shared_folder
from posemill.store.roles import may

DATABASE_URL = "POSEMILL_DATABASE_URL"
# files without anything of anybody, and the description of the endpoints; whole names, so that a route that begins like
# one of them is not public by accident
_PUBLIC = frozenset(["/", "/uat", "/live-page", "/docs", "/docs.json", "/openapi.json", "/schema.json", "/favicon.ico"])
_PUBLIC_FOLDERS = ("/uat/", "/live-page/", "/static_content/")
_NOT_PUBLIC = "/live-page/model/"  # the page is anybody's, the service's model is not
READING = frozenset({"GET", "HEAD", "OPTIONS"})  # a WebSocket has no method
PICKLE = b"application/vnd.bentoml+pickle"  # BentoML reads it between its own processes
CHECK_S = 1.0


class GuardMiddleware:
    """Keys, rates, concurrency and time, each refused with one sentence. Costs some 20 µs a request.

    limits      default: of the environment; keys, default: of POSEMILL_DATABASE_URL, where that is set.
    oidc        default: of the issuer in the environment, if any.
    workers     of the service: more than one count rates together, and each has its part of the limits.
    answer_s    limit of the time to an answer, and file_bytes of a form, where the environment has no other.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits | None = None,
        keys: KeyCache | None = None,
        answer_s: float = 55.0,
        file_bytes: int = 512 * 2**20,
        oidc: OidcVerifier | None = None,
        workers: int = 1,
    ) -> None:
        self.app = app
        self.limits = limits or Limits.from_env(answer_s, file_bytes=file_bytes, workers=workers)
        url = os.environ.get(DATABASE_URL)
        self.keys = from_database(url) if keys is None and url else keys
        self.oidc = oidc or oidc_from_environment(os.environ)
        self.rates = RateLimiter() if workers == 1 else SharedRateLimiter(shared_folder() / "rates")
        self.load = ServerLoad()
        self._monitors: dict[RequestMonitor, asyncio.Task[Any] | None] = {}
        self._checking = False
        _raise_file_limit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and _is_ambiguous(scope):
            twice = HTTPException(400, "the request has a Content-Length and a Transfer-Encoding: send one of them")
            return await refuse(scope, receive, send, twice, close=True)
        if scope["type"] == "lifespan" or scope["path"] in PROBES:
            self._start_checks()
            if scope.get("method", "GET") in (
                "GET",
                "HEAD",
            ):  # BentoML answers these, and other methods in another form
                return await self.app(scope, receive, send)
        try:
            await self._admit(scope)
        except HTTPException as exc:
            return await refuse(scope, receive, send, exc, close=_has_body(scope))
        if scope["type"] == "websocket":
            return await self._live(scope, receive, send)
        return await self._request(scope, receive, send)

    async def _admit(self, scope: Scope) -> None:
        """Errors: HTTPException with 401, 403, 405, 413, 415, 421, 429 or 503."""
        STARTED.set(time.monotonic())
        if not self.limits.require_keys:
            check_host(scope, self.limits.hosts)
        if scope.get("method") not in READING and (b"sec-fetch-site", b"cross-site") in scope["headers"]:
            raise HTTPException(403, "a page of another site asked for this in its visitor's name; only this page may")
        if scope["path"] in PROBES:
            raise HTTPException(405, f"{scope['path']} does not take this method", {"allow": "GET, HEAD"})
        if not _is_public(scope["path"]):
            await self._authenticate(scope)
        if _media_type(scope).startswith(PICKLE):
            raise HTTPException(415, "pickles are never loaded here; send JSON, a form, or application/x-safetensors")
        if (encoding := _header(scope, b"content-encoding").strip().lower()) and encoding != b"identity":
            shown = encoding[:20].decode("ascii", "backslashreplace")
            raise HTTPException(415, f"the body is compressed ({shown}), which is not read here: send it as it is")
        announced = _header(scope, b"content-length")
        limit = self.limits.file_bytes if _is_form(scope) else self.limits.body_bytes
        if announced and (not announced.isdigit() or int(announced) > limit):
            raise too_large(limit)
        live = scope["type"] == "websocket"
        if (self.load.live >= self.limits.live) if live else (self.load.requests >= self.limits.requests):
            most = self.limits.live if live else self.limits.requests
            raise unavailable(f"the service has {most} requests at work, its most")

    async def _authenticate(self, scope: Scope) -> None:
        caller = await authenticate(scope, self.keys, self.limits, self.oidc)
        if caller.per_minute and (wait_s := self.rates.take(caller.identity, caller.per_minute)):
            whose = f"for {caller.client}" if caller.client else "from this address"
            raise too_many_requests(f"more than {caller.per_minute} requests in a minute {whose}", wait_s)
        CLIENT.set(caller.client)
        CALLER.set(RequestCaller(caller.name, caller.roles or ()))
        task = task_of(scope.get("method", "GET"), scope["path"])  # a WebSocket has no method
        if caller.roles is not None and not any(may(role, task) for role in caller.roles):
            roles = " and ".join(caller.roles)
            raise HTTPException(
                403, f"{caller.client} has the role {roles}, and this is the task of an {task}: ask for that role"
            )

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        monitor = RequestMonitor(receive, send, self.limits, self.load, held=not _is_form(scope))
        self._monitors[monitor] = asyncio.current_task()
        self.load.requests += 1
        try:
            await self.app(scope, monitor.receive, monitor.send)
        except asyncio.CancelledError:
            if not monitor.given_up:
                raise
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            if not monitor.started:
                mistake = HTTPException(500, "the service made a mistake; its log says which")
                await refuse(scope, receive, monitor.send, mistake)
            else:
                raise
        finally:
            self.load.requests -= 1
            del self._monitors[monitor]
            monitor.done()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.load.live += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.load.live -= 1

    def _start_checks(self) -> None:
        """Check all requests once a second, from the start of the server on."""
        if not self._checking:
            self._checking = True
            asyncio.get_running_loop().call_later(CHECK_S, self._check)

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(CHECK_S, self._check)
        now = loop.time()
        for monitor, task in list(self._monitors.items()):
            if not monitor.check(now) and task is not None:
                monitor.given_up = True
                task.cancel()


def _is_public(path: str) -> bool:
    return path in _PUBLIC or (path.startswith(_PUBLIC_FOLDERS) and not path.startswith(_NOT_PUBLIC))


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for header, value in scope["headers"] if header == name), b"")


def _is_ambiguous(scope: Scope) -> bool:
    """Return whether a body has two ends: what follows may be another request to us than to a proxy before us."""
    return bool(_header(scope, b"transfer-encoding")) and bool(_header(scope, b"content-length"))


def _has_body(scope: Scope) -> bool:
    return bool(_header(scope, b"transfer-encoding")) or _header(scope, b"content-length") not in (b"", b"0")


def _is_form(scope: Scope) -> bool:
    """Return whether the body is a form: its files are written to disk as they come."""
    return _media_type(scope).startswith(b"multipart/form-data")


def _media_type(scope: Scope) -> bytes:
    """Return the media type of the body, as it was sent."""
    return _header(scope, b"content-type").strip().lower()


def _raise_file_limit() -> None:
    """Every connection is an open file: take as many as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard and hard != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
