"""Joint angles of bodies whose angles are set, filters and intervals of noise that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimated_people import NONE, SIZE, Errors, planted, scene, track
from posemill.applications.mocap import isb
from posemill.applications.mocap.capture import Capture, capture
from posemill.applications.mocap.contacts import find_contacts, runs
from posemill.applications.mocap.export import WRITERS, write_capture, write_marker_angles
from posemill.applications.mocap.files.bvh import read_bvh
from posemill.applications.mocap.files.mot import read_mot
from posemill.applications.mocap.files.trc import read_trc
from posemill.applications.mocap.footlock import two_bones
from posemill.applications.mocap.low_pass import best_cutoff, low_pass, noise_shares
from posemill.applications.mocap.params import MocapParams
from posemill.applications.mocap.points import INDEX, POINTS, SIDES, Floats
from posemill.applications.mocap.rigid import rigid
from posemill.applications.mocap.uncertainty import standard_deviation
from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17, SKELETONS
from posemill.pose.track import PoseTrack
from posemill.synth.body import Body, rig
from posemill.synth.motion import Motion

BODY = Body(1.75, 0.31, 0.26, 0.43, 0.42, 0.5, 0.19, 0.1, 1.0, 1.0)


def posed(**degrees: float) -> Floats:
    """Body points (2, 18, 3) of a body with set angles, Y up."""
    motion = Motion(np.arange(2) / 30)
    motion.add(**degrees)
    points = rig(BODY, motion).points
    return np.stack([points[name] for name in POINTS], 1)


@pytest.mark.parametrize(
    ("set_angles", "name", "expected"),
    [
        ({"hip_flex": 40.0, "knee": 60.0}, "hip_flexion_left", 40.0),
        ({"hip_flex": 40.0, "knee": 60.0}, "knee_flexion_right", 60.0),
        ({"hip_flex": -20.0}, "hip_flexion_right", -20.0),
        ({"hip_abduct": 15.0}, "hip_adduction_left", -15.0),
        ({"hip_abduct": 15.0}, "hip_adduction_right", -15.0),
        ({"hip_twist": 10.0, "knee": 70.0}, "hip_rotation_left", -10.0),
        ({"hip_twist": 10.0, "knee": 70.0}, "hip_rotation_right", -10.0),
        ({"arm_flex": 70.0, "elbow": 30.0}, "elbow_flexion_left", 30.0),
        ({"arm_flex": 50.0}, "shoulder_flexion_right", 50.0),
        ({"arm_abduct": 50.0}, "shoulder_abduction_left", 50.0),
        ({"arm_twist": 20.0, "elbow": 80.0}, "shoulder_rotation_right", -20.0),
        ({"spine_twist": 12.0}, "trunk_rotation", 12.0),
        ({"pitch": 20.0}, "trunk_lean", 20.0),
    ],
)
def test_angles_are_those_that_were_set(set_angles: dict[str, float], name: str, expected: float) -> None:
    assert isb.spatial_angles(posed(**set_angles))[name][0] == pytest.approx(expected, abs=0.2)


def test_a_straight_limb_has_no_rotation() -> None:
    assert "hip_rotation_left" not in isb.spatial_angles(posed(hip_twist=10.0))


@given(yaw=st.floats(-180, 180), pitch=st.floats(-30, 30))
def test_joint_angles_do_not_depend_on_where_the_person_faces(yaw: float, pitch: float) -> None:
    points = posed(hip_flex=35.0, knee=50.0, arm_abduct=20.0, elbow=40.0)
    a, b = np.radians([yaw, pitch])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    first, second = isb.spatial_angles(points), isb.spatial_angles(points @ (turn @ tilt).T)
    for name in ("hip_flexion_left", "knee_flexion_left", "elbow_flexion_right", "shoulder_abduction_right"):
        np.testing.assert_allclose(first[name], second[name], atol=1e-6)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_planar_angles_from_either_side(side: float) -> None:
    points = posed(hip_flex=40.0, knee=60.0, pitch=10.0, arm_flex=50.0, elbow=30.0)
    flat = np.stack([side * points[..., 2], points[..., 1]], -1)  # seen from the right or the left
    angles = isb.planar_angles(flat)
    assert isb.facing(flat)[0] == side
    assert angles["knee_flexion_left"][0] == pytest.approx(60, abs=0.5)
    assert angles["hip_flexion_left"][0] == pytest.approx(40, abs=0.5)
    assert angles["elbow_flexion_right"][0] == pytest.approx(30, abs=0.5)
    assert angles["trunk_lean"][0] == pytest.approx(10, abs=0.5)


def test_the_filter_keeps_slow_motion_and_knows_its_noise() -> None:
    time_s = np.arange(600) / 60
    slow = np.sin(2 * np.pi * 0.5 * time_s)[:, None, None]
    rng, share = np.random.default_rng(0), float(np.exp(-1 / 60 / 0.1))
    noise = rng.normal(0, 1, (600, 40, 1))
    for frame in range(1, 600):
        noise[frame] = share * noise[frame - 1] + np.sqrt(1 - share**2) * noise[frame]
    noisy = 40 * slow + noise
    cutoff = best_cutoff(time_s, noisy, 60.0)
    filtered = low_pass(time_s, noisy, cutoff)
    error = filtered - 40 * slow
    assert 0 < cutoff <= 3.0
    assert float(np.sqrt(np.mean(error**2))) < 0.85
    deviation = standard_deviation(noisy, filtered, 60.0, cutoff)
    assert float(np.mean(np.abs(error) < 1.96 * deviation)) == pytest.approx(0.95, abs=0.03)


def test_quick_motion_gets_a_higher_cut_off() -> None:
    time_s = np.arange(600) / 60
    noise = np.random.default_rng(1).normal(0, 0.2, (600, 4, 1))
    quick = 30 * np.sin(2 * np.pi * 3.0 * time_s)[:, None, None] + noise
    assert best_cutoff(time_s, quick, 60.0) >= 6.0


def test_a_slow_camera_leaves_nothing_to_filter() -> None:
    passed, taken, _ = noise_shares(3.0, 6.0)
    assert taken < 1e-3 < passed
    assert np.isnan(standard_deviation(np.ones((9, 1)), np.ones((9, 1)), 3.0, 6.0)).all()


def test_rigid_bones_keep_their_direction_and_get_one_length() -> None:
    points = posed(knee=40.0)
    longer = points.copy()
    longer[1, INDEX["left_ankle"]] += 0.3 * (points[1, INDEX["left_ankle"]] - points[1, INDEX["left_knee"]])
    out, lengths = rigid(longer)
    bone = out[:, INDEX["left_ankle"]] - out[:, INDEX["left_knee"]]
    np.testing.assert_allclose(np.linalg.norm(bone, axis=-1), lengths["left_ankle"])
    np.testing.assert_allclose(bone[0], bone[1], atol=1e-9)


@given(st.tuples(*[st.floats(-0.15, 0.15)] * 3))
def test_two_bones_reach_their_target_with_their_lengths(shift: tuple[float, float, float]) -> None:
    hip, knee, ankle = np.array([[0.0, 1, 0]]), np.array([[0.15, 0.6, 0.02]]), np.array([[0.0, 0.2, 0]])
    bent, reached = two_bones(hip, knee, ankle, ankle + shift)
    np.testing.assert_allclose(np.linalg.norm(bent - hip), np.linalg.norm(knee - hip), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(reached - bent), np.linalg.norm(ankle - knee), atol=1e-6)
    if np.linalg.norm(ankle + shift - hip) < 0.82:
        np.testing.assert_allclose(reached, ankle + shift, atol=1e-6)


def test_contacts_are_where_a_foot_rests() -> None:
    time_s = np.arange(150) / 30
    points = np.repeat(posed()[:1], 150, 0)
    lifted = np.clip(np.sin(2 * np.pi * 0.4 * time_s), 0, 1)[:, None]
    for part in ("heel", "toe"):
        points[:, INDEX[f"left_{part}"]] += lifted * (0.3, 0.2, 0.0)
    contacts = find_contacts(time_s, points, MocapParams())
    assert contacts["right_heel"].all()
    for name in ("left_heel", "left_toe"):
        rests = lifted[:, 0] == 0
        assert contacts[name][rests].mean() > 0.9
        assert not contacts[name][lifted[:, 0] > 0.5].any()


@pytest.fixture(scope="module")
def squat() -> tuple[Capture, dict[str, Floats]]:
    seen = planted(scene("squat", 3))
    found = capture(track(seen, Errors(0.0055, 0.011, 0.1, 0.003), 3, with_z=True), *SIZE, _params(seen.body.height))
    return found, isb.spatial_angles(np.stack([seen.rig.points[name] for name in POINTS], 1))


def _params(height_m: float) -> MocapParams:
    return MocapParams(height_m=height_m)


def test_a_noisy_squat_has_its_angles_and_feet_that_stand(squat: tuple[Capture, dict[str, Floats]]) -> None:
    found, truth = squat
    rows = np.round(found.time_s * 30).astype(int).clip(max=149)
    for side in SIDES:
        for joint in ("hip_flexion", "knee_flexion"):
            off = found.angles[f"{joint}_{side}"] - truth[f"{joint}_{side}"][rows]
            assert np.nanmean(np.abs(off)) < 5
    assert sum(mask.mean() for mask in found.contacts.values()) > 3
    for name, mask in found.contacts.items():
        for first, end in runs(mask):
            place = found.points[first:end, INDEX[name]]
            assert np.nanmax(np.linalg.norm(place - place[0], axis=-1)) < 0.01


def test_exact_keypoints_with_z_give_exact_angles() -> None:
    seen = planted(scene("walk", 5))
    found = capture(track(seen, NONE, 0, with_z=True), *SIZE, _params(seen.body.height))
    truth = isb.spatial_angles(np.stack([seen.rig.points[name] for name in POINTS], 1))
    for name in ("hip_flexion_left", "knee_flexion_right", "elbow_flexion_left"):
        assert np.nanmean(np.abs(found.angles[name] - truth[name])) < 2


def test_every_format_of_a_capture(squat: tuple[Capture, dict[str, Floats]], tmp_path: Path) -> None:
    found, _ = squat
    files = {path.name for path in write_capture([found], tuple(WRITERS), tmp_path, "clip")}
    plots = {f"clip-person0-angles.{form}" for form in ("csv", "png", "html")}
    assert files == plots | {f"clip-person0.{form}" for form in ("bvh", "c3d", "trc", "mot")}
    motion = read_bvh(tmp_path / "clip-person0.bvh")
    knee = motion.positions()[:, motion.hierarchy.names.index("LeftLeg")] / 100
    assert np.nanmedian(np.linalg.norm(knee - found.points[:, INDEX["left_knee"]], axis=-1)) < 0.005
    placed = read_trc(tmp_path / "clip-person0.trc")
    np.testing.assert_allclose(placed.of("LKnee"), found.points[:, INDEX["left_knee"]], atol=1e-5)
    angles = read_mot(tmp_path / "clip-person0.mot")
    np.testing.assert_allclose(angles.of("knee_angle_l"), found.angles["knee_flexion_left"], atol=1e-5)
    header = (tmp_path / "clip-person0-angles.csv").read_text().split("\n")[0].split(",")
    assert header[0] == "time_s"
    assert {"knee_flexion_left_deg", "knee_flexion_left_sd_deg", "left_heel_contact"} <= set(header)


def test_identities_are_kept_one_file_a_person(tmp_path: Path) -> None:
    captures = []
    for person in (0, 4):
        seen = scene("squat", person, duration_s=2.0)
        captures.append(capture(track(seen, NONE, 0, with_z=False, person=person), *SIZE))
    files = write_capture(captures, ("trc", "mot"), tmp_path, "clip")
    assert [path.name for path in files] == [
        "clip-person0.mot",
        "clip-person0.trc",
        "clip-person4.mot",
        "clip-person4.trc",
    ]
    assert not captures[0].scale_known


def test_a_known_height_is_the_scale() -> None:
    seen = scene("squat", 2, azimuth_deg=80.0)
    found = capture(track(seen, NONE, 0, with_z=False), *SIZE, _params(seen.body.height))
    shank = found.points[:, INDEX["right_ankle"]] - found.points[:, INDEX["right_knee"]]
    assert np.nanquantile(np.linalg.norm(shank, axis=-1), 0.9) == pytest.approx(seen.body.shank, rel=0.08)
    assert (found.points[..., 2] == 0).any()


def test_long_gaps_stay_empty_and_short_ones_are_bridged() -> None:
    seen = scene("squat", 2, azimuth_deg=80.0)
    whole = track(seen, NONE, 0, with_z=False)
    knee = whole.skeleton.index("left_knee")
    xy, confidence = whole.xy.copy(), whole.confidence.copy()
    for rows in (slice(30, 34), slice(60, 90)):
        xy[rows, knee], confidence[rows, knee] = np.nan, 0
    cut = PoseTrack(whole.skeleton, 0, whole.frame, whole.time_s, xy, confidence, whole.state)
    unseen = np.isnan(capture(cut, *SIZE).angles["knee_flexion_left"])
    assert not unseen[:60].any()
    assert unseen[61:89].all()


def test_a_skeleton_without_hips_and_a_single_pose_are_refused() -> None:
    one = PoseTrack.from_numpy(np.ones((1, 17, 2)), COCO_17, fps=25)
    with pytest.raises(InputError, match="needs two or more"):
        capture(one, *SIZE)
    assert "left_hip" in SKELETONS["coco-17"].keypoints


MATERIAL = Path(__file__).resolve().parents[4].parent / "shared" / "apps" / "mocap" / "opensim"


@pytest.mark.material
def test_markers_become_the_angles_that_opensim_finds(tmp_path: Path) -> None:
    if not MATERIAL.is_dir():
        pytest.skip("no ../shared/apps/mocap")
    write_marker_angles(
        MATERIAL / "subject01_walk.trc",
        ("mot", "csv"),
        tmp_path,
        MATERIAL / "subject01.osim",
        MATERIAL / "walk_Setup_IK.xml",
    )
    ours, theirs = read_mot(tmp_path / "subject01_walk-angles.mot"), read_mot(MATERIAL / "subject01_walk_IK.mot")
    for name in theirs.names:
        assert np.abs(ours.of(name) - theirs.of(name)).max() < 0.1
    write_marker_angles(MATERIAL / "arm26_elbow_flex.trc", ("mot",), tmp_path)
    elbow = read_mot(tmp_path / "arm26_elbow_flex-angles.mot").of("elbow_flexion_right")
    assert abs((elbow - read_mot(MATERIAL / "arm26_InverseKinematics.mot").of("r_elbow_flex")).mean()) < 3
