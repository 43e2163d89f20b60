from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.operations.accept import summarise
from posemill.params.package import AcceptanceParams
from posemill.serving.schemas.activity import Person, Receipt, Segment, Verdict, VideoAnswer, VideoFacts
from posemill.stages.held_out_clips import HeldOutClip, answer_between, choose

NAN = float("nan")


def clip(number: int, activity: str, start_s: float = 0.0, end_s: float = NAN) -> HeldOutClip:
    return HeldOutClip(number, "m", "video", start_s, end_s, activity)


def answer(*segments: tuple[float, float, str, float], verdict: str | None = "wave") -> VideoAnswer:
    """A video of 10 s in which person 1 acts."""
    said = Verdict(activity=verdict, probability=0.6, probabilities={verdict: 0.6}) if verdict else None
    rows = [Segment(start_s=a, end_s=b, activity=c, probability=p) for a, b, c, p in segments]
    people = [
        Person(person=i, start_s=0, end_s=10, poses=9, verdict=said, segments=rows if i == 1 else []) for i in (0, 1)
    ]
    facts = VideoFacts(width_px=4, height_px=4, frames=9, duration_s=10, skeleton="coco-17")
    receipt = Receipt.of(None, {"model": "", "features": "", "classes": ""})
    return VideoAnswer(
        video=facts,
        verdict=said,
        main_subject=1 if verdict else None,
        people=people if verdict else [],
        receipt=receipt,
    )


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), st.integers(1, 20))
def test_choice_is_spread_over_activities(activities: list[str], count: int) -> None:
    clips = [clip(i, a) for i, a in enumerate(activities)]
    chosen = choose(clips, count)
    assert len({c.clip for c in chosen}) == len(chosen) == min(count, len(clips))
    kinds = {c.activity for c in chosen}
    assert len(kinds) == min(count, len(set(activities)))


def test_choice_takes_clips_from_all_over_an_activity() -> None:
    assert [c.clip for c in choose([clip(i, "a") for i in range(9)], 3)] == [0, 4, 8]


def test_a_whole_video_is_answered_by_the_verdict() -> None:
    said = answer((0, 10, "squat", 0.9))
    assert answer_between(said, clip(0, "wave")) == ("wave", 0.6)
    assert answer_between(said, clip(0, "wave", 0.0, 9.95)) == ("wave", 0.6)


def test_a_stretch_is_answered_by_what_is_done_in_it() -> None:
    said = answer((0, 4, "rest", 0.9), (4, 5, "squat", 1.0), (5, 10, "wave", 0.5))
    assert answer_between(said, clip(0, "rest", 1.0, 4.0)) == ("rest", pytest.approx(0.9))
    assert answer_between(said, clip(0, "squat", 4.0, 6.0)) == ("squat", pytest.approx(0.5))
    assert answer_between(said, clip(0, "wave", 6.0, NAN)) == ("wave", pytest.approx(0.5))


def test_no_answer_is_a_wrong_answer() -> None:
    assert answer_between(answer(verdict=None), clip(0, "wave")) == (None, 0.0)
    assert answer_between(answer((0, 2, "rest", 1.0)), clip(0, "wave", 5.0, 6.0)) == (None, 0.0)


@pytest.mark.parametrize(("right", "passed"), [(7, True), (6, False), (0, False)])
def test_the_threshold_is_the_parameters(right: int, passed: bool) -> None:
    rows = [{"right": i < right} for i in range(10)]
    result = summarise(AcceptanceParams(min_right=0.7), "b:1", rows, 3.0)
    assert result.passed is passed
    verb = "accepted" if passed else "rejected"
    assert result.says == f"b:1 is {verb}: {right} of 10 held-out clips right ({right / 10:.0%}), 70% required"
