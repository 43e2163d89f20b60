"""Checks of known answers against known scenarios."""

from __future__ import annotations

from typing import Any

import pytest

from posemill.serving.schemas.activity import Person, Receipt, Segment, Verdict, VideoAnswer, VideoFacts
from posemill.uat.checks import check_scenario
from posemill.uat.scenarios import Scenario

RECEIPT = Receipt.of("posemill-analysis:a", dict.fromkeys(("model", "features", "classes"), "0" * 64))


def person(number: int, *said: tuple[float, float, str, float]) -> Person:
    segments = [Segment(start_s=a, end_s=b, activity=name, probability=p) for a, b, name, p in said]
    verdict = Verdict(activity=said[0][2], probability=said[0][3], probabilities={})
    return Person(person=number, start_s=0, end_s=6, poses=60, verdict=verdict, segments=segments)


def answer(*people: Person, acting: int | None = 0) -> VideoAnswer:
    facts = VideoFacts(width_px=640, height_px=480, frames=60, duration_s=6, skeleton="coco-17")
    verdict = next((p.verdict for p in people if p.person == acting), None)
    return VideoAnswer(video=facts, verdict=verdict, main_subject=acting, people=list(people), receipt=RECEIPT)


def scenario(**fields: Any) -> Scenario:
    expect = {"expect": [{"activity": "squat", "start_s": 1, "end_s": 4}]}
    return Scenario.model_validate({"name": "a", "owner": "anna", "path": "a.mp4", **expect, **fields})


SQUAT = person(0, (0.0, 1.2, "walk", 0.9), (1.2, 3.8, "squat", 0.8), (3.8, 6.0, "walk", 0.9))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, None),
        ({"tolerance_s": 0.1}, "begins at 1.20 s, 0.20 s late (0.1 s allowed); ends at 3.80 s, 0.20 s early"),
        ({"min_probability": 0.85}, "mean probability 0.80, 0.85 required"),
        ({"min_overlap": 0.9}, "covers 87% of 1 to 4 s, 90% required"),
        ({"expect": [{"activity": "squat", "start_s": 3}]}, "covers 27% of 3 to 6 s, 60% required"),
        ({"expect": [{"activity": "squat", "end_s": 4}], "min_overlap": 0.5}, None),
        ({"expect": [{"activity": "lunge", "start_s": 1, "end_s": 4}]}, "covers 0% of 1 to 4 s"),
        ({"expect": [{"activity": "walk"}]}, None),
        ({"expect": [{"activity": "walk"}], "min_probability": 0.95}, "verdict walk with 0.90, 0.95 required"),
        ({"expect": [{"activity": "squat"}]}, "verdict walk with 0.90"),
        ({"never": ["fall"]}, None),
        ({"never": ["squat"]}, "found from 1.20 to 3.80 s with 0.80"),
        ({"never": ["squat"], "tolerance_s": 3}, None),
    ],
)
def test_each_limit_is_held(fields: dict[str, Any], says: str | None) -> None:
    outcome = check_scenario(scenario(**fields), answer(SQUAT))
    failures = "; ".join(check.says for check in outcome.checks if not check.passed)
    assert outcome.passed is (says is None), failures
    assert (says or "") in failures


def test_the_worst_moment_is_where_it_is_answered_otherwise_else_where_it_is_least_sure() -> None:
    early = [{"activity": "squat", "start_s": 0.8, "end_s": 4}]
    (check,) = check_scenario(scenario(expect=early), answer(SQUAT)).checks
    assert (check.moment_s, check.answered) == (pytest.approx(1.0), "walk 0.90")
    unsure = person(0, (0.0, 2.0, "squat", 0.9), (2.0, 3.0, "squat", 0.6), (3.0, 6.0, "squat", 0.9))
    (check,) = check_scenario(scenario(tolerance_s=9), answer(unsure)).checks
    assert (check.passed, check.moment_s, check.answered) == (True, 2.5, "squat 0.60")
    gap = person(0, (0.0, 2.0, "squat", 0.9), (3.5, 6.0, "squat", 0.9))
    (check,) = check_scenario(scenario(tolerance_s=9), answer(gap)).checks
    assert (check.moment_s, check.answered) == (2.75, "nothing")
    to_the_last_pose = person(0, (0.0, 5.95, "squat", 0.9))
    (check,) = check_scenario(scenario(expect=[{"activity": "squat"}]), answer(to_the_last_pose)).checks
    assert (check.moment_s, check.answered) == (2.975, "squat 0.90")


def test_the_main_subject_is_checked_unless_another_person_is_named() -> None:
    other = person(1, (0.0, 6.0, "wave", 0.9))
    assert check_scenario(scenario(), answer(other, SQUAT, acting=0)).passed
    assert not check_scenario(scenario(), answer(other, SQUAT, acting=1)).passed
    assert check_scenario(scenario(person="any"), answer(other, SQUAT, acting=1)).person == 0
    assert check_scenario(scenario(person=0), answer(other, SQUAT, acting=1)).passed
    assert scenario(person="acting").person == "main_subject"  # its former name
    gone = check_scenario(scenario(person=7), answer(other))
    assert (gone.person, gone.checks[0].says) == (None, "no person 7 was found in the clip")
    assert check_scenario(scenario(), answer(acting=None)).checks[0].says == "nobody was found in the clip"
