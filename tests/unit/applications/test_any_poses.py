"""Every application on poses that no body has: nothing breaks, and what is said is strict JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from posemill.applications.protocol import Severity, StreamFacts, TrackedFrame, TrackedPose
from posemill.applications.registry import APPLICATIONS, find_application
from posemill.applications.run import run
from posemill.applications.sources import Stream
from posemill.pose.skeleton import BLAZEPOSE_33, BODY_12, COCO_17, Skeleton

FRAMES = 160
WIDTH, HEIGHT = 640, 480


def frames(kind: str, skeleton: Skeleton, rng: np.random.Generator) -> Iterator[TrackedFrame]:
    k = len(skeleton)
    body = rng.uniform(50, 400, (k, 2))
    time_s = 0.0
    for n in range(FRAMES):
        time_s += float(rng.uniform(0.01, 0.2)) if kind != "a long pause" or n != 80 else 3600.0
        xy = body + rng.normal(0, 2, (k, 2))
        z = None
        people = {0: xy}
        if kind == "in one place":
            people = {0: np.full((k, 2), 100.0) if n > 40 else xy}
        elif kind == "on the border":
            people = {0: np.clip(xy + 40 * n, 0, (WIDTH, HEIGHT))}
        elif kind == "a single keypoint":
            xy[rng.integers(k) + 1 :], xy[: rng.integers(k)] = np.nan, np.nan
        elif kind == "nothing seen":
            people = {0: np.full((k, 2), np.nan)}
        elif kind == "far away":
            people = {0: xy + rng.choice([-1e6, 1e6])}
        elif kind == "anything":
            people = {int(p): rng.uniform(-50, 700, (k, 2)) for p in rng.choice(6, rng.integers(0, 4), replace=False)}
            for pose in people.values():
                pose[rng.random(k) < rng.random()] = np.nan
        elif kind == "with depth":
            z = rng.normal(0, 50, k).astype(np.float32)
        elif kind == "come and go":
            people = {n // 3: xy} if n % 3 else {}
        yield TrackedFrame(n, time_s, {person: pose_of(xy, z) for person, xy in people.items()})


def pose_of(xy: np.ndarray, z: np.ndarray | None) -> TrackedPose:
    seen = np.isfinite(xy[:, 0])
    return TrackedPose(xy.astype(np.float32), np.where(seen, 0.8, 0).astype(np.float32), z)


KINDS = (
    *("in one place", "on the border", "a single keypoint", "nothing seen", "far away", "anything"),
    *("with depth", "come and go", "a long pause"),
)
PLAIN = {str, int, float, bool, type(None), Severity}


@pytest.mark.parametrize("name", APPLICATIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_poses_break_an_application(name: str, kind: str) -> None:
    for skeleton in (COCO_17, BLAZEPOSE_33) if name == "yoga" else (COCO_17, BODY_12, BLAZEPOSE_33):
        rng = np.random.default_rng(len(kind))
        application: Any = find_application(name)()
        stream = Stream(StreamFacts(skeleton, WIDTH, HEIGHT, "made up"), frames(kind, skeleton, rng))
        result = run(application, stream, on_step=lambda step: None)
        json.loads(result.model_dump_json(), parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
        for output in (*result.events, *result.measurements):
            values = [*(asdict(output) | {"details": None}).values(), *output.details.values()]
            assert {type(value) for value in values} <= PLAIN  # databases and brokers take no numbers of numpy
        for event in result.events:
            assert event.end_s is None or event.end_s >= event.start_s
            assert 0 <= event.start_s <= result.duration_s + 1e-6
        for measurement in result.measurements:
            assert measurement.value is not None or measurement.reason
            assert measurement.value is None or np.isfinite(measurement.value)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_empty_stream_is_no_error(name: str) -> None:
    result = run(find_application(name)(), Stream(StreamFacts(COCO_17, WIDTH, HEIGHT, "nothing"), iter(())))
    assert (result.events, result.measurements, result.people) == ((), (), 0)
