"""Repetitions counted from a joint angle that is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.applications.coach.phases import Repeated, RepetitionPhases
from posemill.applications.coach.rules import Repetition

SPEC = Repetition(angle=("hip", "knee", "ankle"), top_deg=155, bottom_deg=120, minimum_range_deg=15)


def repeated(angles: list[float | None]) -> list[Repeated]:
    phases = RepetitionPhases(SPEC)
    return [done for i, a in enumerate(angles) if (done := phases.update(i / 10, a))]


@given(st.integers(1, 6), st.floats(60, 135), st.floats(-4, 4))
def test_every_cosine_is_one_repetition_with_its_least_angle(count: int, least: float, noise: float) -> None:
    phase = np.arange(0, count * 40 + 1) / 40
    wiggle = noise * (-1.0) ** np.arange(len(phase)) / 2
    angles = 175 - (175 - least) * (0.5 - 0.5 * np.cos(2 * np.pi * phase)) + wiggle
    done = repeated(angles.tolist())
    assert [r.number for r in done] == list(range(1, count + 1))
    assert all(abs(r.least_deg - least) <= abs(noise) / 2 + 1e-6 for r in done)
    assert [r.deepest_s for r in done] == pytest.approx([4 * i + 2 for i in range(count)], abs=0.3)


def test_too_little_movement_is_no_repetition() -> None:
    assert repeated([170, 150, 142, 150, 170]) == []


def test_a_repetition_under_way_at_the_start_does_not_count() -> None:
    assert repeated([80, 100, 170]) == []
    assert len(repeated([80, 100, 170, 90, 170])) == 1


def test_unknown_angles_change_nothing() -> None:
    assert len(repeated([170, 140, None, 90, None, None, 170])) == 1


def test_the_deepest_frame_is_told_when_it_comes() -> None:
    phases = RepetitionPhases(SPEC)
    deepest = []
    for i, angle in enumerate([170, 140, 100, 105, 95, 130, 170]):
        phases.update(i, angle)
        deepest.append(phases.deepest)
    assert deepest == [False, True, True, False, True, False, False]
