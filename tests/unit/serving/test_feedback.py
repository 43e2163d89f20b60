"""POST /feedback and its former name, without a database: what is read, and what is refused before that."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from posemill.serving.app import create_app
from posemill.serving.routers import feedback
from posemill.serving.schemas.provenance import Provenance

PROVENANCE = Provenance.of("b:1", dict.fromkeys(("model", "features", "classes"), "0" * 64)).model_dump()
SAID: dict[str, Any] = {"provenance": PROVENANCE, "start_s": 0.5, "end_s": 2.0, "right": True}


def post(path: str, **body: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app("test", [feedback.router]))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(path, **body)

    return asyncio.run(send())


@pytest.mark.parametrize("path", ["/feedback", "/judgements"])
@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/x-www-form-urlencoded"}])
def test_both_names_store(path: str, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[tuple[Any, str | None]] = []

    def store(given: Any, client: str | None) -> int:
        stored.append((given, client))
        return 7

    monkeypatch.setattr(feedback, "store", store)
    answer = post(path, json=SAID, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"feedback": 7, "judgement": 7})
    assert stored[0][0].provenance.bento == "b:1"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"json": SAID | {"end_s": 0.5}}, 422, "end_s should be after start_s"),
        ({"json": SAID | {"comment": "x" * 70_000}}, 422, "the body of /feedback has at most 64 KiB"),
        ({"json": SAID | dict.fromkeys(map(str, range(200)), 0)}, 400, "204 fields"),
        ({"content": b'{"start_s": NaN}'}, 400, "null, not NaN"),
        ({"content": b""}, 400, "not JSON"),
        ({"json": SAID}, 503, "feedback cannot be kept: the service has no database"),
    ],
)
def test_refusals(body: dict[str, Any], status: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSEMILL_DATABASE_URL", raising=False)
    answer = post("/feedback", **body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert says in answer.json()["error"]
