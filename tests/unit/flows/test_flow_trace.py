"""A flow is a span, and its stages find it in their environment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flows import _trace
from flows._trace import give_on, traced_flow

from otlp_receiver import otlp_receiver
from posemill.telemetry import trace


def test_without_an_endpoint_a_flow_is_just_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    env: dict[str, str] = {}

    def build_model(wait_s: float = 1.0) -> float:
        give_on(env)
        return wait_s

    assert traced_flow(build_model)(2.0) == 2.0
    assert env == {}


def test_a_flow_is_a_span_with_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    running: Any = SimpleNamespace(get=lambda: SimpleNamespace(flow_run=SimpleNamespace(id="3f")))
    monkeypatch.setattr(_trace, "FlowRunContext", running)
    env: dict[str, str] = {}

    def build_model() -> None:
        give_on(env)

    with otlp_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        traced_flow(build_model)()
        trace.stop()
        span = receiver.wait_for("flow build-model")["flow build-model"]
    assert (span.service, span.attributes) == ("posemill-flow", {"prefect.flow_run.id": "3f"})
    assert env["TRACEPARENT"].startswith(f"00-{span.trace}-{span.id}-")
    assert trace.baggage(env) == {"prefect.flow_run.id": "3f"}
