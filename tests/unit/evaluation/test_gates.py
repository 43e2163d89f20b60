from __future__ import annotations

import math

import pytest

from posemill.errors import GateError
from posemill.evaluation import gates
from posemill.params.evaluate import Gates

GOOD = {"accuracy": 0.9, "macro_f1": 0.9, "ece": 0.05, "clips": 40, "class_recall": 0.6}
FOUR = Gates(min_class_recall=None, max_accuracy_lost_to_dropout=None, min_frame_rate_consistency=None)


def test_figures_on_the_right_side_pass_every_gate() -> None:
    outcomes = gates.check(GOOD, FOUR)
    assert {o.gate for o in outcomes} == {"min_accuracy", "min_macro_f1", "max_ece", "min_clips"}
    assert all(o.passed for o in outcomes)
    gates.require(GOOD, FOUR)


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"accuracy": 0.79}, "min_accuracy"),
        ({"macro_f1": 0.1}, "min_macro_f1"),
        ({"ece": 0.3}, "max_ece"),
        ({"clips": 7}, "min_clips"),
    ],
)
def test_one_bad_figure_fails_its_gate_only(change: dict[str, float], gate: str) -> None:
    failed = [o.gate for o in gates.check(GOOD | change, FOUR) if not o.passed]
    assert failed == [gate]


def test_the_sentence_names_the_number_and_the_limit() -> None:
    with pytest.raises(GateError, match=r"accuracy is 0\.5, min_accuracy asks for at least 0\.8"):
        gates.require(GOOD | {"accuracy": 0.5}, FOUR)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_figure_that_is_no_number_fails(value: float | None) -> None:
    with pytest.raises(GateError, match="accuracy was not measured"):
        gates.require(GOOD | {"accuracy": value}, FOUR)


def test_a_gate_of_none_is_off_and_a_limit_itself_passes() -> None:
    gates.require({"accuracy": 0.8}, FOUR.model_copy(update={"min_macro_f1": None, "max_ece": None, "min_clips": None}))


def test_the_optional_gate_judges_the_weakest_class() -> None:
    with pytest.raises(GateError, match=r"class recall is 0\.6"):
        gates.require(GOOD, FOUR.model_copy(update={"min_class_recall": 0.7}))
