"""Labelled windows of rendered people: labels from known intervals, the same windows from the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.features.pipeline import FeaturePipeline
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.pose.window import WindowSpec
from posemill.synth.catalogue import CATALOGUE, CLASSES, EVENTS, OTHER
from posemill.synth.filming import film, seen_by_network, track_of
from posemill.synth.keypoint_windows import filmed, label_of, rendered_windows

SITTING = [(0.0, 1.0, "stand"), (1.0, 2.2, "sit_down"), (2.2, 5.0, "sit")]


@pytest.mark.parametrize(
    ("span", "label"),
    [
        ((0.6, 2.6), "sit_down"),  # the whole event
        ((2.5, 4.5), "sit"),
        ((0.0, 1.1), "stand"),
        ((0.0, 1.5), None),  # half of the event has begun
        ((1.9, 3.9), None),  # the end of the event is too much for a state
        ((4.5, 6.5), None),  # nobody knows what comes after
    ],
)
def test_a_window_is_called_by_what_is_mostly_in_it(span: tuple[float, float], label: str | None) -> None:
    assert label_of(*span, SITTING) == label


def test_of_two_events_the_longer_one_in_the_window_counts() -> None:
    assert label_of(0.0, 2.0, [(0.1, 0.8, "pick_up"), (0.8, 2.0, "fall")]) == "fall"


def test_a_part_is_the_same_every_time_and_unlike_another() -> None:
    features = FeaturePipeline(BODY_12, WindowSpec())

    def of(part: str) -> np.ndarray:
        return np.concatenate([windows for windows, _ in rendered_windows(part, 6, features)])

    first, again, other = of("train"), of("train"), of("test")
    np.testing.assert_array_equal(first, again)
    assert first.shape[1:] == features.shape
    assert first.shape != other.shape or not np.array_equal(first, other)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_activity_is_performed_and_called_by_a_known_name(name: str) -> None:
    said = set()
    for seed in range(3):
        track, intervals = next(filmed(name, np.random.default_rng([seed, 5])))
        assert (np.diff(track.time_s) > 0).all()
        assert track.skeleton is COCO_17
        assert all(end > start for start, end, _ in intervals)
        said |= {what for _, _, what in intervals}
    assert name in said
    assert said <= {*CLASSES, OTHER}


def test_events_are_activities() -> None:
    assert set(EVENTS) <= set(CLASSES)
    assert len(CLASSES) >= 40


def test_a_film_shows_the_body_upright_and_a_cut_hides_the_feet() -> None:
    rng = np.random.default_rng(3)
    standing = np.zeros((40, 17, 3))
    heights = {"nose": 1.6, "shoulder": 1.4, "hip": 0.9, "knee": 0.5, "ankle": 0.08}
    for number, name in enumerate(COCO_17.keypoints):
        part, side = name.split("_")[-1], {"left": 0.15, "right": -0.15}.get(name.split("_")[0], 0.0)
        standing[:, number] = (side, heights.get(part, 1.3), 0.0)
    time_s = np.arange(40) / 20
    ankle, nose = COCO_17.index("left_ankle"), COCO_17.index("nose")
    below = 0
    for _ in range(30):
        footage = film(standing, time_s, rng, cut=1.0)
        assert (footage.xy[:, nose, 1] < footage.xy[:, ankle, 1]).all()
        below += (footage.xy[:, ankle, 1] > footage.size_px[1]).mean() > 0.5
    assert below >= 25
    found, confidence = seen_by_network(footage, time_s, 20.0, rng)
    track = track_of(found, confidence, time_s)
    assert len(track) > 10
    assert track.xy.shape[1:] == (17, 2)
