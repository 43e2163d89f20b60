"""Scenes of the benchmark of who acts, and how it judges a choice."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from posemill.pose.skeleton import COCO_17

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/acting_person.py, imported as it is when run."""
    import importlib

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("acting_person")


def test_the_truth_is_found_to_be_whose_it_is(benchmark: ModuleType) -> None:
    scene = benchmark.acting_scene(0, "bystander", ("squat",))
    actor, bystander = scene.scene.truth
    assert (benchmark.whose(scene, actor), benchmark.whose(scene, bystander), scene.actor) == (0, 1, 0)
    assert benchmark.whose(scene, None) is None


def test_a_mirror_shows_the_same_movement_with_the_sides_exchanged(benchmark: ModuleType) -> None:
    scene = benchmark.acting_scene(4, "mirror", ("arm_raise",))
    actor, image = scene.scene.truth
    _, mine, theirs = np.intersect1d(actor.frame, image.frame, return_indices=True)

    def height(xy: np.ndarray, side: str) -> np.ndarray:
        return xy[:, COCO_17.index(f"{side}_wrist"), 1] - xy[:, COCO_17.index(f"{side}_hip"), 1]

    for side, other in (("left", "right"), ("right", "left")):
        one, two = height(actor.xy[mine], side), height(image.xy[theirs], other)
        both = np.isfinite(one) & np.isfinite(two)
        assert np.corrcoef(one[both], two[both])[0, 1] > 0.95


def test_a_poster_does_not_move_and_a_spotter_moves_less_than_the_actor(benchmark: ModuleType) -> None:
    poster = benchmark.acting_scene(1, "poster", ("squat",)).scene.truth[1]
    assert float(np.nanmax(np.ptp(np.ma.masked_invalid(poster.xy), axis=0))) < 1e-3
    actor, spotter = benchmark.acting_scene(1, "spotter", ("squat",)).scene.truth
    shoulder = COCO_17.index("left_shoulder")
    assert np.nanstd(spotter.xy[:, shoulder, 1]) < 0.6 * np.nanstd(actor.xy[:, shoulder, 1])


def test_who_walks_is_no_actor_beside_a_passer_by(benchmark: ModuleType) -> None:
    assert benchmark.acting_scene(0, "passer-by", ("walk", "run", "kneel")).activity == "kneel"


def test_a_mark_is_hit_within_a_few_frames(benchmark: ModuleType) -> None:
    track = benchmark.acting_scene(0, "alone", ("squat",)).scene.truth[0]
    x, y = np.nanmean(track.xy[10], axis=0)
    frame = int(track.frame[10])
    assert benchmark.is_in(track, frame, [x - 5, y - 5, x + 5, y + 5])
    assert not benchmark.is_in(track, frame, [x + 50, y - 5, x + 60, y + 5])
    assert not benchmark.is_in(track, int(track.frame[-1]) + 30, [x - 5, y - 5, x + 5, y + 5])
