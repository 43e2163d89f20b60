"""Streams whose figures are counted on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.evaluation.events import (
    Alert,
    Interval,
    Stream,
    count_matches,
    raise_alerts,
    stream_metrics,
    temporal_iou,
)

CLASSES = ["squat", "wave"]


def test_overlap_by_hand() -> None:
    a = Interval(0, 10, "squat")
    assert temporal_iou(a, Interval(5, 15, "squat")) == pytest.approx(5 / 15)
    assert temporal_iou(a, a) == 1
    assert temporal_iou(a, Interval(0, 10, "wave")) == 0
    assert temporal_iou(a, Interval(10, 12, "squat")) == 0


def test_two_pieces_of_one_stretch_are_one_hit() -> None:
    known = [Interval(0, 10, "squat"), Interval(12, 20, "wave")]
    found = [Interval(0, 6, "squat"), Interval(6, 10, "squat"), Interval(12, 19, "wave")]
    assert count_matches(found, known, 0.5) == 2
    assert count_matches(found, known, 0.7) == 1  # 6 of 10 is less
    assert count_matches([], known, 0.1) == count_matches(found, [], 0.1) == 0


def test_an_alert_comes_when_the_window_ends_and_once_a_change() -> None:
    spans = np.array([[0, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7]], float)
    squat, wave, unsure = (0.9, 0.1), (0.2, 0.8), (0.55, 0.45)
    said = np.array([unsure, squat, squat, wave, unsure, wave], np.float32)
    told = raise_alerts(spans, said, CLASSES, 0.7)
    assert told == [Alert(1, 3, "squat"), Alert(3, 5, "wave"), Alert(5, 7, "wave")]
    order = [3, 0, 5, 1, 4, 2]
    assert raise_alerts(spans[order], said[order], CLASSES, 0.7) == told
    assert raise_alerts(spans, said, CLASSES, 1.01) == []
    assert raise_alerts(spans[:0], said[:0], CLASSES, 0.5) == []


def test_figures_by_hand() -> None:
    """Half an hour: of three stretches two are told, after 2 s and 4 s; one alert is of nothing that is there."""
    stream = Stream(
        1800.0,
        true=[Interval(10, 20, "squat"), Interval(100, 110, "wave"), Interval(200, 210, "squat")],
        predicted=[Interval(11, 20, "squat"), Interval(104, 106, "wave"), Interval(150, 160, "wave")],
        alerts=[
            Alert(10, 12, "squat"),
            Alert(102, 104, "wave"),
            Alert(150, 152, "wave"),
            Alert(201, 203, "wave"),
        ],
    )
    found = stream_metrics([stream])
    assert found["stream_false_alarms_per_hour"] == pytest.approx(2 / 0.5)
    assert found["stream_time_to_alert_s"] == 3.0
    assert found["stream_missed"] == pytest.approx(1 / 3)
    assert found["stream_f1_50"] == pytest.approx(2 * 1 / 6)
    assert found["stream_f1_10"] == pytest.approx(2 * 2 / 6)
    assert (found["streams"], found["stream_hours"]) == (1, 0.5)


def test_an_alert_that_was_on_before_the_stretch_is_told_by_its_window() -> None:
    """Its window overlaps the stretch, but a window that ended before the stretch began does not count."""
    known = [Interval(10, 20, "squat")]
    early = stream_metrics([Stream(60, known, [], [Alert(7, 9, "squat")])])
    assert early["stream_missed"] == 1
    assert early["stream_false_alarms_per_hour"] == pytest.approx(60)
    assert stream_metrics([Stream(60, known, [], [Alert(9, 11, "squat")])])["stream_time_to_alert_s"] == 1


def test_streams_are_counted_together_and_none_is_no_figure() -> None:
    assert stream_metrics([]) == {}
    quiet = Stream(1800, [], [], [])
    loud = Stream(1800, [], [], [Alert(0, 2, "wave")])
    assert stream_metrics([quiet, loud])["stream_false_alarms_per_hour"] == 1
    assert math.isnan(stream_metrics([quiet])["stream_f1_50"])
    assert math.isnan(stream_metrics([quiet])["stream_time_to_alert_s"])


STRETCHES = st.lists(
    st.builds(lambda s, d, a: Interval(s, s + d, a), st.integers(0, 50), st.integers(1, 20), st.sampled_from(CLASSES)),
    max_size=8,
)


@given(STRETCHES, STRETCHES)
def test_hits_are_at_most_what_there_is_and_fewer_at_more_overlap(found: list[Interval], known: list[Interval]) -> None:
    hits = [count_matches(found, known, o) for o in (0.1, 0.25, 0.5, 0.9)]
    assert hits[0] <= min(len(found), len(known))
    assert count_matches(known, known, 0.999) == len(known)
    f1 = stream_metrics([Stream(100, known, found, [])])["stream_f1_50"]
    assert math.isnan(f1) or 0 <= f1 <= 1
