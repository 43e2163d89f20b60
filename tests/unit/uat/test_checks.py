"""Answers that are known against scenarios that are known."""

from __future__ import annotations

from typing import Any

import pytest

from posemill.serving.schemas.activity import Person, Receipt, Segment, Verdict, VideoAnswer, VideoFacts
from posemill.uat.checks import judge
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
        ({"tolerance_s": 0.1}, "it begins at 1.20 s, 0.20 s late (0.1 s allowed); it ends at 3.80 s, 0.20 s early"),
        ({"min_probability": 0.85}, "its probability is 0.80, 0.85 needed"),
        ({"min_overlap": 0.9}, "87% of 1 to 4 s is answered so, 90% needed"),
        ({"expect": [{"activity": "squat", "start_s": 3}]}, "27% of 3 to 6 s is answered so, 60% needed"),
        ({"expect": [{"activity": "squat", "end_s": 4}], "min_overlap": 0.5}, None),
        ({"expect": [{"activity": "lunge", "start_s": 1, "end_s": 4}]}, "0% of 1 to 4 s is answered so"),
        ({"expect": [{"activity": "walk"}]}, None),
        ({"expect": [{"activity": "walk"}], "min_probability": 0.95}, "the verdict is walk with 0.90, 0.95 needed"),
        ({"expect": [{"activity": "squat"}]}, "the verdict is walk with 0.90"),
        ({"never": ["fall"]}, None),
        ({"never": ["squat"]}, "found from 1.20 to 3.80 s with 0.80"),
        ({"never": ["squat"], "tolerance_s": 3}, None),
    ],
)
def test_each_limit_is_held(fields: dict[str, Any], says: str | None) -> None:
    judged = judge(scenario(**fields), answer(SQUAT))
    told = "; ".join(check.says for check in judged.checks if not check.passed)
    assert judged.passed is (says is None), told
    assert (says or "") in told


def test_the_worst_moment_is_where_it_is_answered_otherwise_else_where_it_is_least_sure() -> None:
    early = [{"activity": "squat", "start_s": 0.8, "end_s": 4}]
    (check,) = judge(scenario(expect=early), answer(SQUAT)).checks
    assert (check.moment_s, check.answered) == (pytest.approx(1.0), "walk 0.90")
    unsure = person(0, (0.0, 2.0, "squat", 0.9), (2.0, 3.0, "squat", 0.6), (3.0, 6.0, "squat", 0.9))
    (check,) = judge(scenario(tolerance_s=9), answer(unsure)).checks
    assert (check.passed, check.moment_s, check.answered) == (True, 2.5, "squat 0.60")
    gap = person(0, (0.0, 2.0, "squat", 0.9), (3.5, 6.0, "squat", 0.9))
    (check,) = judge(scenario(tolerance_s=9), answer(gap)).checks
    assert (check.moment_s, check.answered) == (2.75, "nothing")
    to_the_last_pose = person(0, (0.0, 5.95, "squat", 0.9))
    (check,) = judge(scenario(expect=[{"activity": "squat"}]), answer(to_the_last_pose)).checks
    assert (check.moment_s, check.answered) == (2.975, "squat 0.90")


def test_the_person_who_acts_counts_unless_another_is_named() -> None:
    other = person(1, (0.0, 6.0, "wave", 0.9))
    assert judge(scenario(), answer(other, SQUAT, acting=0)).passed
    assert not judge(scenario(), answer(other, SQUAT, acting=1)).passed
    assert judge(scenario(person="any"), answer(other, SQUAT, acting=1)).person == 0
    assert judge(scenario(person=0), answer(other, SQUAT, acting=1)).passed
    gone = judge(scenario(person=7), answer(other))
    assert (gone.person, gone.checks[0].says) == (None, "no person 7 was found in the clip")
    assert judge(scenario(), answer(acting=None)).checks[0].says == "nobody was found in the clip"
