from __future__ import annotations

import math

from posemill.evaluation.robustness.consistency import consistency


def test_by_hand() -> None:
    """Of four clips one changes its verdict, from right to wrong, one gives none, and one is wrong both times."""
    before, after = {1: 0, 2: 1, 3: 2, 4: 0}, {1: 0, 2: 0, 4: 0, 99: 5}
    found = consistency("10 frames/s", before, after, {1: 0, 2: 1, 3: 2, 4: 1})
    assert (found.condition, found.clips, found.same, found.missing) == ("10 frames/s", 4, 2, 1)
    assert found.share == 0.5
    assert found.accuracy == 0.25


def test_no_clip_is_no_figure() -> None:
    found = consistency("60 frames/s", {}, {}, {})
    assert math.isnan(found.share)
    assert math.isnan(found.accuracy)
