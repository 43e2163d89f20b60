"""Events and states at a real MQTT broker: away, back, refused, and after a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from event_receivers import Mosquitto, Subscriber
from posemill.edge.broker import Broker
from posemill.edge.config import EdgeConfig, MqttConfig, SourceConfig
from posemill.edge.message import EdgeEvent
from posemill.edge.outputs import Outputs
from waiting import until


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    yield made
    made.stop()


def event(n: int) -> EdgeEvent:
    return EdgeEvent("zone", "touched", n, float(n), 0.0, f"{n}", float(n))


def config(folder: Path, port: int) -> EdgeConfig:
    return EdgeConfig((SourceConfig("0", "door"),), state=str(folder / "state"), mqtt=MqttConfig("127.0.0.1", port))


def numbers(watcher: Subscriber) -> list[int]:
    return [json.loads(payload)["event"]["person"] for payload in watcher.of("/events/")]


def test_events_of_an_outage_arrive_once_and_in_order(tmp_path: Path, mosquitto: Mosquitto) -> None:
    watcher = Subscriber(mosquitto.port)
    with Outputs(config(tmp_path, mosquitto.port)) as outputs:
        outputs.emit(event(0), "door")
        until(lambda: numbers(watcher) == [0])
        mosquitto.stop()
        for n in range(1, 8):
            outputs.emit(event(n), "door")
        mosquitto.start()
        until(lambda: len(numbers(watcher)) >= 8, 40)
        assert numbers(watcher) == list(range(8))
        assert not any(retained for topic, _, retained in watcher.messages if "/events/" in topic)
    watcher.stop()


def test_states_are_retained_and_cleared(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with Outputs(config(tmp_path, mosquitto.port)) as outputs:
        outputs.state("door/person/1/activity", {"activity": "sit"})
        outputs.state("door/zone/bed", {"people": 1})
        assert outputs.broker is not None
        until(lambda: outputs.broker is not None and outputs.broker.status == "connected")
        watcher = Subscriber(mosquitto.port)
        until(lambda: "posemill/door/zone/bed" in watcher.newest())
        assert watcher.newest()["posemill/availability"] == b"online"
        assert json.loads(watcher.newest()["posemill/door/person/1/activity"]) == {"activity": "sit"}
        outputs.state("door/person/1/activity", None)
        until(lambda: watcher.newest()["posemill/door/person/1/activity"] == b"")
    until(lambda: watcher.newest()["posemill/availability"] == b"offline")
    watcher.stop()
    late = Subscriber(mosquitto.port, "late")
    until(lambda: "posemill/availability" in late.newest())
    assert set(late.newest()) == {"posemill/availability"}
    late.stop()


def test_a_state_that_ended_while_the_broker_was_away_is_cleared(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with Outputs(config(tmp_path, mosquitto.port)) as outputs:
        outputs.state("door/zone/bed", {"people": 1})
        watcher = Subscriber(mosquitto.port)
        until(lambda: watcher.newest().get("posemill/door/zone/bed") == b'{"people": 1}')
        mosquitto.stop()
        outputs.state("door/zone/bed", None)
        mosquitto.start()
        until(lambda: watcher.newest()["posemill/door/zone/bed"] == b"", 40)
    watcher.stop()


def test_what_a_killed_runtime_left_retained_is_cleared(tmp_path: Path, mosquitto: Mosquitto) -> None:
    topics = tmp_path / "topics.json"
    killed = Broker(MqttConfig("127.0.0.1", mosquitto.port), topics)
    killed.start()
    killed.state("door/zone/bed", {"people": 1})
    watcher = Subscriber(mosquitto.port)
    until(lambda: "posemill/door/zone/bed" in watcher.newest())
    killed._client.loop_stop()  # as a kill: nothing is cleared
    killed._client.socket().close()  # type: ignore[union-attr]
    until(lambda: watcher.newest()["posemill/availability"] == b"offline")
    again = Broker(MqttConfig("127.0.0.1", mosquitto.port), topics)
    again.start()
    until(lambda: watcher.newest()["posemill/door/zone/bed"] == b"")
    assert watcher.newest()["posemill/availability"] == b"online"
    again.stop()
    watcher.stop()


def test_a_broker_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mosquitto = Mosquitto(tmp_path, {"edge": "right"})
    monkeypatch.setenv("WORD", "wrong")
    broker = Broker(MqttConfig("127.0.0.1", mosquitto.port, user="edge", password_env="WORD"), tmp_path / "t.json")
    broker.start()
    until(lambda: "refuses the connection" in broker.status)
    assert "check [mqtt] user and password_env" in broker.status
    broker.stop()
    mosquitto.stop()
