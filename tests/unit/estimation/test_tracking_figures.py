"""The tracking benchmark itself: tracks that are right, wrong or exchanged on purpose get the figures they must."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from posemill.estimation.types import FramePoses
from posemill.pose.track import PoseTrack
from posemill.synth.crossing import crossing

ROOT = Path(__file__).parents[3]
ANNOTATIONS = sorted((ROOT / "tests" / "fixtures" / "tracking").glob("*.json"))


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/tracking.py, imported as it is when run."""
    import importlib

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("tracking")


def figures(benchmark: ModuleType, seed: int, tracks: Sequence[PoseTrack]) -> dict[str, float]:
    scene = crossing(seed)
    frames = [FramePoses(n, n / scene.fps, []) for n in range(scene.frames)]
    row: dict[str, float] = benchmark.judged([benchmark.sequence(benchmark.of_crossing(scene, frames), tracks)])
    return row


def exchanged(one: PoseTrack, two: PoseTrack, frame: int) -> tuple[PoseTrack, PoseTrack]:
    """From that frame on each goes on as the other."""

    def halves(a: PoseTrack, b: PoseTrack) -> PoseTrack:
        first, second = a.frame < frame, b.frame >= frame
        rows: dict[str, Any] = {
            name: np.concatenate([getattr(a, name)[first], getattr(b, name)[second]])
            for name in ("frame", "time_s", "xy", "confidence", "state")
        }
        return replace(a, **rows)

    return halves(one, two), halves(two, one)


def test_the_truth_is_perfect(benchmark: ModuleType) -> None:
    row = figures(benchmark, 1, crossing(1).truth)
    assert row == {"hota": 1.0, "assa": 1.0, "mota": 1.0, "idf1": 1.0, "id_switches": 0}


def test_an_exchange_costs_two_switches_and_not_the_finding(benchmark: ModuleType) -> None:
    scene = crossing(1)
    row = figures(benchmark, 1, exchanged(*scene.truth, scene.frames // 2))
    assert row["id_switches"] == 2
    assert 0.45 < row["idf1"] < 0.65
    assert row["mota"] > 0.97


def test_nobody_found_is_zero(benchmark: ModuleType) -> None:
    assert figures(benchmark, 1, ())["idf1"] == 0
    half = figures(benchmark, 1, crossing(1).truth[:1])
    assert 0.3 < half["mota"] < 0.7
    assert half["id_switches"] == 0


@pytest.mark.parametrize("path", ANNOTATIONS, ids=[path.stem for path in ANNOTATIONS])
def test_annotations_name_every_frame_of_a_stretch(benchmark: ModuleType, path: Path) -> None:
    annotation = json.loads(path.read_text())
    boxes = benchmark.annotated_boxes(annotation)
    first, last = annotation["frames"]
    assert all(first <= frame <= last for frame in boxes)
    assert set().union(*(people.keys() for people in boxes.values())) == set(range(len(annotation["people"])))
    sides = np.array([box[2:] - box[:2] for people in boxes.values() for box in people.values()])
    assert (sides > 30).all()
    steps = [
        np.abs(boxes[frame + 1][person] - box).max() / (box[2:] - box[:2]).max()
        for frame, people in boxes.items()
        for person, box in people.items()
        if person in boxes.get(frame + 1, {})
    ]
    assert max(steps) < 0.35  # as fast as a jump from a roof; a slip of the pen is faster


def test_nearness_is_one_on_the_spot_and_nothing_half_a_body_away(benchmark: ModuleType) -> None:
    box = np.array([10.0, 0.0, 50.0, 100.0])
    others = np.stack([box, box + [25, 0, 25, 0], box + [0, 50, 0, 50], box + 300])  # noqa: RUF005
    assert benchmark.nearness(others, box) == pytest.approx([1, 0.5, 0, 0])


def test_there_are_annotations() -> None:
    assert len(ANNOTATIONS) == 3
