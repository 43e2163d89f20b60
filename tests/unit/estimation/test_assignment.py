"""Linear assignment, against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from posemill.estimation.tracking.assignment import linear_assignment


@pytest.mark.parametrize("seed", range(40))
def test_the_pairs_are_those_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 12, 2)
    gain = rng.random((rows, columns)) * (rng.random((rows, columns)) < 0.6)
    pairs = linear_assignment(gain)
    assert len(pairs) == len({r for r, _ in pairs}) == len({c for _, c in pairs}) == min(rows, columns)
    expected = linear_sum_assignment(gain, maximize=True)
    assert sum(gain[pair] for pair in pairs) == pytest.approx(gain[expected].sum())
    assert {p for p in pairs if gain[p] > 0} == {p for p in zip(*expected, strict=True) if gain[p] > 0}


def test_nothing_to_assign() -> None:
    assert linear_assignment(np.zeros((0, 3))) == linear_assignment(np.zeros((3, 0))) == []
