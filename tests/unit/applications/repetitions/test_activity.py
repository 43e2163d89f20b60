from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exercising_bodies import SIZE_PX, exercising
from posemill.applications.protocol import Event, Measurement, Output, StreamFacts, TrackedFrame, TrackedPose
from posemill.applications.recent_poses import KEPT_HZ, RecentPoses
from posemill.applications.repetitions import RepetitionCounter
from posemill.applications.repetitions.activity import ActivitySegment, ActivitySegments, RepetitionActivity
from posemill.errors import CheckpointError
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.skeleton import COCO_17
from posemill.pose.window import WindowSpec

FPS = 30.0
HIPS, KNEES, WRISTS, SHOULDERS = (COCO_17.keypoints.index(f"left_{n}") for n in ("hip", "knee", "wrist", "shoulder"))


@dataclass
class ByHands:
    """A model that knows two activities: arms that go above the shoulders in the window, or not."""

    features: FeaturePipeline
    classes: tuple[str, ...] = ("squat", "jumping_jack")
    least: float = 0.0

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        up = (windows[:, :, WRISTS, 1] < windows[:, :, SHOULDERS, 1]).any(-1)
        return np.stack([~up * 0.7 + 0.15, up * 0.7 + 0.15], -1).astype(np.float32)

    def abstained(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.asarray(probabilities.max(-1) < self.least)


def model(least: float = 0.0) -> Any:
    return ByHands(FeaturePipeline(COCO_17, WindowSpec(duration_s=2.0, rate_hz=12.0)), least=least)


def outputs(poses: NDArray[np.float64], packaged: Any) -> list[Output]:
    """The outputs of the whole stream, the summary checked against them."""
    app = RepetitionCounter(model="somewhere")
    app.open_model = lambda folder: packaged
    app.start(StreamFacts(COCO_17, *SIZE_PX))
    found: list[Output] = []
    for n, xy in enumerate(poses):
        found += app.update(TrackedFrame(n, n / FPS, {0: TrackedPose(xy.astype(np.float32), np.full(17, 0.9))}))
    found += app.finish()
    counts = [f"{o.details['activity'] or 'unknown'} {o.value:.0f}" for o in found if isinstance(o, Measurement)]
    assert set(str(app.summary()["by_activity"]).split(", ")) == set(counts or [""])
    return found


def test_repetitions_are_counted_by_activity_segment() -> None:
    squats, jacks = exercising("squat", 6, still_s=(2.0, 3.0)), exercising("jumping_jack", 9, 1.5, still_s=(3.0, 2.0))
    found = outputs(np.concatenate([squats, jacks]), model())
    events = [o for o in found if isinstance(o, Event)]
    counts = [o for o in found if isinstance(o, Measurement)]
    assert [c.details["activity"] for c in counts] == ["squat", "jumping_jack"]
    assert [c.value for c in counts] == [
        sum(e.details["activity"] == name for e in events) for name in ("squat", "jumping_jack")
    ]
    assert abs((counts[0].value or 0) - 6) <= 1
    assert abs((counts[1].value or 0) - 9) <= 1
    assert counts[0].end_s < len(squats) / FPS + 0.5 < counts[1].start_s + 3.5
    assert "of squat" in events[0].message
    assert all(c.unit == "count" and c.name == "repetitions" for c in counts)


def test_what_the_model_does_not_know_is_counted_without_a_name() -> None:
    found = outputs(exercising("squat", 5, still_s=(2.0, 3.0)), model(least=0.99))
    events = [o for o in found if isinstance(o, Event)]
    assert {e.details["activity"] for e in events} == {None}
    assert [o.details for o in found if isinstance(o, Measurement)] == [{"activity": None}]
    assert all(e.details["probability"] == pytest.approx(0.85, abs=0.01) for e in events)


def test_without_a_model_nothing_is_named() -> None:
    found = outputs(exercising("squat", 5, still_s=(2.0, 3.0)), None)
    assert found
    assert all(isinstance(o, Event) and "activity" not in o.details for o in found)


def test_a_package_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        RepetitionCounter(model=tmp_path).start(StreamFacts(COCO_17, *SIZE_PX))


def segments(names: str) -> list[tuple[str | None, float, float, int]]:
    cut = ActivitySegments()
    ended = [cut.add(name, float(n), n + 0.9) for n, name in enumerate(names)] + [cut.finish()]
    return [(s.activity, s.start_s, s.end_s, s.repetitions) for s in ended if s is not None]


def test_a_single_repetition_of_another_name_belongs_to_the_segment() -> None:
    assert segments("aabaa") == [("a", 0.0, 4.9, 5)]
    assert segments("aabb") == [("a", 0.0, 1.9, 2), ("b", 2.0, 3.9, 2)]
    assert segments("aabcbb") == [("a", 0.0, 3.9, 4), ("b", 4.0, 5.9, 2)]
    assert segments("aab") == [("a", 0.0, 2.9, 3)]
    assert segments("ab") == [("a", 0.0, 1.9, 2)]
    assert segments("") == []


@pytest.mark.parametrize("names", ["abbacabbbbca", "aaaaaaabcbcbcb", "abcabcabc"])
def test_every_repetition_is_in_one_segment(names: str) -> None:
    found = segments(names)
    assert sum(n for *_, n in found) == len(names)
    assert all(end < start for (_, _, end, _), (_, start, _, _) in pairwise(found))


def test_a_repetition_of_which_too_little_was_seen_has_no_activity() -> None:
    activity = RepetitionActivity(model(), COCO_17, 4.0)
    assert activity.of(0.0, 2.0) == (None, None)
    for n in range(60):
        activity.add(n / FPS, TrackedPose(np.full((17, 2), np.nan, np.float32), np.zeros(17, np.float32)))
    assert activity.of(0.0, 2.0) == (None, None)
    assert activity.segments.finish() is None


def test_recent_poses_are_bounded_and_no_denser_than_needed() -> None:
    recent = RecentPoses(COCO_17, 2.0)
    for n in range(2400):
        recent.add(n / 240, TrackedPose(np.full((17, 2), n, np.float32), np.ones(17, np.float32), np.full(17, -n)))
    assert len(recent) <= 2 * KEPT_HZ + 2
    track = recent.track(8.5, 9.5)
    assert track is not None
    assert track.time_s[0] >= 8.5
    assert np.diff(track.time_s).min() >= 0.9 / KEPT_HZ
    assert track.z is not None
    np.testing.assert_array_equal(track.z[:, 0], -track.xy[:, 0, 0])
    assert recent.track(0.0, 1.0) is None


def test_segments_grow_by_what_follows() -> None:
    assert ActivitySegment("a", 1.0, 2.0).with_next(4.0, 2) == ActivitySegment("a", 1.0, 4.0, 3)
