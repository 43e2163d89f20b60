"""Answers of `posemill try` as lines: they say whom the verdict means."""

from __future__ import annotations

from typing import Any

from posemill.cli.try_ import described
from posemill.prediction.schema import Person, Prediction, Segment, Verdict, VideoFacts


def person(number: int, place: str | None, activity: str) -> Person:
    verdict = Verdict(activity=activity, probability=0.9, probabilities={activity: 0.9})
    segment = Segment(start_s=0, end_s=4, activity=activity, probability=0.9)
    return Person(person=number, start_s=0, end_s=4, poses=100, place=place, verdict=verdict, segments=[segment])


def answer(*people: Person, subject: int) -> dict[str, Any]:
    facts = VideoFacts(width_px=640, height_px=360, frames=100, duration_s=4, skeleton="coco-17")
    verdict = next(p.verdict for p in people if p.person == subject)
    said = Prediction(video=facts, verdict=verdict, main_subject=subject, people=list(people))
    top = {"activity": verdict.activity, "probability": verdict.probability} if verdict else {}
    return {"file": "gym.mp4", **top, "note": None, "answer": said.model_dump(mode="json")}


def test_the_verdict_names_its_person_by_number_and_place_and_then_the_others() -> None:
    lines = described(answer(person(0, "left", "stand"), person(1, "middle", "squat"), subject=1))
    assert lines[0] == "gym.mp4: squat (0.90), person 1 (middle), seen 0.0 to 4.0 s"
    assert lines[2:] == ["  also person 0 (left), seen 0.0 to 4.0 s: stand (0.90)"]


def test_a_service_that_gives_no_place_is_understood() -> None:
    (first, _) = described(answer(person(0, None, "wave"), subject=0))
    assert first == "gym.mp4: wave (0.90), person 0, seen 0.0 to 4.0 s"
