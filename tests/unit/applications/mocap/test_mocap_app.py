"""Motion capture as an application: streamed angles, ranges of motion, the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from estimated_people import SIZE, Errors, scene, track
from posemill.applications.mocap import isb
from posemill.applications.mocap.app import MotionCapture
from posemill.applications.mocap.points import POINTS, Floats
from posemill.applications.mocap.stream import REMEMBERED
from posemill.applications.protocol import Measurement, Output, StreamFacts, TrackedFrame, TrackedPose
from posemill.cli.export import export
from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17, Skeleton
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.store.track_file import write_medium

SMALL = Errors(0.004, 0.006, 0.1, 0.0)


def stream(app: MotionCapture, people: Sequence[PoseTrack]) -> list[Output]:
    app.start(StreamFacts(people[0].skeleton, *SIZE))
    outputs: list[Output] = []
    for frame in range(int(max(person.frame[-1] for person in people)) + 1):
        poses = {}
        for person in people:
            for row in np.flatnonzero(person.frame == frame):
                z = None if person.z is None else person.z[row]
                poses[person.person] = TrackedPose(person.xy[row], person.confidence[row], z)
        outputs += app.update(TrackedFrame(frame, frame / 30, poses))
    return outputs


def measured(outputs: Sequence[Output]) -> list[Measurement]:
    return [output for output in outputs if isinstance(output, Measurement)]


@pytest.mark.parametrize("with_z", [True, False])
def test_streamed_angles_are_right_late_by_half_the_window(with_z: bool) -> None:
    seen = scene("squat", 1, azimuth_deg=85.0)
    app = MotionCapture(report_every_s=0.2)
    outputs = measured(stream(app, [track(seen, SMALL, 1, with_z=with_z)]))
    truth: dict[str, Floats] = isb.spatial_angles(np.stack([seen.rig.points[name] for name in POINTS], 1))
    off = [
        o.value - np.interp(o.start_s, seen.time_s, truth[o.name])
        for o in outputs
        if o.name.startswith("knee_flexion") and o.value is not None
    ]
    assert len(off) >= 40
    assert np.mean(np.abs(off)) < 4
    assert all(o.low is not None and o.high is not None and o.low <= (o.value or 0) <= o.high for o in outputs)
    assert "knee" in app.annotations()[0].text


def test_ranges_of_motion_come_at_the_end_for_everybody() -> None:
    seen = scene("squat", 1, azimuth_deg=85.0)
    app = MotionCapture()
    stream(app, [track(seen, SMALL, 1, with_z=False, person=p) for p in (0, 3)])
    ends = measured(app.finish())
    knee = next(o for o in ends if o.name == "knee_flexion_left_range" and o.person == 3)
    assert 75 < (knee.value or 0) < 135
    assert {o.person for o in ends} == {0, 3}
    assert app.summary()["people"] == 2


def test_memory_is_bounded_and_a_start_forgets() -> None:
    app = MotionCapture(report_every_s=100.0)
    seen = track(scene("squat", 1, duration_s=12.0), SMALL, 1, with_z=False)
    stream(app, [seen])
    person = app._people[0]
    assert len(person.recent) == REMEMBERED
    assert len(person.times_s) <= 2 * 0.15 * 30 + 2
    app.start(StreamFacts(seen.skeleton, *SIZE))
    assert app.summary() == {"people": 0, "measurements": 0}


def test_people_who_left_are_told_and_forgotten() -> None:
    app = MotionCapture()
    stream(app, [track(scene("squat", 1, duration_s=2.0), SMALL, 1, with_z=False)])
    ends = measured(app.update(TrackedFrame(5000, 120.0)))
    assert any(o.name == "knee_flexion_left_range" for o in ends)
    assert app.finish() == []


def test_empty_streams_and_unseen_keypoints() -> None:
    app = MotionCapture()
    app.start(StreamFacts(COCO_17, *SIZE))
    nothing = TrackedPose(np.full((17, 2), np.nan, np.float32), np.zeros(17, np.float32))
    assert [o for t in range(20) for o in app.update(TrackedFrame(t, t / 25, {0: nothing}))] == []
    assert app.finish() == []


def test_a_skeleton_without_hips_is_refused() -> None:
    face = Skeleton("face", ("nose", "left_eye"), (("nose", "left_eye"),), (), (0.02, 0.02))
    with pytest.raises(InputError, match="needs shoulders and hips"):
        MotionCapture().start(StreamFacts(face, *SIZE))


def test_the_command_writes_a_file_a_person_and_format(tmp_path: Path) -> None:
    people = tuple(track(scene("squat", n, duration_s=2.0), SMALL, n, with_z=True, person=n) for n in (0, 1))
    tracks = MediumTracks("m", "imported", people[0].skeleton, *SIZE, 60, 2.0, people)
    write_medium(tmp_path / "tracks.parquet", tracks)
    call = ["mocap", str(tmp_path / "tracks.parquet"), "--to", "trc,bvh", "--out", str(tmp_path / "out"), "--json"]
    outcome = CliRunner().invoke(export, [*call, "--height-m", "1.75"])
    assert outcome.exit_code == 0, outcome.output
    assert json.loads(outcome.output)["files"] == 4
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        f"tracks-person{n}.{form}" for n in (0, 1) for form in ("bvh", "trc")
    ]
    with pytest.raises(InputError, match="has no person 7"):
        CliRunner().invoke(export, [*call, "--person", "7"], catch_exceptions=False)


def test_somebody_without_legs_costs_the_others_nothing(tmp_path: Path) -> None:
    whole = track(scene("squat", 1, duration_s=2.0), SMALL, 1, with_z=False)
    legs = [i for i, name in enumerate(whole.skeleton.keypoints) if name.endswith(("knee", "ankle"))]
    xy, confidence = whole.xy.copy(), whole.confidence.copy()
    xy[:, legs], confidence[:, legs] = np.nan, 0
    cut = replace(whole, person=1, xy=xy, confidence=confidence)
    tracks = MediumTracks("m", "imported", whole.skeleton, *SIZE, 60, 2.0, (whole, cut))
    write_medium(tmp_path / "t.parquet", tracks)
    outcome = CliRunner().invoke(export, ["mocap", str(tmp_path / "t.parquet"), "--to", "trc", "--out", str(tmp_path)])
    assert outcome.exit_code == 0
    assert "left out person 1" in outcome.stderr
    assert (tmp_path / "t-person0.trc").is_file()


def test_the_old_command_is_as_it_was() -> None:
    outcome = CliRunner().invoke(export, ["tracks"])
    assert outcome.exit_code == 2
    assert "--format" in outcome.output
