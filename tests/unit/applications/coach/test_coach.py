"""The application: corrections one at a time, with hysteresis, on streams whose faults are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from coached_people import SIZE_PX, coached, filmed
from posemill.applications.coach.coach import FormCoach
from posemill.applications.coach.rules import rules_of
from posemill.applications.protocol import Severity, StreamFacts, TrackedFrame, TrackedPose
from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17, Skeleton


def test_a_sagging_plank_is_corrected_once_and_ended_at_the_end() -> None:
    xy, _, time_s = filmed("plank", "hips_low", seed=21)
    events, coach = coached(xy, time_s, finish=False, exercise="plank")
    assert [e.kind for e in events if "correct" in e.kind] == ["correction"]
    said = events[0]
    assert said.details["rule"] == "hips_too_low"
    assert said.message == rules_of("plank").rules[1].say
    assert said.severity is Severity.WARNING
    assert float(said.details["excess_deg"] or 0) > 0
    assert said.time_s - said.start_s >= 0.4
    shown = coach.annotations()[0]
    assert shown.text.startswith("hips too low")
    assert "left_hip" in shown.keypoints
    ended = coach.finish()
    assert [e.kind for e in ended] == ["correction_ended"]
    assert ended[0].end_s is not None


@pytest.mark.parametrize("exercise", ["squat", "push_up", "lunge"])
def test_good_repetitions_are_counted_and_praised_not_corrected(exercise: str) -> None:
    xy, _, time_s = filmed(exercise, None, seed=24, duration_s=9.0)
    events, coach = coached(xy, time_s, exercise=exercise)
    kinds = [e.kind for e in events]
    assert "correction" not in kinds
    assert kinds.count("correct") == 1
    assert 2 <= kinds.count("repetition") <= 4
    assert coach.summary()["repetitions"] == kinds.count("repetition")


@pytest.mark.parametrize(
    ("exercise", "fault", "rule", "azimuth", "seed"),
    [
        ("squat", "knees_inward", "knees_inward", 10, 28),
        ("squat", "back_rounded", "chest_forward", 80, 28),
        ("squat", "shallow", "too_shallow", 85, 28),
        ("push_up", "hips_low", "hips_sag", 80, 22),
        ("push_up", "half_range", "half_range", 88, 28),
        ("lunge", "knee_over_toe", "knee_over_toe", 80, 28),
        ("lunge", "trunk_forward", "chest_forward", 80, 28),
    ],
)
def test_every_fault_is_spoken_of(exercise: str, fault: str, rule: str, azimuth: float, seed: int) -> None:
    xy, _, time_s = filmed(exercise, fault, seed=seed, azimuth=azimuth, duration_s=9.0)
    events, _ = coached(xy, time_s, exercise=exercise)
    assert rule in [e.details["rule"] for e in events if e.kind == "correction"]


def test_never_two_corrections_at_a_time() -> None:
    for seed in range(3):
        xy, _, time_s = filmed("lunge", ("knee_over_toe", "trunk_forward", "shallow")[seed], seed=30 + seed)
        noisy = xy + np.random.default_rng(seed).normal(0, 6, xy.shape)
        events, _ = coached(noisy, time_s, exercise="lunge")
        open_now = 0
        for event in events:
            open_now += {"correction": 1, "corrected": -1, "correction_ended": -1}.get(event.kind, 0)
            assert open_now in (0, 1)
        assert open_now == 0


def test_a_fault_that_is_gone_is_taken_back() -> None:
    bad, good = filmed("plank", "hips_high", seed=22)[0], filmed("push_up", None, seed=23)[0]
    xy = np.concatenate([bad[:30], np.repeat(good[:1], 30, 0)])
    events, _ = coached(xy, np.arange(60) / 10, exercise="plank", keypoint_error_m=0.01)
    kinds = [e.kind for e in events]
    assert kinds[:2] == ["correction", "corrected"]
    gone = events[1]
    assert gone.end_s is not None
    assert 2.5 < gone.end_s < 3.4
    assert gone.time_s >= gone.end_s + 0.5
    assert kinds[2:] == ["correct"]


def test_a_single_bad_frame_is_not_spoken_of() -> None:
    good, bad = filmed("push_up", None, seed=23)[0], filmed("plank", "hips_high", seed=23)[0]
    xy = np.repeat(good[:1], 40, 0)
    xy[20] = bad[0]
    events, _ = coached(xy, np.arange(40) / 10, exercise="plank", smoothing_s=0)
    assert "correction" not in [e.kind for e in events]


def test_two_people_are_judged_apart_and_who_left_is_forgotten() -> None:
    one, two = filmed("plank", "hips_low", seed=27)[0], filmed("plank", "hips_high", seed=27)[0]
    coach = FormCoach(exercise="plank")
    coach.start(StreamFacts(COCO_17, *SIZE_PX))
    events = []
    for i in range(60):
        people = {7: TrackedPose(one[i % 60].astype(np.float32), np.ones(17, np.float32))}
        if i < 20:
            people[9] = TrackedPose(two[i].astype(np.float32), np.ones(17, np.float32))
        events += coach.update(TrackedFrame(i, i / 10, people))
    said = {(e.person, e.kind): e.details["rule"] for e in events if "rule" in e.details}
    assert said[7, "correction"] == "hips_too_low"
    assert said[9, "correction"] == "hips_too_high"
    assert (9, "correction_ended") in said
    assert [a.person for a in coach.annotations()] == [7]


def test_memory_does_not_grow() -> None:
    xy, _, _ = filmed("plank", None, seed=27, duration_s=2.0)
    coach = FormCoach(exercise="auto")
    coach.start(StreamFacts(COCO_17, *SIZE_PX))
    for i in range(130):
        pose = TrackedPose(xy[i % len(xy)].astype(np.float32), np.ones(17, np.float32))
        coach.update(TrackedFrame(i, i / 10, {i // 40: pose}))
    person = coach._people
    assert len(person) <= 2  # the present one and the one before
    assert all(len(p.recent) < 10 and len(p.guess._past) < 40 for p in person.values())


@pytest.mark.parametrize("exercise", ["plank", "squat", "push_up", "lunge"])
def test_auto_finds_the_exercise(exercise: str) -> None:
    xy, _, time_s = filmed(exercise, None, seed=28, azimuth=75, duration_s=8.0)
    events, coach = coached(xy, time_s, exercise="auto")
    judgement = coach.judgement(1)
    assert judgement is not None
    assert judgement.exercise == exercise
    assert {e.details["exercise"] for e in events if e.time_s > 4} <= {exercise}


def test_the_same_stream_gives_the_same_answers_again() -> None:
    xy, _, time_s = filmed("push_up", "hips_low", seed=29)
    first, coach = coached(xy, time_s, exercise="push_up")
    coach.start(StreamFacts(COCO_17, *SIZE_PX))
    again = []
    for i, t in enumerate(time_s):
        again += coach.update(TrackedFrame(i, float(t), {1: TrackedPose(xy[i].astype(np.float32), np.ones(17))}))
    assert [*again, *coach.finish()] == first


def test_hidden_people_get_no_answer() -> None:
    xy, _, time_s = filmed("plank", "hips_low", seed=31)
    dark = [np.full(17, 0.05, np.float32)] * len(xy)
    events, coach = coached(xy, time_s, dark, exercise="plank")
    assert events == []
    assert coach.summary()["answered_share"] == 0


def test_own_rules_replace_those_of_the_exercise(tmp_path: Path) -> None:
    content = yaml.safe_load((Path(rules_file()).parent / "plank.yaml").read_text())
    content["rules"] = [content["rules"][0] | {"name": "my_rule", "maximum": 120, "say": "Lie down."}]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    xy, _, time_s = filmed("plank", None, seed=32)
    events, _ = coached(xy, time_s, rules=path)
    assert events[0].message == "Lie down."


def rules_file() -> str:
    from posemill.applications.coach import rules

    return str(Path(rules.__file__).parent / "rules" / "plank.yaml")


def test_wrong_parameters_and_skeletons_are_refused() -> None:
    with pytest.raises(InputError, match="exercise"):
        FormCoach(exercise="burpee")
    with pytest.raises(InputError, match="cannot be read"):
        FormCoach(rules="/nowhere.yaml")
    bare = Skeleton(name="bare", keypoints=("nose", "left_hip"), edges=(), pairs=(), sigmas=(0.1, 0.1))
    with pytest.raises(InputError, match="skeleton bare has no left_shoulder"):
        FormCoach().start(StreamFacts(bare, 10, 10))
    with pytest.raises(InputError, match="start"):
        FormCoach().update(TrackedFrame(0, 0.0, {1: TrackedPose(np.zeros((17, 2)), np.ones(17))}))


def test_the_card_says_it_is_no_medical_device() -> None:
    assert "no medical device" in FormCoach.notice
    assert FormCoach.limits


@pytest.mark.parametrize("preset", ["plank", "class", "strict"])
def test_presets_are_valid(preset: str) -> None:
    folder = Path(rules_file()).parents[1] / "presets"
    FormCoach.from_values(yaml.safe_load((folder / f"{preset}.yaml").read_text()))
