"""Clients' feedback: through the route, into a real PostgreSQL, and out again as review items and labels.

Slow (a database; a rendered clip): a disagreement that is lost would be lost silently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import Engine

from posemill.errors import InputError
from posemill.serving.app import create_app
from posemill.serving.routers import feedback as served
from posemill.serving.schemas.activity import Receipt
from posemill.settings import Settings
from posemill.store import catalog
from posemill.store.feedback import list_feedback
from posemill.store.media import digest_of
from posemill.store.reviews import ReviewItem, queue, review_items
from posemill.uat.confirm import Confirmed, confirm
from posemill.uat.scenarios import read_scenarios
from posemill.video.encode import VideoWriter

pytestmark = pytest.mark.slow

RECEIPT = Receipt.of("posemill-analysis:a", dict.fromkeys(("model", "features", "classes"), "0" * 64))
SAID: dict[str, Any] = {
    "job": None,
    "receipt": RECEIPT.model_dump(),
    "upload_digest": "a" * 64,
    "upload_name": "gym.mp4",
    "person": 0,
    "start_s": 0.5,
    "end_s": 2.0,
    "predicted": "squat",
    "right": False,
    "activity": "lunge",
    "comment": "left knee",
}


class Client:
    """Posts to the routes, without a server."""

    def post(self, path: str, **body: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(create_app("test", [served.router]), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.post(path, **body)

        return asyncio.run(send())


@pytest.fixture
def client(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("POSEMILL_DATABASE_URL", database)
    served.engine.cache_clear()
    yield Client()
    served.engine(database).dispose()
    served.engine.cache_clear()


def test_a_disagreement_becomes_an_item_that_follows_what_is_said_last(client: Client, engine: Engine) -> None:
    assert client.post("/judgements", json=SAID).json() == {"feedback": 1, "judgement": 1}
    assert client.post("/judgements", json=SAID | {"person": 1, "right": True, "activity": None}).status_code == 200
    with engine.connect() as connection:
        (item,) = review_items(connection)
        assert (item["medium"], item["source"], item["person"], item["start_s"]) == (None, "gym.mp4", 0, 0.5)
        assert item["reason"] == "a client says lunge, not squat (left knee)"
        assert [(j["feedback"], j["is_right"], j["state"]) for j in list_feedback(connection)] == [
            (2, True, None),
            (1, False, "open"),
        ]
    assert client.post("/judgements", json=SAID | {"activity": "walk"}).json() == {"feedback": 3, "judgement": 3}
    with engine.connect() as connection:
        assert [i["reason"] for i in review_items(connection)] == ["a client says walk, not squat (left knee)"]
    assert client.post("/judgements", json=SAID | {"right": True}).json() == {"feedback": 4, "judgement": 4}
    with engine.connect() as connection:
        assert review_items(connection) == []
        assert review_items(connection, state="dismissed")[0]["answer"] == {"feedback": 4}


def test_the_queue_of_what_looks_wrong_leaves_them_open(client: Client, engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        catalog.add_medium(connection, catalog.MediumRow("a" * 64, "uat", "known.mp4", "anna"))
    client.post("/judgements", json=SAID)
    looks = ReviewItem("a" * 64, 3, 0.0, 1.0, "bone jumps", 2.0)
    with engine.begin() as connection:
        queue(connection, [looks], added_by="x")
        queue(connection, [], added_by="x")
        assert [(i["medium"], i["person"]) for i in review_items(connection)] == [("a" * 64, 0)]


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"end_s": 0.5}, 422, "end_s should be after start_s"),
        ({"receipt": RECEIPT.model_dump() | {"model": "1" * 64}}, 422, "its id is not that of its other fields"),
        ({"comment": "a\0b"}, 400, "comment"),
        ({"person": 2**40}, 400, "person"),
        ({"activity": ""}, 400, "activity"),
        ({"start_s": None}, 400, "start_s"),
        ({"upload_digest": "A" * 64}, 400, "upload_digest"),
        ({"more": 1}, 400, "more"),
        ({"comment": "x" * 70_000}, 422, "at most 64 KiB"),
    ],
)
def test_what_makes_no_sense_is_refused(client: Client, change: dict[str, Any], status: int, says: str) -> None:
    answer = client.post("/judgements", json=SAID | change)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"start_s": NaN}', b"\xff", b'"\\ud800"'])
def test_no_body_breaks_it(client: Client, body: bytes) -> None:
    assert client.post("/judgements", content=body).status_code in (400, 422)


def test_without_a_database_it_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEMILL_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    away = client.post("/judgements", json=SAID)
    assert (away.status_code, "does not answer" in away.json()["error"]) == (503, True)
    monkeypatch.delenv("POSEMILL_DATABASE_URL")
    none = client.post("/judgements", json=SAID)
    assert (none.status_code, none.json()["error"]) == (
        503,
        "feedback cannot be kept: the service has no database; start it with `posemill serve`",
    )


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "gym.mp4"
    with VideoWriter(path, 10.0, 160, 120) as video:
        for i in range(25):
            video.write(np.full((120, 160, 3), 10 * i, np.uint8))
    return path


def test_a_disagreement_that_is_confirmed_is_a_label_and_a_scenario(
    client: Client, engine: Engine, settings: Settings, clip: Path
) -> None:
    digest = digest_of(clip)
    client.post("/judgements", json=SAID | {"upload_digest": digest})
    other = clip.with_name("other.mp4")
    other.write_bytes(b"another file")

    def confirmed(**given: Any) -> Confirmed:
        wanted = {"activity": None, "media": None, "new": True, "annotated_by": "anna", **given}
        with engine.begin() as connection:
            return confirm(connection, settings, 1, **wanted)

    for given, says in (
        ({}, r"did not keep gym\.mp4 .* give it with --media FILE"),
        ({"media": other}, r"other\.mp4 is not the uploaded file"),
        ({"media": clip, "new": False}, "unknown activity 'lunge'"),
    ):
        with pytest.raises(InputError, match=says):
            confirmed(**given)
    assert not (settings.workspace / "acceptance").exists()
    done = confirmed(media=clip)
    assert confirmed() == done  # its bytes are in the store now; and again changes nothing
    (scenario,) = read_scenarios(done.scenario)
    assert (scenario.medium, scenario.owner, scenario.tolerance_s) == (digest, "anna", None)
    assert [(e.activity, e.start_s, e.end_s) for e in scenario.expect] == [("lunge", 0.5, 2.0)]
    with engine.connect() as connection:
        (row,) = catalog.clips(connection, ["uat"])
        assert (row["medium"], row["source"], row["annotated_by"], row["activity"]) == (
            digest,
            "gym.mp4",
            "anna",
            "lunge",
        )
        assert review_items(connection) == []
        (item,) = review_items(connection, state="done")
        assert (item["medium"], item["answered_by"], item["answer"]["activity"]) == (digest, "anna", "lunge")
    then = confirmed(activity="walk", annotated_by="bert")
    with engine.connect() as connection:
        rows = catalog.clips(connection, ["uat"], history=True)
        assert [(r["activity"], r["annotated_by"], r["closed_by"]) for r in rows] == [
            ("lunge", "anna", "bert"),
            ("walk", "bert", None),
        ]
        assert rows[1]["clip"] == then.clip
