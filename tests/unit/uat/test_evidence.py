"""Pictures of what was answered, where there are keypoints alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from posemill.serving.arrays import with_nulls
from posemill.serving.schemas.activity import Person, Receipt, TrackPoints, VideoAnswer, VideoFacts
from posemill.uat.checks import Check, ScenarioChecks
from posemill.uat.evidence import evidence


@pytest.mark.parametrize(("name", "keypoints"), [("coco-17", 17), ("own-5", 5)])
def test_keypoints_of_any_layout_are_drawn_on_grey(name: str, keypoints: int) -> None:
    xy = np.random.default_rng(0).uniform(20, 200, (1, keypoints, 2)).astype(np.float32)
    xy[0, 1] = np.nan
    track = TrackPoints(time_s=[0.0], xy=with_nulls(xy), confidence=np.ones((1, keypoints)).tolist())
    person = Person(person=0, start_s=0, end_s=1, poses=1, verdict=None, segments=[], track=track)
    answer = VideoAnswer(
        video=VideoFacts(width_px=240, height_px=240, frames=1, duration_s=1, skeleton=name),
        verdict=None,
        main_subject=0,
        people=[person],
        receipt=Receipt.of(None, {"model": "m", "features": "f", "classes": "c"}),
    )
    check = Check(expected="wave", passed=False, says="", moment_s=0.0, answered="squat")
    outcome = ScenarioChecks(0, (check,))
    picture = np.asarray(Image.open(io.BytesIO(evidence(None, answer, outcome))).convert("RGB"), np.int32)
    assert (np.abs(picture - 235).max(-1) > 60).sum() > 50
