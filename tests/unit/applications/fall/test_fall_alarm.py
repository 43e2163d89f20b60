"""Falls and what looks like them, of stick people with exact truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.applications.fall.alarm import FallAlarm
from posemill.applications.protocol import Event, Severity, TrackedFrame, TrackedPose
from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17
from stick_people import (
    BEND,
    CRAWL,
    KNEEL,
    LIE,
    LIE_FORWARD,
    LIE_IN_BED,
    PUSH_UP_HIGH,
    PUSH_UP_LOW,
    SIT,
    SIT_ON_FLOOR,
    SQUAT,
    STAND,
    STREAM,
    Key,
    at,
    people,
)

IMPACT_S = 2.8
FALL = (at(STAND, 0), at(STAND, 2), at(LIE, IMPACT_S, fast=True))
FALL_FORWARD = (at(STAND, 0), at(STAND, 2), at(LIE_FORWARD, IMPACT_S, fast=True))
GOT_UP = (*FALL, at(LIE, 10), at(SIT_ON_FLOOR, 11.5), at(SQUAT, 13), at(STAND, 14))


def events_of(frames: Iterable[TrackedFrame], **params: object) -> list[Event]:
    """Everything that the alarm says, geometry alone."""
    alarm = FallAlarm(**({"model": None} | params))
    alarm.start(STREAM)
    said = [event for frame in frames for event in alarm.update(frame)]
    return [event for event in (*said, *alarm.finish()) if isinstance(event, Event)]


def alarms(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.severity is Severity.ALARM]


def changed(frames: Iterable[TrackedFrame], change: object) -> list[TrackedFrame]:
    """Frames with their people changed by `change(frame, people)`."""
    return [replace(frame, people=change(frame, dict(frame.people))) for frame in frames]  # type: ignore[operator]


@pytest.mark.parametrize("keys", [FALL, FALL_FORWARD], ids=["backward", "forward"])
@pytest.mark.parametrize("fps", [10.0, 25.0, 60.0])
def test_a_fall_alarms_within_three_seconds_of_the_impact(keys: Sequence[Key], fps: float) -> None:
    found = alarms(events_of(people(keys, seconds=7, fps=fps)))
    assert [event.kind for event in found] == ["fall"]
    assert 0.5 < found[0].time_s - IMPACT_S < 3.0
    assert found[0].person == 0
    assert 1.5 < found[0].start_s < IMPACT_S


def test_a_fall_from_a_chair_alarms() -> None:
    keys = (at(SIT, 0), at(SIT, 3), at(LIE_FORWARD, 3.9, fast=True))
    assert [event.kind for event in alarms(events_of(people(keys, seconds=8)))] == ["fall"]


QUIET = {
    "standing": (at(STAND, 0),),
    "sitting down": (at(STAND, 0), at(STAND, 2), at(SIT, 3.2), at(SIT, 6), at(STAND, 7.5)),
    "bending": (at(STAND, 0), at(STAND, 2), at(BEND, 3.0), at(BEND, 4.5), at(STAND, 5.5)),
    "tying shoes": (at(STAND, 0), at(STAND, 2), at(KNEEL, 3.5), at(KNEEL, 10), at(STAND, 11.5)),
    "squats": (at(STAND, 0), *(at(k, 2 + n) for n, k in enumerate((SQUAT, STAND) * 5))),
    "push-ups": (
        at(STAND, 0),
        at(STAND, 2),
        at(SQUAT, 3.2),
        at(CRAWL, 4.4),
        *(at(k, 5.5 + 0.8 * n) for n, k in enumerate((PUSH_UP_HIGH, PUSH_UP_LOW) * 6)),
    ),
    "crawling": (at(CRAWL, 0, x=-0.8), at(CRAWL, 10, x=0.8)),
    "sitting down on the floor": (at(STAND, 0), at(STAND, 2), at(SQUAT, 3.4), at(SIT_ON_FLOOR, 4.8)),
    "lying down to exercise": (at(STAND, 0), at(STAND, 2), at(SQUAT, 3.4), at(SIT_ON_FLOOR, 5), at(LIE, 6.8)),
    "lying on the floor from the start": (at(LIE, 0),),
}


@pytest.mark.parametrize("name", QUIET)
def test_everyday_movement_raises_nothing(name: str) -> None:
    assert not alarms(events_of(people(QUIET[name], seconds=14)))


def test_with_the_activity_model_a_fall_alarms_in_time() -> None:
    found = alarms(events_of(people(FALL, seconds=7, fps=12.5), model="embedded"))
    assert [event.kind for event in found] == ["fall"]
    assert 0.5 < found[0].time_s - IMPACT_S < 3.0


@pytest.mark.parametrize("name", ["sitting down", "bending", "tying shoes", "push-ups", "lying down to exercise"])
def test_with_the_activity_model_everyday_movement_raises_nothing(name: str) -> None:
    assert not alarms(events_of(people(QUIET[name], seconds=12, fps=12.5), model="embedded"))


def test_getting_up_clears_the_alarm() -> None:
    events = events_of(people(GOT_UP, seconds=18))
    assert [event.kind for event in events] == ["fall", "got_up"]
    assert events[1].end_s is not None
    assert 13 < events[1].end_s < 16


def test_getting_up_at_once_is_no_alarm() -> None:
    keys = (*FALL, at(LIE, IMPACT_S + 0.3), at(SQUAT, IMPACT_S + 1.0), at(STAND, IMPACT_S + 1.6))
    assert not alarms(events_of(people(keys, seconds=8)))


def test_a_second_alarm_follows_a_long_lie() -> None:
    found = alarms(events_of(people(FALL, seconds=20), long_lie_s=10))
    assert [event.kind for event in found] == ["fall", "long_lie"]
    assert found[1].time_s - IMPACT_S == pytest.approx(10, abs=0.5)


def test_the_same_fall_onto_a_bed_zone_is_none() -> None:
    onto_bed = (at(STAND, 0), at(STAND, 2), at(LIE_IN_BED, 3.0))
    bed = ((0.2, 0.6), (0.8, 0.6), (0.8, 0.95), (0.2, 0.95))
    assert not alarms(events_of(people(onto_bed, seconds=8), bed_zones=[bed]))
    assert alarms(events_of(people(FALL, seconds=8), bed_zones=[((0.0, 0.1), (0.1, 0.1), (0.1, 0.2))]))


def test_a_fall_out_of_bed_alarms() -> None:
    keys = (at(LIE_IN_BED, 0), at(LIE_IN_BED, 5), at(LIE, 5.6, x=0.9, fast=True))
    bed = ((0.2, 0.6), (0.62, 0.6), (0.62, 0.85), (0.2, 0.85))
    found = alarms(events_of(people(keys, seconds=10, apart=0), bed_zones=[bed]))
    assert [event.kind for event in found] == ["fall"]
    assert found[0].time_s - 5.6 < 3.0


def test_outside_the_floor_zones_nothing_alarms() -> None:
    far = ((0.0, 0.0), (0.1, 0.0), (0.1, 0.1), (0.0, 0.1))
    assert not alarms(events_of(people(FALL, seconds=8), floor_zones=[far]))


def test_a_new_number_at_the_moment_of_the_fall_keeps_the_person() -> None:
    def renumbered(frame: TrackedFrame, seen: dict[int, TrackedPose]) -> dict[int, TrackedPose]:
        if 2.3 <= frame.time_s < 2.7:
            return {}
        return {7: seen[0]} if frame.time_s >= 2.7 else seen

    found = alarms(events_of(changed(people(FALL, seconds=8), renumbered)))
    assert [(event.kind, event.person) for event in found] == [("fall", 7)]


def test_numbers_that_alternate_are_one_person() -> None:
    def alternating(frame: TrackedFrame, seen: dict[int, TrackedPose]) -> dict[int, TrackedPose]:
        return {frame.frame % 2: seen[0]} if frame.time_s >= 2.7 else seen

    assert len(alarms(events_of(changed(people(FALL, seconds=8), alternating)))) == 1


def test_a_person_who_vanishes_while_falling_is_suspected() -> None:
    def lost(frame: TrackedFrame, seen: dict[int, TrackedPose]) -> dict[int, TrackedPose]:
        return {} if frame.time_s >= 2.76 else seen

    found = events_of(changed(people(FALL, seconds=5.5), lost))
    assert [(event.kind, event.severity) for event in found[:1]] == [("fall_suspected", Severity.WARNING)]
    assert found[0].time_s - 2.76 == pytest.approx(2.0, abs=0.2)
    assert not alarms(found)


def test_who_is_found_lying_after_a_suspected_fall_alarms() -> None:
    def lost(frame: TrackedFrame, seen: dict[int, TrackedPose]) -> dict[int, TrackedPose]:
        return {} if 2.76 <= frame.time_s < 5.5 else seen

    found = [e for e in events_of(changed(people(FALL, seconds=9), lost)) if e.kind.startswith("fall")]
    assert [event.kind for event in found] == ["fall_suspected", "fall"]
    assert found[1].time_s - 5.5 < 3.0


def test_sitting_down_first_and_falling_then_alarms() -> None:
    keys = (at(STAND, 0), at(STAND, 2), at(SIT, 3.0), at(SIT, 5.0), at(LIE_FORWARD, 5.8, fast=True))
    found = alarms(events_of(people(keys, seconds=10, fps=12.5), model="embedded"))
    assert [event.kind for event in found] == ["fall"]
    assert 0 < found[0].time_s - 5.8 < 3.0


def test_a_helper_does_not_clear_the_alarm() -> None:
    def helper(frame: TrackedFrame, seen: dict[int, TrackedPose]) -> dict[int, TrackedPose]:
        return {0: seen[0]} if frame.time_s < 4.5 else {1: seen[1]}  # the fallen person is hidden by the helper

    events = events_of(changed(people(FALL, (at(STAND, 0),), seconds=9, apart=0.3), helper))
    assert [event.kind for event in events if event.kind in ("fall", "got_up")] == ["fall"]


def test_of_several_people_the_one_who_falls_alarms() -> None:
    frames = people(QUIET["squats"], FALL, QUIET["bending"], seconds=8, size_px=150, apart=1.2)
    assert [(event.kind, event.person) for event in alarms(events_of(frames))] == [("fall", 1)]


def test_a_person_who_is_cut_off_cannot_be_judged() -> None:
    def cut(frame: TrackedFrame, seen: dict[int, TrackedPose]) -> dict[int, TrackedPose]:
        pose = seen[0]
        xy = np.where(pose.xy[:, 1:] > 479, np.nan, pose.xy)
        return {0: TrackedPose(xy, np.where(np.isnan(xy[:, 0]), 0, pose.confidence))}

    events = events_of(changed(people((STAND,), seconds=5, floor_px=540), cut))
    assert [(e.kind, e.details["reason"]) for e in events] == [("cannot_judge", "cut_off")]


def test_a_small_person_cannot_be_judged() -> None:
    events = events_of(people(FALL, seconds=5, size_px=30))
    assert [(e.kind, e.details["reason"]) for e in events] == [("cannot_judge", "too_small")]


def test_a_covered_camera_is_reported_and_its_end_too() -> None:
    def covered(frame: TrackedFrame, seen: dict[int, TrackedPose]) -> dict[int, TrackedPose]:
        return {} if 3 <= frame.time_s < 5.5 else seen

    events = events_of(changed(people((STAND,), seconds=9), covered))
    assert [(e.kind, e.details["reason"]) for e in events] == [
        ("cannot_judge", "not_found"),
        ("can_judge", "not_found"),
    ]
    door = ((0.3, 0.3), (0.7, 0.3), (0.7, 1.0), (0.3, 1.0))
    assert not events_of(changed(people((STAND,), seconds=9), covered), exit_zones=[door])


def test_lying_still_is_warned_of() -> None:
    events = events_of(people(QUIET["lying down to exercise"], seconds=25), lying_still_s=10)
    assert [(event.kind, event.severity) for event in events] == [("lying_still", Severity.WARNING)]


@settings(max_examples=15)
@given(
    size_px=st.floats(80, 400),
    noise=st.floats(0, 0.012),
    descent_s=st.floats(0.5, 1.1),
    backward=st.booleans(),
    seed=st.integers(0, 99),
)
def test_falls_of_any_size_speed_and_noise_alarm_in_time(
    size_px: float, noise: float, descent_s: float, backward: bool, seed: int
) -> None:
    keys = (at(STAND, 0), at(STAND, 2), at(LIE if backward else LIE_FORWARD, 2 + descent_s, fast=True))
    found = alarms(events_of(people(keys, seconds=7, size_px=size_px, noise=noise, seed=seed)))
    assert [event.kind for event in found] == ["fall"]
    assert found[0].time_s - 2 - descent_s < 3.0


def test_memory_is_bounded_over_many_frames() -> None:
    alarm = FallAlarm(model=None)
    alarm.start(STREAM)
    day = list(people(GOT_UP, seconds=20, fps=10))
    for frame in range(100_000):
        source = day[frame % len(day)]
        visitors = {10 + frame // 50: source.people[0]} if frame % 3 else {}
        alarm.update(TrackedFrame(frame, frame / 10, visitors))
    assert len(alarm._identities.bodies) <= 32
    assert all(len(body.monitor.history) < 100 for body in alarm._identities.bodies)


def test_a_skeleton_without_hips_is_refused() -> None:
    named = tuple(name.replace("_hip", "_pelvis") for name in COCO_17.keypoints)
    hipless = replace(COCO_17, name="hipless", keypoints=named, edges=(), pairs=())
    with pytest.raises(InputError, match="hips"):
        FallAlarm(model=None).start(replace(STREAM, skeleton=hipless))


def test_wrong_zones_are_refused() -> None:
    with pytest.raises(InputError, match="three corners"):
        FallAlarm(bed_zones=[[(0, 0), (1, 1)]])
    with pytest.raises(InputError, match="shares"):
        FallAlarm(bed_zones=[[(0, 0), (640, 0), (1, 1)]])
