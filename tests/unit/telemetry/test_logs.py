"""Logs as JSON lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from otlp_receiver import otlp_receiver
from posemill.errors import InputError
from posemill.telemetry import logs, trace


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a logger with a handler of its own writes."""
    stream, logger = io.StringIO(), logging.getLogger("posemill.test_logs")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    root = logging.getLogger()
    before = {id(h): h.formatter for h in root.handlers}
    yield stream
    logger.removeHandler(handler)
    for each in root.handlers:
        if id(each) in before:
            each.setFormatter(before[id(each)])


def test_a_record_is_a_line_of_json(written: io.StringIO) -> None:
    assert logs.use_json({"POSEMILL_LOG": "json"})
    log = logging.getLogger("posemill.test_logs")
    log.warning("%d answers are lost,\nsadly", 3, extra={"flow_run_id": "3f"})
    try:
        raise ValueError("no")
    except ValueError:
        log.exception("it failed")
    first, second = map(json.loads, written.getvalue().splitlines())
    assert (first["message"], first["level"], first["logger"]) == ("3 answers are lost,\nsadly", "warning", log.name)
    assert (first["flow_run_id"], first["time"][-6:], "trace_id" in first) == ("3f", "+00:00", False)
    assert second["exception"].endswith("ValueError: no")


def test_a_record_within_a_span_has_its_ids(written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    with otlp_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        trace.start("posemill-test")
        logs.use_json({"POSEMILL_LOG": "json"})
        with trace.root("request"):
            logging.getLogger("posemill.test_logs").warning("slow")
        trace.stop()
        span = receiver.wait_for("request")["request"]
    told = json.loads(written.getvalue())
    assert (told["trace_id"], told["span_id"]) == (span.trace, span.id)


def test_text_is_left_alone(written: io.StringIO) -> None:
    assert not logs.use_json({})
    assert not logs.use_json({"POSEMILL_LOG": "text"})
    logging.getLogger("posemill.test_logs").warning("as ever")
    assert written.getvalue() == "as ever\n"


def test_another_value_is_refused() -> None:
    with pytest.raises(InputError, match="should be json or text, came as 'xml'"):
        logs.use_json({"POSEMILL_LOG": "xml"})
