"""Authentication matrix: every route of both services by every kind of caller, so that no new route is forgotten.

The routes are those of the OpenAPI documents and of the apps themselves: pages, the WebSocket and BentoML's probes are
in no document. A route that `WHOSE` does not name fails the test: say there whose task it is.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import warnings
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import Mount, WebSocketRoute

from posemill.errors import InputError
from posemill.serving.app import PROBES, create_app
from posemill.serving.middleware.guard import GuardMiddleware
from posemill.serving.middleware.host_header import own_hosts
from posemill.serving.middleware.key_cache import KeyCache
from posemill.serving.middleware.limits import Limits
from posemill.store.api_keys import ApiKey, hashed
from posemill.store.roles import ROLES, may

PUBLIC, LIVE = "public", "LIVE"
# Whose task a route is. Public: answered without a key, since nothing of anybody is in it.
WHOSE: dict[tuple[str, str], str] = {
    ("GET", "/"): PUBLIC,
    ("GET", "/docs"): PUBLIC,
    ("GET", "/docs.json"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/static_content/{path}"): PUBLIC,
    ("GET", "/uat"): PUBLIC,
    ("GET", "/uat/"): PUBLIC,
    ("GET", "/uat/skeletons.json"): PUBLIC,
    ("GET", "/uat/{name}"): PUBLIC,
    ("GET", "/live-page"): PUBLIC,
    ("GET", "/live-page/{path:path}"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/livez"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/live-page/model/{name}"): "viewer",
    ("GET", "/gallery"): "viewer",
    ("GET", "/gallery/{name}"): "viewer",
    ("GET", "/version"): "viewer",
    ("GET", "/apps"): "viewer",
    ("POST", "/apps/{name}"): "viewer",
    ("POST", "/predict_windows"): "viewer",
    ("POST", "/predict_track"): "viewer",
    (LIVE, "/live"): "viewer",
    ("GET", "/acceptance"): "viewer",
    ("POST", "/verdicts"): "approver",
    ("POST", "/feedback"): "annotator",
    ("POST", "/judgements"): "annotator",
    ("GET", "/metrics"): "operator",
    # of the analysis service
    ("POST", "/analyse_video"): "viewer",
    ("POST", "/analyse_image"): "viewer",
    ("GET", "/jobs/{job}"): "viewer",
    ("DELETE", "/jobs/{job}"): "viewer",
    ("GET", "/jobs/{job}/result"): "viewer",
    ("GET", "/jobs/{job}/overlay.mp4"): "viewer",
    ("GET", "/jobs/{job}/sheet.jpg"): "viewer",
}
CALLERS = {  # how a request says who sends it, and what is said to it
    "no key": ({}, 401),
    "wrong key": ({"authorization": "Bearer pm_wrong"}, 401),
    "revoked key": ({"authorization": "Bearer pm_revoked"}, 401),
    "empty key": ({"authorization": "Bearer "}, 401),
    "digest of a key": ({"x-api-key": hashlib.sha256(b"pm_admin").hexdigest()}, 401),
    "wrong cookie": ({"cookie": "posemill_key=pm_wrong"}, 401),
    "over its limit": ({"x-api-key": "pm_over"}, 429),
}
KEYS = {hashed(f"pm_{role}"): ApiKey(number, role, None, role) for number, role in enumerate(ROLES)}
WITH_KEYS = Limits(require_keys=True)
KEYS[hashed("pm_over")] = ApiKey(99, "over", 1, "admin")


@cache
def services() -> dict[str, tuple[Any, FastAPI]]:
    """Class and app of both services, without their models. BentoML and FastAPI warn of what they use themselves."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        import bentoml

        from posemill.serving import activity, analysis

        service = SimpleNamespace(bento_service=SimpleNamespace(bento=None, doc="A service."))
        patch.setattr(bentoml, "get_current_service", lambda: service)
        large = [*analysis.ROUTERS, analysis.videos.router, analysis.images.router, analysis.jobs.router]
        small_app = create_app(activity.NAME, activity.ROUTERS, activity.FIRST)
        large_app = create_app(analysis.NAME, large, analysis.FIRST)
        for app in (small_app, large_app):
            app.openapi()  # is kept
    return {"activity": (activity.ActivityService, small_app), "analysis": (analysis.AnalysisService, large_app)}


@pytest.fixture(scope="module", params=["activity", "analysis"])
def app(request: pytest.FixtureRequest) -> FastAPI:
    return services()[request.param][1]


def routes(app: FastAPI) -> set[tuple[str, str]]:
    """Method and path template of everything that is answered: described, not described, and live."""
    found = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    for route in _flat(app.routes):
        if isinstance(route, Mount):
            found.add(("GET", f"{route.path}/{{path}}"))
        elif isinstance(route, WebSocketRoute) or type(route).__name__ == "APIWebSocketRoute":
            found.add((LIVE, route.path))
        else:
            found |= {(method, route.path) for method in route.methods - {"HEAD", "OPTIONS"}}
    return found | {("GET", path) for path in PROBES}


def _flat(listed: Any) -> Iterator[Any]:
    """All routes; FastAPI keeps those of a router together."""
    for route in listed:
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        if inner is not None and not isinstance(route, Mount) and not hasattr(route, "path"):
            yield from _flat(inner.routes)
        else:
            yield route


