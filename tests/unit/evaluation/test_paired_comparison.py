from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.evaluation.paired_comparison import compare_paired


def clips(both: int, gained: int, lost: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Clips that both, only the challenger, only the champion, or none of them has right."""
    challenger = np.repeat([True, True, False, False], [both, gained, lost, neither])
    return challenger, np.repeat([True, False, True, False], [both, gained, lost, neither])


def test_by_hand() -> None:
    """McNemar: 9 to 1 of ten that differ; 2 · (1 + 10) / 2¹⁰ by chance. The difference is 8 of 100 ± 1.96 · 0.0306."""
    found = compare_paired(*clips(80, 9, 1, 10))
    assert (found.clips, found.gained, found.lost) == (100, 9, 1)
    assert (found.challenger, found.champion) == (0.89, 0.81)
    assert found.difference == pytest.approx(0.08)
    assert found.p_value == pytest.approx(2 * 11 / 1024)
    assert (found.low, found.high) == (pytest.approx(0.02, abs=0.011), pytest.approx(0.14, abs=0.011))
    assert found.better


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (4, 0), (10, 9), (3, 9)])
def test_a_little_better_is_not_better(gained: int, lost: int) -> None:
    """Four clips gained and none lost are one of eight by chance, whatever the bootstrap of so few says."""
    assert not compare_paired(*clips(80, gained, lost, 5)).better


def test_no_clip_is_no_proof() -> None:
    assert not compare_paired(np.zeros(0, bool), np.zeros(0, bool)).better


@given(*(st.integers(0, 30) for _ in range(4)))
def test_never_both_are_better_than_the_other(both: int, gained: int, lost: int, neither: int) -> None:
    challenger, champion = clips(both, gained, lost, neither)
    there, back = compare_paired(challenger, champion), compare_paired(champion, challenger)
    assert not (there.better and back.better)
    assert there.p_value == pytest.approx(back.p_value)
    if there.better:
        assert gained > lost
