"""Activity events: begin, hold and end, without flicker."""

from __future__ import annotations

import numpy as np

from packaged import CLASSES, fitted_features
from posemill.edge.activity import ActivityEvents, PersonActivity
from posemill.edge.config import ActivityConfig
from posemill.estimation.types import Pose
from posemill.pose.skeleton import COCO_17
from posemill.prediction.classifier import WindowClassifier
from posemill.prediction.live_windows import LivePredictor


def kinds(events: list) -> list[tuple[str, str]]:
    return [(event.kind, event.details["activity"]) for event in events]


def test_an_activity_begins_after_it_was_confirmed_and_ends_with_the_next() -> None:
    person = PersonActivity(3, ActivityConfig(confirm=2))
    assert person.take("sit", 0.9, 2.0, 1.0) == []
    (began,) = person.take("sit", 0.8, 3.0, 2.0)
    assert (began.kind, began.person, began.start_s, began.time_s) == ("began", 3, 1.0, 3.0)
    assert person.take("walk", 0.7, 4.0, 3.0) == []
    ended, begun = person.take("walk", 0.7, 5.0, 4.0)
    assert (ended.kind, ended.start_s, ended.end_s) == ("ended", 1.0, 3.0)
    assert ended.details["activity_id"] == began.details["activity_id"] != begun.details["activity_id"]
    assert kinds([begun]) == [("began", "walk")]


def test_flicker_is_no_event() -> None:
    person = PersonActivity(0, ActivityConfig(confirm=2))
    said = ["sit", "walk", "sit", "walk", "sit", "sit", "walk", "sit"]
    events = [event for n, activity in enumerate(said) for event in person.take(activity, 0.9, n, n - 1)]
    assert kinds(events) == [("began", "sit")]


def test_what_the_model_abstains_from_ends_an_activity_and_begins_none() -> None:
    person = PersonActivity(0, ActivityConfig(confirm=1))
    person.take("sit", 0.9, 1.0, 0.0)
    assert kinds(person.take(None, 0.2, 2.0, 1.0)) == [("ended", "sit")]
    assert person.open is None
    assert person.take(None, 0.2, 3.0, 2.0) == []


def test_what_lasts_is_reported_again() -> None:
    person = PersonActivity(0, ActivityConfig(confirm=1, held_s=10))
    events = [event for n in range(35) for event in person.take("sit", 0.9, float(n), n - 1.0)]
    assert [(e.kind, e.time_s) for e in events] == [("began", 0), ("held", 10), ("held", 20), ("held", 30)]


def predictor(best: int) -> LivePredictor:
    logits = np.eye(3, dtype=np.float32)[best] * 9
    features = fitted_features()
    return LivePredictor(
        WindowClassifier(features, CLASSES, 1.0, {}, lambda windows: np.tile(logits, (len(windows), 1)))
    )


def a_pose(seed: int = 0) -> Pose:
    rng = np.random.default_rng(seed)
    return Pose(rng.uniform(100, 200, (17, 2)).astype(np.float32), np.full(17, 0.9, np.float32), 0.9)


def test_everybody_has_activities_of_their_own_and_who_is_gone_has_none() -> None:
    people = ActivityEvents(predictor(1), COCO_17, ActivityConfig(confirm=1), gone_s=1.0)
    events = []
    for n in range(40):
        here = {0: a_pose(), 1: a_pose(1)} if n < 20 else {0: a_pose()}
        events += people.update(n / 10, here)
    assert [(e.kind, e.person) for e in events] == [("began", 0), ("began", 1), ("ended", 1)]
    assert events[2].end_s == 1.9
    assert set(people.open) == {0}
    assert [(e.kind, e.details["reason"]) for e in people.end_all(4.0, "over")] == [("ended", "over")]
    assert people.open == {}
