"""One source's frames: in order whatever came first, and what happens to the source itself."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from packaged import CLASSES, fitted_features
from posemill.edge.config import ActivityConfig, CameraConfig, EdgeConfig, SourceConfig
from posemill.edge.model import EdgeModel, Tracking
from posemill.edge.outputs import Outputs
from posemill.edge.source import Captured, _RateWatch
from posemill.edge.stream import Stream
from posemill.estimation.types import Pose
from posemill.params.tracking import TrackingParams
from posemill.prediction.classifier import WindowClassifier


def squatting(windows: Any) -> Any:
    return np.tile(np.array([0, 9, 0], np.float32), (len(windows), 1))


@pytest.fixture
def lines() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def stream(tmp_path: Path, lines: io.StringIO) -> Iterator[Stream]:
    tracking = Tracking(**TrackingParams(min_poses=1).model_dump())
    model = SimpleNamespace(
        tracking=tracking,
        classifier=WindowClassifier(fitted_features(), CLASSES, 1.0, {}, squatting),
        applications=tuple,
    )
    camera = CameraConfig(frozen_s=1e3, covered_s=1e3, turned_s=1e3)
    config = EdgeConfig((), state=str(tmp_path), activity=ActivityConfig(confirm=1), camera=camera)
    with Outputs(config, lines) as outputs:
        yield Stream(SourceConfig("0", "door"), config, cast(EdgeModel, model), outputs)


def captured(n: int, size: tuple[int, int] = (90, 120)) -> Captured:
    return Captured(np.random.default_rng(n).integers(0, 255, (*size, 3), np.uint8), n / 10, 0.0)


def pose() -> list[Pose]:
    xy = np.random.default_rng(5).uniform(20, 80, (17, 2)).astype(np.float32)
    return [Pose(xy, np.full(17, 0.9, np.float32), 0.9)]


def said(stream: Stream, lines: io.StringIO) -> list[dict[str, Any]]:
    stream._outputs._lines.close()
    return [json.loads(line)["event"] for line in lines.getvalue().splitlines()]


def test_frames_that_come_back_in_another_order_are_put_in_order(stream: Stream, lines: io.StringIO) -> None:
    for ticket in (1, 0, 3, 2, *range(5, 30), 4):
        stream.posed(ticket, captured(ticket), pose())
    assert stream.frames == 30
    stream.finish()
    events = said(stream, lines)
    assert [(e["kind"], e["person"], e["details"]["activity"]) for e in events] == [
        ("began", 0, "squat"),
        ("ended", 0, "squat"),
    ]
    assert events[1]["end_s"] == 2.9


def test_a_lost_source_ends_what_people_did(stream: Stream, lines: io.StringIO) -> None:
    for n in range(20):
        stream.posed(n, captured(n), pose())
    stream.lost("it gives no more frames")
    assert stream.camera == "lost"
    stream.recovered()
    assert stream.camera == "running"
    kinds = [(e["application"], e["kind"]) for e in said(stream, lines)]
    assert kinds == [("activity", "began"), ("activity", "ended"), ("camera", "lost"), ("camera", "recovered")]


def test_another_size_is_told_and_everybody_begins_anew(stream: Stream, lines: io.StringIO) -> None:
    for n in range(40):
        stream.posed(n, captured(n, (90, 120) if n < 20 else (180, 240)), pose())
    events = said(stream, lines)
    assert [e["kind"] for e in events] == ["began", "ended", "size_changed", "began"]
    assert events[2]["details"] == {"before_px": [120, 90], "now_px": [240, 180]}


def test_a_change_of_rate_is_told_once() -> None:
    watch = _RateWatch()
    changes, time_s = [], 0.0
    for number in range(600):
        time_s += 1 / 30 if number < 300 else 1 / 10
        if (change := watch.update(number, time_s)) is not None:
            changes.append(tuple(round(hz) for hz in change))
    assert changes == [(30, 10)]
