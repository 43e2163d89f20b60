"""The flow of an application: one event an alarm, and an artifact of the figures."""

from __future__ import annotations

from typing import Any

import pytest
from flows import run_application as module

from made_up_tracks import made_up
from posemill.applications.run import run
from posemill.applications.sources import stream_of_tracks
from posemill.operations.applications import ApplicationsResult
from stand_in_application import Presence

RESULT = ApplicationsResult(
    application="presence", dataset="a", media=1, unchanged=2, unlabelled=0, events=4, alarms=2, measurements=2
)


def test_an_alarm_is_an_event_of_its_medium(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "emit_event", lambda **event: emitted.append(event))
    module.emit_alarms("f" * 64, run(Presence(alarm_after_s=0.2), stream_of_tracks(made_up(2), "a.mp4")))
    assert [event["event"] for event in emitted] == ["posemill.application.presence.stays"] * 2
    assert emitted[0]["resource"] == {
        "prefect.resource.id": f"posemill.medium.{'f' * 64}",
        "prefect.resource.name": "a.mp4",
    }
    assert emitted[1]["payload"]["person"] == 1


def test_the_flow_publishes_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    written: list[Any] = []
    monkeypatch.setattr(module, "run_one", lambda *given: asked.append(given) or RESULT)
    monkeypatch.setattr(module, "create_markdown_artifact", lambda text, **more: written.append((text, more["key"])))
    (done,) = module.run_application.fn("presence", {"alarm_after_s": 2}, "a")
    assert asked == [("presence", {"alarm_after_s": 2}, "a")]
    assert done.figures["alarms"] == 2
    assert "media 1, unchanged 2" in written[0][0]
    assert written[0][1] == "application"