def reached(
    method: str, path: str, headers: dict[str, str], repeat: int = 1, limits: Limits = WITH_KEYS
) -> tuple[int, bool, dict[str, Any]]:
    """Status, whether the endpoint was reached, and what was said. A path template is filled in."""
    for name in ("{path:path}", "{path}", "{name}", "{job}"):
        path = path.replace(name, "abc")
    came: list[str] = []

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        came.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "websocket" if method == LIVE else "http",
        "path": path,
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "extensions": {"websocket.http.response": {}},
    }
    if method != LIVE:
        scope["method"] = method

    async def asked() -> None:
        guard = GuardMiddleware(endpoint, limits, KeyCache(lambda: KEYS))
        for _ in range(repeat):
            sent.clear()
            came.clear()
            await guard(dict(scope), receive, send)
            await asyncio.sleep(0)

    asyncio.run(asked())
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], bool(came), json.loads(body) if body else {}


def test_whose_task_every_route_is_is_said(app: FastAPI) -> None:
    found = routes(app)
    assert len(found) > 20
    assert found - WHOSE.keys() == set(), "a route of the service is missing in WHOSE: say whose task it is"


def test_no_route_is_named_that_no_service_has() -> None:
    everything = set().union(*(routes(app) for _, app in services().values()))
    assert WHOSE.keys() - everything == set()


@pytest.mark.parametrize("caller", CALLERS)
def test_who_is_refused_reaches_no_endpoint(app: FastAPI, caller: str) -> None:
    headers, status = CALLERS[caller]
    for method, path in sorted(routes(app)):
        answer = reached(method, path, headers, repeat=2 if status == 429 else 1)
        if WHOSE[method, path] == PUBLIC:
            assert answer[:2] == (204, True), (caller, method, path)
        else:
            assert answer[:2] == (status, False), (caller, method, path)
            assert list(answer[2]) == ["error"], (caller, method, path)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_reaches_its_own_tasks_alone(app: FastAPI, role: Any) -> None:
    for method, path in sorted(routes(app)):
        whose = WHOSE[method, path]
        allowed = whose == PUBLIC or may(role, whose)  # type: ignore[arg-type]
        status, came, said = reached(method, path, {"authorization": f"Bearer pm_{role}"})
        assert (status, came) == ((204, True) if allowed else (403, False)), (role, method, path)
        assert allowed or f"role {role}" in said["error"]


REBOUND = ("rebound.example", "rebound.example:3000", "127.0.0.1.rebound.example", "localhost.rebound.example", "")
OWN = (
    "127.0.0.1",
    "127.0.0.1:3000",
    "localhost",
    "LocalHost:3000",
    "localhost.",
    "[::1]",
    "[::1]:3000",
    "192.0.2.7:80",
)


@pytest.mark.parametrize("host", REBOUND)
def test_without_keys_no_route_but_health_answers_under_a_foreign_name(app: FastAPI, host: str) -> None:
    """DNS rebinding: a page of another site whose name leads here is told so, on public routes too."""
    for method, path in sorted(routes(app)):
        status, came, said = reached(method, path, {"host": host}, limits=Limits())
        if path in PROBES:
            assert (status, came) == (204, True), path
        else:
            assert (status, came) == (421, False), (method, path)
            assert "POSEMILL_HOSTS" in said["error"]


def test_a_service_answers_under_its_own_names(app: FastAPI) -> None:
    named = Limits(hosts=own_hosts({"POSEMILL_HOSTS": "poses.example, Gym.local"}))
    anything = Limits(hosts=own_hosts({"POSEMILL_HOSTS": "*"}))
    for method, path in sorted(routes(app)):
        for host in OWN:
            assert reached(method, path, {"host": host}, limits=Limits())[:2] == (204, True), (host, path)
        for host in ("poses.example:443", "gym.LOCAL"):
            assert reached(method, path, {"host": host}, limits=named)[:2] == (204, True), (host, path)
        assert path in PROBES or reached(method, path, {"host": REBOUND[0]}, limits=named)[0] == 421
        assert reached(method, path, {"host": REBOUND[0]}, limits=anything)[:2] == (204, True)
        key = {"host": REBOUND[0], "authorization": "Bearer pm_admin"}
        assert reached(method, path, key)[:2] == (204, True)  # such a page has no key


@pytest.mark.parametrize("value", ["http://poses.example", "poses.example/uat", "*.example", "a b"])
def test_own_names_are_names(value: str) -> None:
    with pytest.raises(InputError, match=r"POSEMILL_HOSTS should be host names with commas between, or \*, and has"):
        own_hosts({"POSEMILL_HOSTS": value})


@pytest.mark.parametrize(
    "path",
    [
        "/uatx",
        "/uat.json",
        "/live-pages",
        "/docs2",
        "/docs/x",
        "/openapi.json/x",
        "/static_contents",
        "/favicon.icons",
        "/schema.jsonx",
        "/live-page/model/activity.onnx",
        "//uat",
        "/UAT",
        "/metrics/",
        "/./uat",
    ],
)
def test_paths_that_look_like_public_ones_want_a_key(path: str) -> None:
    assert reached("GET", path, {})[:2] == (401, False)


def test_both_services_have_the_guard_before_everything() -> None:
    for service, _ in services().values():
        assert GuardMiddleware in [middleware for middleware, _ in service.middlewares]


def test_keys_are_compared_by_digest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked up is a digest of all characters, so that time says nothing about how many of them are right."""
    looked_up: list[str] = []

    async def find(self: KeyCache, digest: str) -> None:
        looked_up.append(digest)

    monkeypatch.setattr(KeyCache, "find", find)
    for key in ("pm_admin", "pm_admix", "x", "pm_" + "a" * 5000):
        assert reached("GET", "/version", {"x-api-key": key})[0] == 401
        assert looked_up.pop() == hashlib.sha256(key.encode()).hexdigest()
