"""Scenes of the tracking benchmark: what makes each hard is in it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from posemill.estimation.types import Pose
from posemill.synth.crossing import crossing

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def scenes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/tracking_scenes.py, imported as it is when run."""
    import importlib

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("tracking_scenes")


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/other_trackers.py, imported as it is when run."""
    import importlib

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("other_trackers")


def test_a_low_rate_keeps_every_nth_frame_at_its_time(scenes: ModuleType) -> None:
    full, few = crossing(1), scenes.low_rate(crossing(1))
    assert 4.5 <= few.fps <= 12.5
    step = round(full.fps / few.fps)
    for before, after in zip(full.truth, few.truth, strict=True):
        np.testing.assert_array_equal(after.xy[0], before.xy[np.flatnonzero(before.frame == after.frame[0] * step)[0]])
        np.testing.assert_allclose(after.time_s, after.frame / few.fps)
    assert max(t.frame[-1] for t in few.truth) < few.frames


def test_everybody_is_behind_the_furniture_for_at_least_half_a_second(scenes: ModuleType) -> None:
    scene = scenes.behind_furniture(crossing(3), 3)
    gaps = [np.diff(track.time_s).max() for track in scene.truth]
    assert all(0.5 < gap < 3.5 for gap in gaps)


def test_a_moving_camera_moves_everybody_alike(scenes: ModuleType) -> None:
    still, moved = crossing(2), scenes.moving_camera(crossing(2), 2)
    shifts = []
    for before, after in zip(still.truth, moved.truth, strict=True):
        _, one, two = np.intersect1d(before.frame, after.frame, return_indices=True)
        away = after.xy[two] - before.xy[one]
        assert np.nanmax(np.ptp(np.ma.masked_invalid(away), axis=1)) < 0.01
        shifts.append(dict(zip(before.frame[one].tolist(), np.nanmean(away, 1).tolist(), strict=True)))
    common = sorted(set(shifts[0]) & set(shifts[1]))
    np.testing.assert_allclose([shifts[0][f] for f in common], [shifts[1][f] for f in common], atol=0.01)
    assert np.ptp([shifts[0][f][0] for f in common]) > 50


def test_six_people_come_and_go_one_number_each(scenes: ModuleType) -> None:
    scene = scenes.coming_and_going(0)
    assert [t.person for t in scene.truth] == list(range(6))
    assert scene.truth[0].frame[0] < scene.truth[2].frame[0] < scene.truth[4].frame[0]
    assert max(t.frame[-1] for t in scene.truth) < scene.frames


def test_numbers_of_another_tracker_become_tracks_and_doubles_are_left_out(others: ModuleType) -> None:
    xy = np.stack([np.linspace(0, 40, 17), np.linspace(0, 160, 17)], -1).astype(np.float32)
    sure = Pose(xy, np.full(17, 0.8, np.float32), 0.8)
    double = Pose(xy + 1, np.full(17, 0.4, np.float32), 0.4)
    far = Pose(xy + 300, np.full(17, 0.6, np.float32), 0.6)
    tracker = others.Other(lambda _frame, poses, scores: np.array([7, -1])[: len(poses)], 0.8, distinct=True)
    for frame in range(3):
        tracker.update(frame, frame / 25, [sure, double, far])
    (track,) = tracker.tracks()
    assert (track.person, track.frame.tolist()) == (7, [0, 1, 2])
    np.testing.assert_array_equal(track.xy[0], sure.xy)
