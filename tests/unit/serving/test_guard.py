"""The guard before a small ASGI app: who is let in, what is said to the others, and what it costs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from posemill.serving.context import CLIENT
from posemill.serving.middleware.auth import address_group, key_from
from posemill.serving.middleware.guard import GuardMiddleware
from posemill.serving.middleware.key_cache import GRACE_S, KeyCache
from posemill.serving.middleware.limits import Limits
from posemill.store.api_keys import ApiKey, hashed
from posemill.store.roles import ROLES

KEYS = {hashed("pm_good"): ApiKey(1, "acme", None), hashed("pm_slow"): ApiKey(2, "slow", 2)}
KEYS |= {hashed(f"pm_{role}"): ApiKey(10 + n, role, None, role) for n, role in enumerate(ROLES)}
ALLOWED = {  # method and path: roles whose keys may
    ("POST", "/predict_windows"): ROLES,
    ("GET", "/jobs/abc"): ROLES,
    ("POST", "/feedback"): ("annotator", "approver", "admin"),
    ("POST", "/feedback/"): ("annotator", "approver", "admin"),
    ("POST", "/judgements"): ("annotator", "approver", "admin"),
    ("POST", "/verdicts"): ("approver", "admin"),
    ("GET", "/acceptance"): ROLES,
    ("GET", "/metrics"): ("operator", "admin"),
    ("HEAD", "/metrics"): ("operator", "admin"),
}
Endpoint = Callable[[Any, Any, Any], Awaitable[None]]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the client's name, after the whole body."""
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.disconnect":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(CLIENT.get()).encode()})


def guard(app: Endpoint = echo, **limits: Any) -> GuardMiddleware:
    return GuardMiddleware(app, Limits(**limits), KeyCache(lambda: KEYS))


