"""Traces of a real service, of a stage and of a flow, as an OTLP endpoint gets them.

Slow: a video goes through the analysis service, whose decoder, network and model are in other threads and processes;
only there a span can lose its parent. 60 s.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otlp_receiver import Receiver, otlp_receiver
from posemill.packaging import bento
from posemill.prediction.packaged import PACKAGED
from posemill.serving.server import serving
from posemill.synth.crossing import crossing
from posemill.telemetry import trace
from posemill.video.encode import VideoWriter

REPOSITORY = Path(__file__).resolve().parents[2]
FRAMES = 60

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with otlp_receiver() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        trace.start("the client")
        yield running
        trace.stop()


def two_people(path: Path) -> Path:
    """Two rendered people who walk past each other."""
    crossed = crossing(4)
    assert crossed.frames == FRAMES
    with VideoWriter(path, crossed.fps, 640, 360) as video:
        for image in crossed.images():
            video.write(image)
    return path


@pytest.mark.slow
def test_a_video_is_one_trace_from_the_client_to_the_model(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    tags = bento.build(PACKAGED, REPOSITORY, tmp_path / "home")
    video = two_people(tmp_path / "holiday of anna.mp4")
    env = bento.environment(tmp_path / "home") | {"POSEMILL_LOG": "json"}
    with serving(tags["analysis"], env) as client:
        client.key = "secret"
        with trace.root("what the client does"):
            client.analyse_video(video)
        spans = receiver.wait_for("POST /analyse_video", "video", "decode", "pose", "track", "window", "model")
    request, whole = spans["POST /analyse_video"], spans["video"]
    trace.stop()
    first = receiver.wait_for("what the client does")["what the client does"]
    assert (request.trace, request.parent, request.service) == (first.trace, first.id, "posemill-service")
    assert (request.attributes["http.route"], request.attributes["http.response.status_code"]) == (
        "/analyse_video",
        200,
    )
    assert whole.parent == request.id
    for name in ("decode", "pose", "track"):
        assert (spans[name].trace, spans[name].parent) == (first.trace, whole.id)
        assert spans[name].attributes["frames"] == FRAMES
    for name in ("window", "model"):
        assert (spans[name].trace, spans[name].parent) == (first.trace, whole.id)
        assert spans[name].attributes["windows"] > 0
    told = b"".join(receiver.raw)
    assert b"anna" not in told
    assert b"127.0.0.1" not in told
    assert b"secret" not in told


@pytest.mark.slow
def test_a_stage_continues_the_trace_of_its_flow(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("{}\n")
    env = {**os.environ, "POSEMILL_WORKSPACE": str(tmp_path), "POSEMILL_LOG": "json"}
    with trace.root("flow build-model"):
        trace.to_environment(env, prefect__flow_run__id="3f")
        ids = trace.ids()
    assert ids is not None
    command = [
        sys.executable,
        "-m",
        "posemill",
        "stage",
        "prepare",
    ]  # there is nothing to prepare: it says so and fails
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    span = receiver.wait_for("stage prepare")["stage prepare"]
    assert (span.trace, span.parent, span.service) == (*ids, "posemill-stage")
    assert span.attributes["posemill.stage"] == "prepare"
    assert span.attributes["prefect.flow_run.id"] == "3f"
    assert span.failed


def test_logs_of_the_command_line_are_json(tmp_path: Path) -> None:
    script = (
        "import sys, logging; from posemill.telemetry.logs import use_json; use_json(); "
        "logging.getLogger('posemill.x').warning('late')"
    )
    env = {**os.environ, "POSEMILL_LOG": "json"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert json.loads(done.stderr)["message"] == "late"
