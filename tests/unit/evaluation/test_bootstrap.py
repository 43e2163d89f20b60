from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.evaluation.bootstrap import accuracy_interval, bootstrap_interval, resamples
from posemill.evaluation.classification_metrics import wilson_interval


def test_many_clips_give_the_textbook_interval() -> None:
    right = np.arange(1000) % 5 > 0  # 80 %: ± 1.96 · sqrt(0.8 · 0.2 / 1000)
    low, high = accuracy_interval(right, range(1000))
    assert low == pytest.approx(0.8 - 0.0248, abs=0.003)
    assert high == pytest.approx(0.8 + 0.0248, abs=0.003)


def test_people_who_are_all_right_or_all_wrong_are_what_is_drawn() -> None:
    """Ten people of ten clips each are ten opinions, not a hundred."""
    right = np.repeat([True] * 8 + [False] * 2, 10)
    people = np.repeat(np.arange(10), 10).tolist()
    by_person, by_clip = accuracy_interval(right, people), accuracy_interval(right, range(100))
    assert by_person == (0.5, 1.0)
    assert by_clip[0] > 0.7
    assert by_person[1] - by_person[0] > wilson_interval(80, 100)[1] - wilson_interval(80, 100)[0]


def test_a_figure_of_rows_and_the_short_way_agree() -> None:
    rng = np.random.default_rng(5)
    right, people = rng.random(60) < 0.7, rng.integers(0, 12, 60).tolist()
    slow = bootstrap_interval(lambda rows: float(right[rows].mean()), people)
    assert accuracy_interval(right, people) == pytest.approx(slow, abs=0.02)


def test_one_person_says_nothing_of_others() -> None:
    assert np.isnan(accuracy_interval(np.array([True, False]), ["a", "a"])).all()
    assert np.isnan(bootstrap_interval(lambda rows: 1.0, ["a", "a"])).all()
    assert np.isnan(accuracy_interval(np.zeros(0, bool), [])).all()


def test_figures_that_cannot_be_told_in_some_draws_are_left_out() -> None:
    low, high = bootstrap_interval(lambda rows: float("nan") if rows[0] == 0 else 0.5, range(4))
    assert (low, high) == (0.5, 0.5)


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=12))
def test_whole_groups_are_drawn(groups: list[str]) -> None:
    own = {name: {i for i, g in enumerate(groups) if g == name} for name in set(groups)}
    draws = list(resamples(groups, count=5))
    assert len(draws) == (5 if len(own) > 1 else 0)
    for rows in draws:
        times = {name: sorted(rows.tolist().count(i) for i in own[name]) for name in own}
        assert all(len(set(t)) == 1 for t in times.values())  # all rows of a person, equally often
        assert sum(t[0] for t in times.values()) == len(own)


@given(st.lists(st.booleans(), min_size=2, max_size=40))
def test_the_interval_is_around_the_share_and_repeatable(right: list[bool]) -> None:
    values = np.array(right)
    low, high = accuracy_interval(values, range(len(values)), count=200)
    assert 0 <= low <= values.mean() + 1e-12
    assert values.mean() - 1e-12 <= high <= 1
    assert (low, high) == accuracy_interval(values, range(len(values)), count=200)


def test_a_row_a_group_is_drawn_as_groups_are() -> None:
    """The quick way for groups of one row gives the rows that the other way gives."""
    groups = list("cabdfe")
    twice = [name for name in groups for _ in range(2)]
    for one, two in zip(resamples(groups, 20), resamples(twice, 20), strict=True):
        assert (np.stack([2 * one, 2 * one + 1], 1).ravel() == two).all()
