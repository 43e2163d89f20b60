from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posemill.applications.repetitions.segments import Integrator, Span


def _spans(density: np.ndarray, cuts: list[int]) -> list[Span]:
    integrator, found = Integrator(), []
    for part in np.split(density.astype(np.float32), cuts):
        found += integrator.push(part)
    return found + integrator.finish()


def test_a_set_of_seven_at_two_seconds_each_is_seven() -> None:
    density = np.concatenate([np.zeros(30), np.full(140, 0.05), np.zeros(60)])
    spans = _spans(density, [])
    assert len(spans) == 7
    np.testing.assert_allclose([s.start for s in spans], 30 + 20 * np.arange(7), atol=1.1)
    np.testing.assert_allclose([s.end for s in spans], 50 + 20 * np.arange(7), atol=1.1)
    assert all(s.start < s.middle < s.end for s in spans)


def test_most_of_a_last_repetition_counts_and_little_of_one_does_not() -> None:
    assert len(_spans(np.concatenate([np.full(56, 0.05), np.zeros(60)]), [])) == 3
    assert len(_spans(np.concatenate([np.full(46, 0.05), np.zeros(60)]), [])) == 2


def test_what_leaks_in_while_nothing_happens_never_adds_up() -> None:
    assert _spans(np.full(20_000, 0.003), []) == []


def test_a_repetition_that_a_cut_divides_counts_once() -> None:
    before = Integrator()
    assert len(before.push(np.full(29, 0.05, np.float32))) == 1
    after = Integrator(before.under_way)
    spans = after.push(np.full(31, 0.05, np.float32)) + after.finish()
    assert len(spans) == 2
    assert spans[0].start == 0
    np.testing.assert_allclose([s.end for s in spans], [11, 31], atol=1.1)


@given(st.integers(0, 10_000), st.lists(st.integers(1, 399), max_size=8))
def test_the_parts_in_which_it_comes_do_not_matter(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    density = np.repeat(rng.choice([0, 0.02, 0.05, 0.15], 20), 20)
    assert _spans(density, []) == _spans(density, sorted(cuts))


@given(st.integers(0, 10_000))
def test_spans_follow_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spans = _spans(np.repeat(rng.choice([0, 0.02, 0.05, 0.15], 20), 20), [])
    edges = [edge for s in spans for edge in (s.start, s.middle, s.end)]
    assert edges == sorted(edges)