async def ask(
    app: GuardMiddleware,
    path: str = "/predict_windows",
    host: str = "192.0.2.7",
    receive: Any = None,
    method: str = "POST",
    **headers: str,
) -> tuple[int, str, Mapping[bytes, bytes]]:
    """Status, what was said, headers."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "client": (host, 1),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[Any] = []

    async def whole() -> Any:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive or whole, send)
    await asyncio.sleep(0)  # a refusal is sent by a task of its own
    body = b"".join(m.get("body", b"") for m in sent[1:])
    says = json.loads(body)["error"] if sent[0]["status"] >= 400 else body.decode()
    return sent[0]["status"], says, dict(sent[0]["headers"])


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


@pytest.mark.parametrize(("method", "path"), list(ALLOWED))
def test_every_role_does_its_own_tasks_only(method: str, path: str) -> None:
    for role in ROLES:
        status, says, _ = run(ask(guard(require_keys=True), path, method=method, x_api_key=f"pm_{role}"))
        assert status == (200 if role in ALLOWED[method, path] else 403), role
        if status == 403:
            assert says.startswith(f"{role} has the role {role}, and this is the task of an ")
    assert run(ask(guard(require_keys=False), path, method=method))[0] == 200  # without keys nobody has a role


@pytest.mark.parametrize(
    ("headers", "status", "says"),
    [
        ({}, 401, "wants an API key"),
        ({"authorization": "Bearer pm_good"}, 200, "acme"),
        ({"authorization": "bearer  pm_good "}, 200, "acme"),
        ({"x_api_key": "pm_good"}, 200, "acme"),
        ({"cookie": "a=1; posemill_key=pm_good; b=2"}, 200, "acme"),
        ({"authorization": "Bearer pm_bad", "x_api_key": "pm_good"}, 401, "does not work here"),
        ({"authorization": "Basic pm_good"}, 401, "wants an API key"),
        ({"x_api_key": "\u00e9\u0000"}, 401, "does not work here"),
    ],
)
def test_keys(headers: dict[str, str], status: int, says: str) -> None:
    got, said, sent = run(ask(guard(require_keys=True), **headers))
    assert (got, says in said) == (status, True), said
    assert (sent.get(b"www-authenticate") == b"Bearer") == (status == 401)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/uat", "/uat/page.js", "/live-page/page.js"])
def test_health_and_the_page_need_no_key(path: str) -> None:
    assert run(ask(guard(require_keys=True), path, method="GET"))[0] == 200


def test_the_model_of_the_live_page_needs_one() -> None:
    assert run(ask(guard(require_keys=True), "/live-page/model/activity.onnx", method="GET"))[0] == 401


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-origin", 200), ("none", 200)])
def test_pages_of_other_sites_cannot_ask_in_a_visitors_name(site: str, status: int) -> None:
    assert run(ask(guard(), sec_fetch_site=site))[0] == status


def test_a_wrong_key_is_told_even_where_none_is_needed() -> None:
    assert run(ask(guard()))[:2] == (200, "None")
    assert run(ask(guard(), x_api_key="pm_bad"))[0] == 401
    assert run(ask(GuardMiddleware(echo, Limits()), x_api_key="pm_bad"))[0] == 200  # without a database nobody knows


def test_rates_are_counted_by_key_and_by_address() -> None:
    async def scene() -> None:
        app = guard(per_minute=3)
        assert [(await ask(app))[0] for _ in range(4)] == [200, 200, 200, 429]
        assert (await ask(app, host="192.0.2.8"))[0] == 200
        assert [(await ask(app, host="127.0.0.1"))[0] for _ in range(9)] == [200] * 9  # this machine itself
        assert [(await ask(app, x_api_key="pm_slow"))[0] for _ in range(3)] == [200, 200, 429]
        _, says, headers = await ask(app, x_api_key="pm_slow")
        assert "more than 2 requests in a minute for slow; try again in" in says
        assert 1 <= int(headers[b"retry-after"]) <= 120

    run(scene())


def test_only_so_many_at_the_same_time() -> None:
    async def scene() -> None:
        leave = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await leave.wait()
            await echo(scope, receive, send)

        app = guard(slow, requests=2)
        waiting = [asyncio.create_task(ask(app)) for _ in range(2)]
        await asyncio.sleep(0)
        status, says, headers = await ask(app)
        assert (status, headers[b"retry-after"]) == (503, b"1")
        assert "2 requests at work" in says
        leave.set()
        assert [got[0] for got in await asyncio.gather(*waiting)] == [200, 200]
        assert (await ask(app))[0] == 200

    run(scene())


def test_a_fault_in_the_program_is_a_sentence_without_its_trace() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("/srv/secret.py line 7")

    assert run(ask(guard(broken)))[:2] == (500, "the service made a mistake; its log says which")


def test_bodies_that_do_not_come_and_answers_that_take_too_long() -> None:
    async def scene() -> None:
        gone = asyncio.Event()

        async def never() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        app = guard(silence_s=5.0, answer_s=50.0)
        now = asyncio.get_running_loop().time()
        silent = asyncio.create_task(ask(app, receive=never, content_length="9"))
        await asyncio.sleep(0)
        (monitor,) = app._monitors
        assert monitor.check(now + 4.9)
        assert monitor.check(now + 5.1)
        await asyncio.sleep(0)
        gone.set()  # as a server does once it has answered
        status, says, headers = await silent
        assert (status, headers[b"connection"]) == (408, b"close")
        assert "too slowly: 0 bytes in 5 s" in says

        leave = asyncio.Event()

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await leave.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})  # nobody hears it

        app = guard(slow, silence_s=5.0, answer_s=50.0)
        late = asyncio.create_task(ask(app))
        await asyncio.sleep(0)
        (monitor,) = app._monitors
        monitor.check(now + 49)
        assert not monitor.over
        monitor.check(now + 51)
        assert monitor.over
        assert app.load.requests == 1  # the thread goes on, so its place is taken
        await asyncio.sleep(0)
        leave.set()
        assert (await late)[0] == 504
        assert app.load.requests == 0

    run(scene())


def test_large_bodies_share_the_memory() -> None:
    async def scene() -> None:
        leave, pieces = asyncio.Event(), [b"x" * 600] * 2

        async def half() -> Any:
            if pieces:
                return {"type": "http.request", "body": pieces.pop(), "more_body": True}
            await leave.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        app = guard(held_bytes=1000)
        first = asyncio.create_task(ask(app, receive=half))  # alone it may have all
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert app.load.held == 1200
        status, says, _ = await ask(app)
        assert (status, "too many large requests" in says) == (503, True)
        leave.set()
        assert (await first)[0] == 200
        assert app.load.held == 0
        assert (await ask(app))[0] == 200

    run(scene())


def test_a_body_in_memory_has_a_limit_of_its_own() -> None:
    async def scene() -> None:
        async def whole() -> Any:
            return {"type": "http.request", "body": b"x" * 2001, "more_body": False}

        status, says, _ = await ask(guard(body_bytes=2000), receive=whole)
        assert (status, "larger than 0 MiB" in says) == (413, True)
        kind = "multipart/form-data; boundary=x"  # its files go to disk
        assert (await ask(guard(body_bytes=2000), receive=whole, content_type=kind))[0] == 200

    run(scene())


def test_known_keys_work_on_while_the_database_is_away() -> None:
    async def scene() -> None:
        now, calls = 0.0, 0

        def load() -> Mapping[str, ApiKey]:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise ConnectionError("gone")
            return KEYS

        app = GuardMiddleware(echo, Limits(require_keys=True), KeyCache(load, clock=lambda: now))
        assert (await ask(app, x_api_key="pm_good"))[0] == 200
        now = GRACE_S - 1
        assert [(await ask(app, x_api_key="pm_good"))[0] for _ in range(5)] == [200] * 5
        assert calls == 2  # the other four did not ask again
        now = GRACE_S + 10
        status, says, _ = await ask(app, x_api_key="pm_good")
        assert (status, "its database is away" in says) == (503, True)

    run(scene())


def test_a_revoked_key_stops_and_a_new_one_starts_within_seconds() -> None:
    async def scene() -> None:
        now, keys = 0.0, dict(KEYS)
        app = GuardMiddleware(echo, Limits(require_keys=True), KeyCache(lambda: dict(keys), clock=lambda: now))
        assert (await ask(app, x_api_key="pm_good"))[0] == 200
        keys.pop(hashed("pm_good"))
        keys[hashed("pm_new")] = ApiKey(3, "new", None)
        now = 6.0
        assert (await ask(app, x_api_key="pm_good"))[0] == 401
        assert (await ask(app, x_api_key="pm_new"))[1] == "new"

    run(scene())


def test_a_websocket_without_a_key_is_never_opened() -> None:
    async def scene() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "websocket",
            "path": "/live",
            "headers": [],
            "client": ("192.0.2.1", 1),
            "extensions": {"websocket.http.response": {}},
        }
        await guard(require_keys=True)(scope, receive, send)
        return sent

    start, body = run(scene())
    assert start["status"] == 401
    assert "API key" in json.loads(body["body"])["error"]


@pytest.mark.parametrize("kind", ["application/vnd.bentoml+pickle", " Application/vnd.BentoML+pickle; x=1"])
def test_pickles_are_refused(kind: str) -> None:
    status, says, _ = run(ask(guard(), content_type=kind))
    assert (status, "never loaded" in says) == (415, True)


def test_addresses() -> None:
    assert address_group("127.8.9.1") == address_group("::1") == address_group("::ffff:127.0.0.1") == "loopback"
    assert (
        address_group("2001:db8:1:2:3::4") == address_group("2001:db8:1:2:ffff::9") != address_group("2001:db8:1:3::4")
    )
    assert key_from([(b"cookie", b"posemill_key=")]) is None


def test_limits_from_the_environment() -> None:
    env = {"POSEMILL_REQUIRE_KEYS": "1", "POSEMILL_REQUESTS_PER_MINUTE": "0", "POSEMILL_MAX_REQUESTS": "8"}
    assert Limits.from_env(9.0, env) == Limits(require_keys=True, per_minute=None, requests=8, answer_s=9.0)
    assert Limits.from_env(env={}) == Limits()
    with pytest.raises(Exception, match=r"POSEMILL_MAX_REQUESTS should be a number from 0, came as 'many'"):
        Limits.from_env(env={"POSEMILL_MAX_REQUESTS": "many"})


def test_the_guard_costs_less_than_a_tenth_of_a_millisecond() -> None:
    """Best of several rounds, against the same app without it, so that a loaded machine does not decide."""

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        app = guard(require_keys=True)
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/x",
            "client": ("192.0.2.7", 1),
            "headers": [(b"host", b"x")] * 8 + [(b"authorization", b"Bearer pm_good")],
        }

        async def receive() -> Any:
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message: Any) -> None:
            pass

        async def best(call: Any) -> float:
            rounds = []
            for _ in range(10):
                began = loop.time()
                for _ in range(100):
                    await call(scope, receive, send)
                rounds.append((loop.time() - began) / 100)
            return min(rounds)

        app.limits = Limits(require_keys=True, per_minute=10**6)
        return await best(app) - await best(echo)

    assert run(scene()) < 1e-4
