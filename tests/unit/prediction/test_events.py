"""Events name a clip wherever they happen in it."""

from __future__ import annotations

import numpy as np

from posemill.prediction.events import event_windows, events_of
from posemill.prediction.timeline import verdict

CLASSES = ("fall", "lie", "stand")
LYING = [0.02, 0.96, 0.02]


def rows(*windows: list[float]) -> np.ndarray:
    return np.array(windows, np.float32)


def test_a_short_fall_names_a_clip_of_lying() -> None:
    clip = rows([0.1, 0.1, 0.8], [0.9, 0.05, 0.05], [0.8, 0.1, 0.1], *[LYING] * 20)
    assert verdict(clip, CLASSES).activity == "lie"
    said = verdict(clip, CLASSES, events={"fall": 0.6})
    assert said.activity == "fall"
    assert 0.8 < said.probability < 0.95
    assert abs(sum(said.probabilities.values()) - 1) < 1e-5


def test_one_doubtful_window_is_no_event() -> None:
    clip = rows([0.1, 0.1, 0.8], [0.9, 0.05, 0.05], *[LYING] * 20)
    assert verdict(clip, CLASSES, events={"fall": 0.6}).activity == "lie"


def test_of_a_single_window_that_one_counts() -> None:
    assert event_windows(rows([0.7, 0.2, 0.1]), CLASSES, {"fall": 0.6}) == slice(0, 1)
    assert event_windows(rows([0.5, 0.4, 0.1]), CLASSES, {"fall": 0.6}) is None


def test_a_model_without_events_has_none() -> None:
    assert events_of({"temperature": 1.0}) == {}
    assert event_windows(rows(LYING), CLASSES, {}) is None
    assert event_windows(rows(LYING), CLASSES, {"unheard_of": 0.1}) is None
