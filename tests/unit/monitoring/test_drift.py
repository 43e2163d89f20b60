"""PSI and KS against figures counted by hand, and each kind of change against its limit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from posemill.monitoring.drift import BINS, EMPTY, compare, ks, mix_psi, psi
from posemill.monitoring.live import Live, live
from posemill.monitoring.reference import Reference
from posemill.params.monitor import MonitorParams


def test_psi_of_names_is_what_is_counted_by_hand() -> None:
    trained, seen = ["a"] * 50 + ["b"] * 50, ["a"] * 30 + ["b"] * 70
    by_hand = (0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5)
    assert mix_psi(trained, seen) == pytest.approx(by_hand)
    assert mix_psi(trained, trained) == pytest.approx(0)
    gone = (1 - 0.5) * np.log(1 / 0.5) + (EMPTY - 0.5) * np.log(EMPTY / 0.5)
    assert mix_psi(trained, ["a"] * 20) == pytest.approx(gone)


def test_psi_of_numbers_is_over_ten_equal_parts_of_training() -> None:
    trained = np.arange(1000.0)
    assert psi(trained, trained) == pytest.approx(0)
    upper = trained[trained > 499.5]  # five parts are empty, the others hold twice their share
    by_hand = 5 * (EMPTY - 0.1) * np.log(EMPTY / 0.1) + 5 * (0.2 - 0.1) * np.log(0.2 / 0.1)
    assert psi(trained, upper) == pytest.approx(by_hand, rel=1e-6)


def test_what_was_always_the_same_in_training_is_noticed_when_it_changes() -> None:
    assert psi(np.zeros(100), np.zeros(50)) == pytest.approx(0)
    changed = psi(np.zeros(100), np.full(50, 0.2))
    assert changed is not None
    assert changed > 1


def test_ks_is_the_largest_distance() -> None:
    assert ks(np.array([1.0, 2, 3, 4]), np.array([3.0, 4, 5, 6])) == pytest.approx(0.5)
    assert ks(np.zeros(9), np.zeros(9)) == 0
    assert ks(np.zeros(9), np.zeros(0)) is None


def test_too_little_is_not_measured() -> None:
    assert psi(np.arange(100.0), np.arange(BINS - 1.0)) is None
    assert mix_psi(["a"] * 50, ["a"]) is None


RNG = np.random.default_rng(0)
TRAINED = Reference(
    5000,
    {
        "body_px": tuple(np.sort(RNG.normal(200, 30, 500))),
        "missing": tuple(np.sort(RNG.beta(1, 20, 500))),
        "keypoint_confidence": tuple(np.sort(RNG.uniform(0.5, 0.9, 500))),
    },
    {"wave": 3000, "squat": 2000},
)


def rows(n: int = 100, size: float = 1.0, missing: float = 0.0, sure: float = 0.0, waves: float = 0.6) -> list[Any]:
    """Answers with four windows each, drawn as the training data were, then changed."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(n):
        summary = {
            "windows": 4,
            "body_px": (size * rng.normal(200, 30, 4)).tolist(),
            "missing": (missing + rng.beta(1, 20, 4)).tolist(),
            "keypoint_confidence": (rng.uniform(0.5, 0.9, 4) - sure).tolist(),
            "activities": ["wave" if v < waves else "squat" for v in rng.random(4)],
        }
        made.append(
            {
                "added_at": datetime(2030, 1, 1, tzinfo=UTC),
                "bento_tag": "b:1",
                "endpoint": "/predict_track",
                "client": None,
                "confidence": 0.9,
                "latency_ms": 3.0,
                "prediction": summary,
            }
        )
    return made


@pytest.mark.parametrize(
    ("change", "drifted"),
    [
        ({}, set()),
        ({"size": 0.5}, {"body_px"}),
        ({"missing": 0.2}, {"missing"}),
        ({"sure": 0.25}, {"keypoint_confidence"}),
        ({"waves": 0.1}, {"activity"}),
        ({"size": 2.0, "waves": 0.05}, {"body_px", "activity"}),
    ],
)
def test_every_kind_of_change_is_named(change: dict[str, float], drifted: set[str]) -> None:
    found = compare(TRAINED, live(rows(**change)), MonitorParams())
    assert {d.figure for d in found if not d.passed} == drifted
    for d in found:
        assert ("above" in d.says) == (d.figure in drifted)


def test_a_limit_that_is_switched_off_holds() -> None:
    off = MonitorParams(max_psi=None, max_ks=None, max_activity_psi=None)
    found = compare(TRAINED, live(rows(size=0.2, waves=0.0)), off)
    assert all(d.passed for d in found)
    assert found[0].psi is not None
    assert found[0].psi > 1


def test_rows_without_windows_and_without_a_person() -> None:
    some = rows(2)
    some[0]["prediction"] = None
    some[1]["prediction"]["body_px"][0] = None
    seen: Live = live(some)
    assert (seen.answers, seen.windows) == (2, 4)
    assert np.isnan(seen.values["body_px"]).sum() == 1
    assert live([]).answers == 0
    assert [d.psi for d in compare(TRAINED, live([]), MonitorParams())] == [None] * 4
