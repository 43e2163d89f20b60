"""What was not found, as other tools write it."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.pose.unseen import hide_not_found, not_found


@pytest.mark.parametrize(
    ("xy", "confidence", "missing"),
    [
        ((0, 0), 0, True),
        ((-1, -1), 0, True),
        ((0, -3), 0, True),  # OpenPifPaf moves its zeros with the padding
        ((0, 0), np.nan, True),
        ((0, 0), 0.9, False),
        ((-4, 7), 0.3, False),  # outside the picture, and placed
        ((5, 7), 0, False),
        ((np.nan, np.nan), 0.9, True),
        ((0, 0), None, True),
        ((-1, -1), None, True),
        ((-1, 5), None, False),
        ((0, 5), None, False),
    ],
)
def test_the_rule(xy: tuple[float, float], confidence: float | None, missing: bool) -> None:
    given = None if confidence is None else np.array([confidence])
    assert not_found(np.array([xy], np.float64), given).tolist() == [missing]
    hidden, sure = hide_not_found(np.array([xy], np.float32), given)
    assert np.isnan(hidden).all() == missing
    assert hidden.dtype == np.float32
    if sure is not None and missing:
        assert sure.tolist() == [0]


def test_space_has_negative_places() -> None:
    xyz = np.array([[0, 0, 0], [-1, -1, -1], [-0.2, -0.1, 2]], np.float64)
    assert not_found(xyz).tolist() == [True, False, False]
    assert not_found(xyz, np.zeros(3)).tolist() == [True, False, False]
