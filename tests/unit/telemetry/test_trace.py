"""Spans as an OTLP endpoint gets them, and what no endpoint costs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from otlp_receiver import Receiver, otlp_receiver
from posemill.errors import InputError
from posemill.telemetry import trace
from posemill.telemetry.settings import traces_wanted

PARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    with otlp_receiver() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        assert trace.start("posemill-test")
        yield running
        trace.stop()


def test_a_trace_is_continued_and_nested(receiver: Receiver) -> None:
    with trace.root("request", PARENT, "server", http__route="/x") as root:
        root.rename("POST /x")
        with trace.span("model", windows=3):
            ids, given_on = trace.ids(), trace.headers()
    trace.stop()
    spans = receiver.wait_for("POST /x", "model")
    first, second = spans["POST /x"], spans["model"]
    assert (first.trace, first.parent, first.kind) == (PARENT["traceparent"][3:35], "b7ad6b7169203331", 2)
    assert (second.trace, second.parent, second.service) == (first.trace, first.id, "posemill-test")
    assert (first.attributes, second.attributes) == ({"http.route": "/x"}, {"windows": 3})
    assert ids == (second.trace, second.id)
    assert given_on["traceparent"] == f"00-{second.trace}-{second.id}-01"


def test_without_a_trace_a_span_is_nothing(receiver: Receiver) -> None:
    with trace.span("model"):
        assert trace.ids() is None
        assert trace.headers() == {}
    trace.Stopwatch().record("track")
    assert list(trace.watched("decode", (n for n in range(3)), "frames")) == [0, 1, 2]
    with trace.root("alone"):
        pass
    trace.stop()
    assert [span.name for span in receiver.spans] == ["alone"]


def test_streaming_work_is_one_span_from_any_thread(receiver: Receiver) -> None:
    taken: list[int] = []
    with trace.root("video"):
        frames = trace.watched("decode", (n for n in range(5)), "frames")
        thread = threading.Thread(target=lambda: taken.extend(frames))
        thread.start()
        thread.join()
        stopped = trace.watched("pose", (n for n in range(5)), "frames")
        next(stopped)
        stopped.close()
    trace.stop()
    spans = receiver.wait_for("decode", "pose", "video")
    assert taken == [0, 1, 2, 3, 4]
    assert spans["decode"].parent == spans["pose"].parent == spans["video"].id
    assert spans["decode"].attributes["frames"] == 5
    assert spans["pose"].attributes["frames"] == 1
    assert spans["decode"].attributes["busy_s"] >= 0
    assert spans["video"].start_s <= spans["decode"].start_s <= spans["decode"].end_s <= spans["video"].end_s


def test_an_error_is_told_by_its_class_alone(receiver: Receiver) -> None:
    with pytest.raises(InputError), trace.root("request"):
        raise InputError("/home/anna/holiday.mp4 is no video")
    trace.stop()
    span = receiver.wait_for("request")["request"]
    assert (span.failed, span.attributes) == (True, {"error.type": "InputError"})
    assert b"anna" not in b"".join(receiver.raw)


def test_a_trace_goes_through_the_environment(receiver: Receiver) -> None:
    env: dict[str, str] = {}
    with trace.root("flow"):
        trace.to_environment(env, prefect__flow_run__id="3f")
        wanted = trace.ids()
    assert wanted is not None
    assert trace.from_environment(env)["traceparent"].startswith(f"00-{wanted[0]}-{wanted[1]}-")
    assert trace.baggage(env) == {"prefect.flow_run.id": "3f"}


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"},
    ],
)
def test_off_unless_an_endpoint_is_named(env: dict[str, str]) -> None:
    assert not traces_wanted(env)
    assert not trace.start("posemill-test", env)


def test_off_it_imports_nothing_and_does_nothing() -> None:
    script = """
import sys
from posemill.telemetry import logs, trace
import posemill.serving.client
assert not trace.start("x", {})
env = {}
with trace.root("request") as root, trace.span("model", windows=3) as span:
    root.rename("x"); span.set(a=1)
    assert trace.span("model") is trace.span("pose")
    assert (trace.headers(), trace.ids(), trace.active()) == ({}, None, False)
    trace.to_environment(env, a="1")
assert env == {}
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(InputError, match=r"pip install posemill\[telemetry\]"):
        trace.start("x", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
