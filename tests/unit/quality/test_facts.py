from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from posemill.params.validate import ValidateParams
from posemill.pose.skeleton import BODY_12
from posemill.quality.facts import TrackFacts, clip_facts, track_facts
from quality_tables import POSE, dataset, person

WRIST, NOBODY = BODY_12.index("left_wrist"), np.float32(np.nan)


def measure(xy: NDArray[np.float32] | None = None, **changes: Any) -> TrackFacts:
    track = person()
    arrays: dict[str, Any] = {
        "frame": track.frame,
        "time_s": track.time_s,
        "xy": track.xy if xy is None else xy,
        "confidence": track.confidence,
        "size_px": (200, 200),
    }
    return track_facts("m", 0, **(arrays | changes), skeleton=BODY_12, params=ValidateParams())


def test_a_plausible_person() -> None:
    facts = measure()
    assert (facts.poses, facts.infinite, facts.half_seen, facts.seen_keypoints, facts.seen_share) == (30, 0, 0, 12, 1)
    assert (facts.outside_share, facts.bone_jump_share, facts.frame_step) == (0, 0, 1)
    assert facts.time_step_s == pytest.approx(0.1)
    assert facts.confidence_min == facts.confidence_max == pytest.approx(0.8)
    assert facts.body_px == pytest.approx(130)
    trunk = 50.0  # middle of the shoulders (50, 50) to middle of the hips (50, 100)
    hip_to_shoulder = np.hypot(3, 50)
    assert facts.bone_ratio == pytest.approx(hip_to_shoulder / trunk, rel=1e-5)


def test_broken_coordinates_are_counted() -> None:
    xy = person().xy.copy()
    xy[3, WRIST] = np.inf, 5
    xy[4, WRIST, 0] = np.nan
    xy[5, WRIST] = np.nan
    facts = measure(xy)
    assert (facts.infinite, facts.half_seen) == (1, 1)
    assert facts.confidence_unseen == pytest.approx(0.8)


def test_confidence_beyond_its_range_is_seen() -> None:
    confidence = person().confidence.copy()
    confidence[0, 0], confidence[1, 1] = 1.2, -0.3
    facts = measure(confidence=confidence)
    assert (facts.confidence_max, facts.confidence_min) == (pytest.approx(1.2), pytest.approx(-0.3))


def test_time_that_stands_still_and_frames_that_run_backwards() -> None:
    time_s, frame = person().time_s.copy(), person().frame.copy()
    time_s[5], frame[7] = time_s[4], 2
    facts = measure(time_s=time_s, frame=frame)
    assert facts.time_step_s == 0
    assert facts.frame_step < 0


def test_outside_the_picture_beyond_the_tolerance() -> None:
    xy = person().xy.copy()
    xy[:, WRIST] = 219, 50  # within 10 % of 200 px
    assert measure(xy).outside_share == 0
    xy[:15, WRIST] = 221, 50
    assert measure(xy).outside_share == pytest.approx(15 / (30 * 12))


def test_a_bone_that_flickers_jumps_and_slow_foreshortening_does_not() -> None:
    xy = person().xy.copy()
    xy[::2, WRIST] += np.array([90, 60], np.float32)
    assert measure(xy).bone_jump_share == 1.0
    slow = np.repeat(POSE[None], 30, 0)
    elbow = BODY_12.index("left_elbow")
    slow[:, WRIST] = slow[:, elbow] + (POSE[WRIST] - POSE[elbow]) * np.linspace(1, 0.05, 30)[:, None]
    assert measure(slow.astype(np.float32)).bone_jump_share == 0


def test_poses_far_apart_in_time_are_not_compared() -> None:
    xy = person().xy.copy()
    xy[::2, WRIST] += np.array([90, 60], np.float32)
    assert np.isnan(measure(xy, time_s=np.arange(30) * 1.0).bone_jump_share)


def test_a_stretched_person_has_a_large_ratio() -> None:
    xy = person().xy.copy()
    xy[:, BODY_12.index("left_ankle")] = 57, 400
    assert measure(xy).bone_ratio == pytest.approx(260 / 50, rel=0.01)


def test_a_person_without_any_keypoint_is_no_number_and_no_warning() -> None:
    facts = measure(np.full((30, 12, 2), NOBODY), confidence=np.zeros((30, 12), np.float32))
    assert facts.seen_keypoints == 0
    assert np.isnan([facts.outside_share, facts.bone_jump_share, facts.bone_ratio, facts.body_px]).all()


def test_an_empty_track() -> None:
    empty = np.zeros((0, 12, 2), np.float32)
    facts = measure(empty, frame=np.zeros(0, np.int32), time_s=np.zeros(0), confidence=np.zeros((0, 12), np.float32))
    assert facts.poses == 0
    assert np.isnan(facts.time_step_s)


def test_clip_facts_know_open_ends_and_unknown_media() -> None:
    media, clips, labelled, _ = dataset()
    clips.loc[6, "end_s"], clips.loc[7, "medium"] = 3.7, "gone"
    labelled.loc[1, "status"] = "quarantined"
    facts = clip_facts(clips, media, labelled, pd.Series({1: 30, 2: 30, 8: 30}))
    assert facts["length_s"].tolist()[:7] == pytest.approx([3, 3, 3, 3, 2, 2, 3.7])
    assert facts["beyond_end_s"].iat[6] == pytest.approx(0.7)
    assert facts.loc[7, ["medium_kind", "medium_status"]].isna().all()
    assert facts["poses"].tolist()[0] == 30
    assert facts["poses"].tolist()[2] == 0
    assert facts["poses"].isna().tolist() == [False, True, False, False, False, False, False, True]


def test_a_picture_cannot_have_more_than_one_pose() -> None:
    assert np.isnan(measure(still=True).poses)
    assert measure(still=False).poses == 30
