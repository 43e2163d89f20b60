"""Single poses judged: faults of known size, abstention, turned pictures, real plank frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coached_people import filmed
from posemill.applications.coach.judgement import Certainty, Verdict, judge_pose
from posemill.applications.coach.measures import KINDS, Seen
from posemill.applications.coach.rules import Phase, rules_of
from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17, OPENPOSE_18

SURE = np.ones(17)
MATERIAL = Path(__file__).resolve().parents[5] / "shared" / "apps" / "plank" / "plank.csv"


@pytest.mark.parametrize(("fault", "rule"), [("hips_high", "hips_too_high"), ("hips_low", "hips_too_low")])
def test_a_plank_fault_is_found_with_its_size(fault: str, rule: str) -> None:
    xy, space, _ = filmed("plank", fault, seed=21)
    exact = KINDS["bend"].function(Seen(space, np.ones(len(space), bool)), "shoulder", "hip", "ankle")
    frame = int(np.abs(exact - 177).argmax())
    judged = judge_pose(xy[frame], SURE, COCO_17, "plank")
    assert judged.worst is not None
    assert judged.worst.rule.name == rule == judged.likeliest
    assert judged.worst.value == pytest.approx(exact[frame], abs=4)
    assert "left_hip" in judged.worst.keypoints


def test_frontal_planks_are_not_judged() -> None:
    xy, _, _ = filmed("plank", "hips_high", seed=12, azimuth=0)
    judged = [judge_pose(p, SURE, COCO_17, "plank") for p in xy[::10]]
    assert not any(j.answered for j in judged)


def test_knees_are_judged_from_the_front_and_not_from_the_side() -> None:
    for azimuth, answered in ((10, True), (88, False)):
        xy, space, _ = filmed("squat", "knees_inward", seed=13, azimuth=azimuth)
        knee = KINDS["angle"].function(Seen(space, np.ones(len(space), bool)), "hip", "knee", "ankle")
        judged = judge_pose(xy[int(knee.argmin())], SURE, COCO_17, "squat")
        assert (judged.rules["knees_inward"].verdict is Verdict.FAULT) is answered
        assert (judged.rules["chest_forward"].verdict is Verdict.ABSTAIN) is answered


def test_hidden_legs_make_it_abstain_with_the_reason() -> None:
    xy, _, _ = filmed("plank", "hips_high", seed=14)
    confidence = SURE.copy()
    confidence[[13, 14, 15, 16]] = 0.05
    judged = judge_pose(xy[0], confidence, COCO_17, "plank")
    assert {r.verdict for r in judged.rules.values()} == {Verdict.ABSTAIN}
    assert "hidden" in judged.rules["hips_too_high"].reason or not judged.in_position


def test_too_few_keypoints_and_other_postures_are_not_in_position() -> None:
    few = np.full((17, 2), np.nan)
    few[:3] = 1.0
    assert not judge_pose(few, SURE, COCO_17, "plank").in_position
    standing = filmed("squat", None, seed=15)[0][0]
    judged = judge_pose(standing, SURE, COCO_17, "plank")
    assert not judged.in_position
    assert not judged.answered


@pytest.mark.parametrize(("turns", "turned"), [(1, lambda x, y: (y, -x)), (3, lambda x, y: (-y, x))])
def test_a_plank_in_a_turned_picture_reads_the_same(turns: int, turned: object) -> None:
    xy, _, _ = filmed("plank", None, seed=16)
    upright = judge_pose(xy[5], SURE, COCO_17, "plank")
    on_its_side = np.stack(turned(*xy[5].T), -1)  # type: ignore[operator]
    judged = judge_pose(on_its_side, SURE, COCO_17, "plank")
    assert {judged.quarter_turns, turns} <= {1, 3}
    assert judged.rules["hips_too_high"].value == pytest.approx(upright.rules["hips_too_high"].value)


def test_range_of_motion_is_judged_at_the_deepest_frame_only() -> None:
    xy, space, _ = filmed("push_up", "half_range", seed=17)
    elbow = KINDS["angle"].function(Seen(space, np.ones(len(space), bool)), "shoulder", "elbow", "wrist")
    deepest = xy[int(elbow.argmin())]
    assert judge_pose(deepest, SURE, COCO_17, "push_up").rules["half_range"].verdict is Verdict.ABSTAIN
    told = judge_pose(deepest, SURE, COCO_17, "push_up", Phase.REPETITION, Certainty(keypoint_error_m=0.01))
    assert told.rules["half_range"].verdict is Verdict.FAULT


def test_more_certainty_never_gives_more_answers() -> None:
    xy, _, _ = filmed("plank", None, seed=18)
    answers = []
    for fault in (0.8, 0.95, 0.999):
        sure = Certainty(fault=fault, correct=fault)
        answers.append(sum(judge_pose(p, SURE, COCO_17, "plank", certainty=sure).answered for p in xy[::4]))
    assert answers == sorted(answers, reverse=True)


def test_an_unknown_exercise_is_named() -> None:
    with pytest.raises(InputError, match="burpee"):
        judge_pose(np.zeros((17, 2)), SURE, COCO_17, "burpee")


def test_severity_comes_before_certainty() -> None:
    rules = rules_of("push_up")
    assert [r.severity for r in rules.rules if r.phase is Phase.REPETITION] == ["info"]


@pytest.mark.material
def test_real_plank_frames_in_a_turned_picture_beat_the_floor() -> None:
    if not MATERIAL.is_file():
        pytest.skip("no plank frames here")
    import pandas as pd

    table = pd.read_csv(MATERIAL).iloc[::31]
    part = {"shoulder": "sho", "elbow": "elb", "wrist": "wri", "hip": "hip", "knee": "kne", "ankle": "ank"}
    names = [f"{n[0]}{part.get(n.split('_')[-1], n.split('_')[-1])}" if "_" in n else n for n in OPENPOSE_18.keypoints]
    right = []
    for _, row in table.iterrows():
        xy = np.array([[row[f"{n}_x"], row[f"{n}_y"]] for n in names])
        confidence = np.nan_to_num(np.array([row[f"{n}_s"] for n in names]))
        judged = judge_pose(
            xy, confidence, OPENPOSE_18, "plank", certainty=Certainty(least_confidence=0.05, most_distance=1.0)
        )
        said = {"hips_too_high": "too_high", "hips_too_low": "too_low"}.get(judged.likeliest or "", "correct")
        right.append(said == row["label_name"])
    assert np.mean(right) > 0.698


@pytest.mark.parametrize("exercise", ["plank", "lunge"])
@given(seed=st.integers(0, 10_000), hidden=st.floats(0, 1), scale=st.sampled_from([0.0, 1e-6, 1.0, 1e6]))
@settings(max_examples=25, deadline=None)
def test_junk_is_judged_without_an_error_and_never_taken_for_the_exercise(
    exercise: str, seed: int, hidden: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    xy = scale * rng.normal(size=(17, 2))
    xy[rng.uniform(size=17) < hidden] = np.nan
    confidence = rng.uniform(size=17)
    judged = judge_pose(xy, confidence, COCO_17, exercise)
    assert set(judged.rules) == {rule.name for rule in rules_of(exercise).rules}
    assert not judged.answered or np.isfinite(xy[confidence >= 0.1]).sum() <= 20  # a few points may look like anything
