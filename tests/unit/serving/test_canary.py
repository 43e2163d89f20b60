"""A challenger that answers a share of the clients: which ones, and what happens where it fails."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from posemill.errors import InputError
from posemill.prediction.model import ActivityModel
from posemill.prediction.packaged import PACKAGED
from posemill.serving import context
from posemill.serving.base_service import BaseActivityService
from posemill.serving.metrics import Metrics
from posemill.serving.middleware import answered_by
from posemill.serving.middleware.guard import GuardMiddleware
from posemill.serving.middleware.limits import Limits
from posemill.serving.routers import windows as route
from posemill.serving.schemas.provenance import Provenance
from posemill.serving.served_model import ServedModel
from posemill.serving.shadow import canary
from posemill.serving.shadow.canary import Canary, in_share, parse_canary


@pytest.mark.parametrize("text", ["", "x:1", "x:1=10", "x:1=0%", "x:1=101%", "=10%", "x:1=ten%"])
def test_what_is_no_canary(text: str) -> None:
    with pytest.raises(InputError, match="TAG=SHARE"):
        parse_canary(text)


def test_a_share_is_of_that_size_and_only_grows() -> None:
    clients = [f"key {number}" for number in range(4000)]
    chosen = {share: {c for c in clients if in_share(c, "x:1", share)} for share in (0.05, 0.1, 0.5, 1.0)}
    for share, those in chosen.items():
        assert len(those) / len(clients) == pytest.approx(share, abs=0.025)  # three standard deviations
    assert chosen[0.05] < chosen[0.1] < chosen[0.5] < chosen[1.0]
    other = {c for c in clients if in_share(c, "x:2", 0.1)}
    assert len(other & chosen[0.1]) < 0.3 * len(other)  # another challenger has other clients


def test_the_choice_is_the_same_in_every_process() -> None:
    """Known answers: a client must not move from one model to the other when the service is started again."""
    chosen = "".join(str(int(in_share(f"key {number}", "x:1", 0.5))) for number in range(8))
    assert chosen == "01001001"


class Service(BaseActivityService):
    """Both models, without BentoML; the challenger is the champion with its classes in capitals."""

    def __init__(self, share: float) -> None:
        champion, challenger = ActivityModel.packaged(), ActivityModel.packaged()
        object.__setattr__(challenger, "classes", tuple(name.upper() for name in champion.classes))
        self.metrics = Metrics(champion.classes)
        self.champion, other = (
            ServedModel(tag, model, Provenance.of(tag, model.digests), threads=1)
            for tag, model in (("b:1", champion), ("x:2", challenger))
        )
        for model in (self.champion, other):
            model.observers.append(self.metrics.observed)
        self.canary = Canary(self.champion, other, share)
        self.metrics.collectors.append(self.canary.collect)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service(0.5)
    for module in (route, answered_by, context):
        monkeypatch.setattr(module, "current_service", lambda: made)
    return made


def app() -> Any:
    """The hot path behind the guard, as the services have it."""
    return GuardMiddleware(answered_by.AnsweredByMiddleware(Starlette(routes=[route.ROUTE])), Limits())


def ask(address: str, windows: Any = None) -> tuple[str | None, dict[str, Any]]:
    """The header of an answer, and the answer."""
    given = np.full((1, *ActivityModel.packaged().features.shape), 0.5) if windows is None else windows

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app(), client=(address, 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post(route.PATH, content=json.dumps({"windows": given.tolist()}))

    answer = asyncio.run(send())
    return answer.headers.get("posemill-model"), answer.json()


def test_a_client_is_always_answered_by_the_same_model(service: Service) -> None:
    addresses = [f"10.0.0.{number}" for number in range(6)]
    wanted = {a: "x:2" if in_share(f"address {a}", "x:2", 0.5) else "b:1" for a in addresses}
    assert set(wanted.values()) == {"x:2", "b:1"}
    for _ in range(2):
        for address, tag in wanted.items():
            header, answer = ask(address)
            assert (header, answer["provenance"]["bento"]) == (tag, tag)
            assert answer["activities"][0].isupper() == (tag == "x:2")
    text = service.metrics.text().decode()
    challenged = sum(tag == "x:2" for tag in wanted.values())
    assert f'posemill_model_answer_seconds_count{{model="x:2"}} {2.0 * challenged}' in text
    assert f'posemill_model_answer_seconds_count{{model="b:1"}} {2.0 * (6 - challenged)}' in text
    assert "posemill_windows_per_request_count 12.0" in text


def test_where_the_challenger_fails_the_champion_answers(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    address = next(f"10.0.0.{n}" for n in range(99) if in_share(f"address 10.0.0.{n}", "x:2", 0.5))

    def fails(windows: Any) -> Any:
        raise RuntimeError("no memory")

    monkeypatch.setattr(service.canary.challenger.batches, "_predict", fails)
    header, answer = ask(address)
    assert (header, answer["provenance"]["bento"]) == ("b:1", "b:1")
    assert 'posemill_model_failures_total{model="x:2"} 1.0' in service.metrics.text().decode()


def test_in_a_thread_the_champion_answers_too(service: Service) -> None:
    context.CALLER.set(next(context.RequestCaller(f"key {n}") for n in range(99) if in_share(f"key {n}", "x:2", 0.5)))
    used: list[str] = []

    def use(model: ServedModel) -> str:
        used.append(model.tag)
        if model.tag == "x:2":
            raise RuntimeError("no memory")
        return "answered"

    assert service.answered_by(use) == "answered"
    assert used == ["x:2", "b:1"]
    with pytest.raises(InputError):  # what makes no sense makes none for the other either
        service.answered_by(partial(_refuse, used))
    assert used == ["x:2", "b:1", "x:2"]


def _refuse(used: list[str], model: ServedModel) -> None:
    used.append(model.tag)
    raise InputError("no")


def test_without_a_canary_no_header(service: Service) -> None:
    service.canary = None
    assert ask("10.0.0.1")[0] is None


def test_the_environment_names_it() -> None:
    model = ActivityModel.packaged()
    champion = ServedModel("b:1", model, Provenance.of("b:1", model.digests), threads=1)
    metrics: Any = SimpleNamespace(collectors=[], observed=lambda answer: None)
    assert canary.from_environment({}, PACKAGED, champion, 1, metrics) is None
    made = canary.from_environment({"POSEMILL_CANARY": f"{PACKAGED}=2.5%"}, PACKAGED, champion, 1, metrics)
    assert made is not None
    assert (made.share, made.challenger.tag) == (0.025, PACKAGED.name)
    windows = np.zeros((1, *model.features.shape), np.float32)
    assert asyncio.run(made.challenger.batches.run(windows)).shape == (1, len(model.classes))
