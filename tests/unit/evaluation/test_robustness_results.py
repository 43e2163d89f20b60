from __future__ import annotations

import math

import pytest

from posemill.evaluation.gates import check
from posemill.evaluation.robustness.consistency import Consistency
from posemill.evaluation.robustness.perturbations import PerturbationAccuracy
from posemill.evaluation.robustness.results import RobustnessResults
from posemill.params.evaluate import Gates

BUDGET = {"jitter": 0.02, "swaps": 0.1}
STRAINS = [
    PerturbationAccuracy("jitter", 0.0, 0.9),
    PerturbationAccuracy("jitter", 0.01, 0.9),
    PerturbationAccuracy("jitter", 0.02, 0.8),
    PerturbationAccuracy("jitter", 0.04, 0.4),
    PerturbationAccuracy("swaps", 0.0, 0.9),
    PerturbationAccuracy("swaps", 0.05, 0.95),
    PerturbationAccuracy("swaps", 0.1, 0.95),
    PerturbationAccuracy("swaps", 0.2, 0.9),
]


def test_figures_have_the_names_that_the_gates_ask_for() -> None:
    rates = [Consistency("10 frames/s", 20, 18, 1, 0.85), Consistency("60 frames/s", 20, 20, 0, 0.9)]
    streams = {"stream_f1_50": 0.6, "stream_false_alarms_per_hour": 12.0, "stream_time_to_alert_s": 2.5}
    tried = RobustnessResults(
        BUDGET | {"dropout": 0.2},
        [*STRAINS, PerturbationAccuracy("dropout", 0, 0.9), PerturbationAccuracy("dropout", 0.2, 0.9)],
        rates,
        Consistency("keypoints of another backend", 10, 7, 0, 0.7),
        streams,
    )
    found = tried.metrics()
    assert round(found["accuracy_lost_to_jitter"], 9) == 0.1
    assert round(found["accuracy_lost_to_swaps"], 9) == -0.05  # a gain is a gain
    assert found["frame_rate_consistency"] == 0.9
    at_60 = found["frame_rates"]["60 frames/s"]
    assert (at_60["consistency"], at_60["accuracy"], at_60["consistency_high"]) == (1.0, 0.9, 1.0)
    assert at_60["consistency_low"] == pytest.approx(20 / (20 + 1.96**2), abs=1e-3)  # Wilson's, where all are the same
    assert found["noise"]["jitter"] == {"0": 0.9, "0.01": 0.9, "0.02": 0.8, "0.04": 0.4}
    assert (found["backend_consistency"], found["backend_accuracy"]) == (0.7, 0.7)
    limits = {
        "max_accuracy_lost_to_jitter": 0.05,
        "max_accuracy_lost_to_swaps": 0.05,
        "max_accuracy_lost_to_dropout": 0.05,
        "min_frame_rate_consistency": 0.95,
        "min_backend_consistency": 0.9,
        "max_stream_false_alarms_per_hour": 10.0,
        "max_stream_time_to_alert_s": 2.0,
        "min_stream_f1_50": 0.5,
    }
    off = dict.fromkeys(("min_accuracy", "min_macro_f1", "min_class_recall", "max_ece", "min_clips"))
    outcomes = {o.gate: o for o in check(found, Gates(**limits, **off))}
    assert set(outcomes) == set(limits)
    assert {name for name, o in outcomes.items() if o.passed} == {
        "max_accuracy_lost_to_swaps",
        "max_accuracy_lost_to_dropout",
        "min_stream_f1_50",
    }
    assert outcomes["min_frame_rate_consistency"].says == (
        "frame rate consistency is 0.9, min_frame_rate_consistency asks for at least 0.95"
    )


def test_what_was_not_tried_has_no_figure_and_fails_its_gate() -> None:
    assert RobustnessResults(BUDGET).metrics() == {}
    gates = Gates(**dict.fromkeys(Gates.model_fields) | {"min_backend_consistency": 0.5})
    (outcome,) = check(RobustnessResults(BUDGET, STRAINS).metrics(), gates)
    assert not outcome.passed
    assert "was not measured" in outcome.says


def test_rates_without_a_clip_are_no_agreement() -> None:
    found = RobustnessResults(BUDGET, rates=[Consistency("10 frames/s", 0, 0, 0, math.nan)]).metrics()
    assert math.isnan(found["frame_rate_consistency"])
