from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from exercising_bodies import SIZE_PX, exercising
from posemill.applications.protocol import Event, StreamFacts, TrackedFrame, TrackedPose
from posemill.applications.repetitions import RepetitionCounter, count_repetitions
from posemill.applications.repetitions.params import RepetitionParams
from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17

FACTS = StreamFacts(COCO_17, *SIZE_PX, source="test")
FPS = 30.0


def _pose(xy: np.ndarray) -> TrackedPose:
    return TrackedPose(xy, np.where(np.isnan(xy).any(-1), 0, 0.9).astype(np.float32))


def _run(app: RepetitionCounter, people: dict[int, np.ndarray], fps: float = FPS) -> list[Event]:
    """Run over people (T, 17, 2); a frame of NaN is one in which they are absent."""
    app.start(FACTS)
    events: list[Event] = []
    for i in range(max(len(xy) for xy in people.values())):
        present = {p: _pose(xy[i]) for p, xy in people.items() if i < len(xy) and not np.isnan(xy[i]).all()}
        events += _events(app.update(TrackedFrame(i, i / fps, present)))
    return events + _events(app.finish())


def _events(outputs: Sequence[object]) -> list[Event]:
    assert all(isinstance(o, Event) for o in outputs)
    return [o for o in outputs if isinstance(o, Event)]


def test_the_stream_counts_what_the_array_counts() -> None:
    poses = exercising("squat", 7, still_s=(2.0, 4.0))
    events = _run(RepetitionCounter(), {3: poses})
    whole = count_repetitions(poses, COCO_17, FPS).repetitions
    assert [e.details["number"] for e in events] == list(range(1, len(whole) + 1))
    np.testing.assert_allclose([e.start_s for e in events], [r.start_s for r in whole], atol=2e-3)
    np.testing.assert_allclose([e.end_s for e in events], [r.end_s for r in whole], atol=2e-3)
    assert {e.person for e in events} == {3}
    assert abs(len(events) - 7) <= 1


def test_an_event_is_late_by_the_lookahead_and_a_second_at_most() -> None:
    app = RepetitionCounter(lookahead_s=3.0)
    events = _run(app, {0: exercising("jumping_jack", 10, 1.5, still_s=(2.0, 8.0))})
    assert len(events) >= 9
    late = np.array([event.time_s - (event.end_s or 0.0) for event in events])
    assert (late >= 0).all()
    assert np.median(late) <= 3.0 + 1.2
    assert late.max() <= 3.0 + 1.2 + 2.6  # the last of a set waits for its end


def test_an_event_says_phases_tempo_and_range() -> None:
    event = _run(RepetitionCounter(), {0: exercising("squat", 6, 2.0, azimuth_deg=80)})[2]
    assert event.kind == "repetition"
    details = event.details
    assert details["outward_s"] + details["return_s"] == pytest.approx(event.end_s - event.start_s, abs=0.01)  # type: ignore[operator]
    assert isinstance(details["tempo_per_min"], float)
    assert 20 < details["tempo_per_min"] < 45
    assert isinstance(details["range_deg"], float)
    assert str(details["number"]) in event.message


def test_memory_is_bounded() -> None:
    app = RepetitionCounter(subjects="everyone", away_s=3.0)
    app.start(FACTS)
    poses = exercising("squat", 2, still_s=(0.2, 0.2))
    for i in range(900):  # somebody else every second
        app.update(TrackedFrame(i, i / 10, {i // 10: _pose(poses[i % len(poses)])}))
        assert len(app._present) <= 5
    (counter, *_) = [p.counter for p in app._present.values()]
    assert counter._angles.maxlen is not None
    assert counter._density._poses.maxlen is not None


def test_everyone_has_a_count_and_the_total_is_their_sum() -> None:
    app = RepetitionCounter(subjects="everyone")
    squats = exercising("squat", 6)
    jacks = exercising("jumping_jack", 9, 1.4) + np.float32(50)
    events = _run(app, {1: squats, 2: jacks})
    counts = app.counts()
    assert abs(counts[1] - 6) <= 1
    assert abs(counts[2] - 9) <= 1
    assert app.summary()["repetitions"] == sum(counts.values()) == len(events)
    assert app.summary()["main_subject"] == 2


def test_the_main_subject_is_followed_when_the_tracker_gives_a_new_number() -> None:
    poses = exercising("squat", 8, still_s=(1.0, 2.0))
    half = len(poses) // 2
    before, after = poses.copy(), poses.copy()
    before[half:], after[:half] = np.nan, np.nan
    small = exercising("squat", 8, still_s=(1.0, 2.0), seed=3) * np.float32(0.3)  # somebody far away
    app = RepetitionCounter()
    events = _run(app, {1: before, 2: after, 3: small})
    assert abs(len(events) - 8) <= 1
    assert {e.person for e in events} == {1, 2}


def test_a_cut_to_another_camera_goes_on_counting() -> None:
    before = exercising("squat", 5, still_s=(2.0, 0.0), azimuth_deg=10)
    after = exercising("squat", 4, still_s=(0.0, 2.0), azimuth_deg=-80)
    nobody = np.full_like(after, np.nan), np.full_like(before, np.nan)
    events = _run(RepetitionCounter(), {1: np.concatenate([before, nobody[0]]), 2: np.concatenate([nobody[1], after])})
    assert abs(len(events) - 9) <= 1
    assert [e.details["number"] for e in events] == list(range(1, len(events) + 1))
    edges = [time for e in events for time in (e.start_s, e.end_s or 0.0)]
    assert edges == sorted(edges)


def test_a_new_stream_forgets_the_one_before() -> None:
    app = RepetitionCounter()
    first = _run(app, {0: exercising("curl", 5)})
    again = _run(app, {0: exercising("curl", 5)})
    assert first == again
    assert app.summary()["repetitions"] == len(again)


def test_annotations_are_the_count_of_who_is_in_the_picture() -> None:
    app = RepetitionCounter()
    app.start(FACTS)
    app.update(TrackedFrame(0, 0.0, {4: _pose(exercising("squat", 1)[0])}))
    assert [(a.person, a.text) for a in app.annotations()] == [(4, "0 repetitions")]
    app.update(TrackedFrame(1, 0.1, {}))
    assert app.annotations() == []


def test_an_empty_stream() -> None:
    app = RepetitionCounter()
    app.start(FACTS)
    assert list(app.finish()) == []
    assert app.summary() == {
        "repetitions": 0,
        "main_subject": None,
        "main_subject_repetitions": 0,
        "tempo_per_min": None,
    }


def test_a_least_range_leaves_out_small_movements() -> None:
    poses = exercising("squat", 6)
    assert _run(RepetitionCounter(least_range_deg=179.0), {0: poses}) == []


def test_wrong_parameters_are_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="lookahead_s"):
        RepetitionCounter(lookahead=3.0)
    with pytest.raises(InputError, match="subjects"):
        RepetitionCounter(RepetitionParams(), subjects="nobody")
