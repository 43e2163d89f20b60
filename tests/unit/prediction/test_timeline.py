from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.prediction import timeline

CLASSES = ["rest", "wave"]


def test_two_activities_one_after_the_other() -> None:
    spans = np.array([[0, 2], [1, 3], [4, 6], [5, 7]], float)
    sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]], np.float32)
    found = timeline.segments(spans, sure, CLASSES)
    assert [(s.start_s, s.end_s, s.activity) for s in found] == [(0, 3, "rest"), (4, 7, "wave")]
    assert [s.probability for s in found] == pytest.approx([0.9, 0.8], abs=1e-6)


def test_a_gap_parts_segments_of_the_same_activity() -> None:
    spans = np.array([[0, 1], [2, 3]], float)
    found = timeline.segments(spans, np.array([[0.9, 0.1]] * 2, np.float32), CLASSES)
    assert [(s.start_s, s.end_s) for s in found] == [(0, 1), (2, 3)]


def test_where_windows_disagree_the_surer_one_wins() -> None:
    spans = np.array([[0, 2], [1, 3]], float)
    found = timeline.segments(spans, np.array([[0.6, 0.4], [0.01, 0.99]], np.float32), CLASSES)
    assert [(s.start_s, s.end_s, s.activity) for s in found] == [(0, 1, "rest"), (1, 3, "wave")]


def test_no_window_no_segment_and_no_verdict() -> None:
    none = np.zeros((0, 2), np.float32)
    assert timeline.segments(np.zeros((0, 2)), none, CLASSES) == []
    assert timeline.verdict(none, CLASSES) is None


def test_verdict_is_the_geometric_mean() -> None:
    verdict = timeline.verdict(np.array([[0.9, 0.1], [0.4, 0.6]], np.float32), CLASSES)
    assert verdict is not None
    a, b = np.sqrt(0.9 * 0.4), np.sqrt(0.1 * 0.6)
    assert verdict.activity == "rest"
    assert verdict.probability == pytest.approx(a / (a + b), abs=1e-5)
    assert sum(verdict.probabilities.values()) == pytest.approx(1, abs=1e-5)


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0.2, 5), st.floats(0.01, 0.99)), min_size=1, max_size=20))
def test_segments_cover_exactly_what_windows_cover(rows: list[tuple[float, float, float]]) -> None:
    spans = np.array([[s, s + d] for s, d, _ in rows])
    probabilities = np.array([[p, 1 - p] for _, _, p in rows], np.float32)
    found = timeline.segments(spans, probabilities, CLASSES)
    assert all(a.end_s <= b.start_s for a, b in pairwise(found))
    assert all(0.5 - 1e-6 <= s.probability <= 1 for s in found)  # the best of two
    edges = np.unique(spans)
    middles = (edges[:-1] + edges[1:]) / 2
    wanted = ((middles[:, None] >= spans[:, 0]) & (middles[:, None] < spans[:, 1])).any(1)
    got = np.array([any(s.start_s <= m < s.end_s for s in found) for m in middles])
    assert (got == wanted).all()


def test_none_of_these_is_said_and_marked() -> None:
    classes = [*CLASSES, "none of these"]
    spans = np.array([[0, 1], [1, 2]], float)
    said = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7]], np.float32)
    assert [(s.activity, s.abstained) for s in timeline.segments(spans, said, classes)] == [
        ("rest", False),
        ("none of these", True),
    ]
    assert [w.abstained for w in timeline.windows(spans, said, classes)] == [False, True]
    verdict = timeline.verdict(said[1:], classes)
    assert verdict is not None
    assert verdict.abstained
    assert str(verdict) == "none of these (0.70)"
