"""The activity model as evidence of a fall, with stand-ins of the model and a real package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from packaged import write_package
from posemill.applications.fall.activity import ActivityEvidence, PackagedActivity, load_activity
from posemill.applications.protocol import TrackedPose
from posemill.applications.recent_poses import KEPT_HZ
from posemill.errors import CheckpointError, InputError
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import PoseTrack


class Counting:
    """Answers with the number of poses it was asked about, in hundredths."""

    window_s = 2.0

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []

    def probability(self, track: PoseTrack, start_s: float, end_s: float) -> float | None:
        self.asked.append((start_s, end_s))
        assert track.time_s[0] >= start_s
        return len(track) / 100


def pose() -> TrackedPose:
    return TrackedPose(np.ones((17, 2), np.float32), np.ones(17, np.float32))


def test_the_model_sees_one_window_and_is_asked_a_few_times_a_second() -> None:
    model = Counting()
    evidence = ActivityEvidence(model, COCO_17)
    answers = []
    for n in range(250):
        evidence.add(n / 25, pose())
        answers.append(evidence.probability(n / 25))
    assert 40 <= len(model.asked) <= 60
    assert all(end - start == pytest.approx(2.0) for start, end in model.asked)
    assert answers[0] is None
    assert answers[-1] == pytest.approx(0.5, abs=0.02)


def test_poses_of_a_fast_camera_are_thinned() -> None:
    evidence = ActivityEvidence(Counting(), COCO_17)
    for n in range(1200):
        evidence.add(n / 240, pose())
    assert len(evidence._poses) <= 2 * KEPT_HZ + 2


def test_no_model_is_geometry_alone() -> None:
    assert load_activity(None) is None


def test_a_package_without_a_fall_is_refused(tmp_path: Path) -> None:
    write_package(tmp_path / "package")
    with pytest.raises(InputError, match="no class of fall, falling"):
        load_activity(str(tmp_path / "package"))


def test_a_folder_without_a_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        PackagedActivity(tmp_path)
