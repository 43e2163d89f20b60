"""Streams of tracked poses: order, identity, furniture, noise, reproducibility."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17
from posemill.synth.estimated import Labeller, estimate
from posemill.synth.everyday import CLASSES, FALLING, STILL
from posemill.synth.falls import WAYS
from posemill.synth.home import Furniture
from posemill.synth.life import action_scene, everyday_life, fall_scene


def test_everyday_life_is_a_regular_stream_with_labels_and_no_fall() -> None:
    life = everyday_life(0.15, seed=3, fps=12.5)
    frames, labels = [], set()
    for frame in life:
        frames.append(frame)
        labels |= set(life.labels.values())
        assert life.labels.keys() == frame.people.keys()
    assert len(frames) == len(life) == round(0.15 * 3600 * 12.5)
    assert [f.frame for f in frames] == list(range(len(frames)))
    np.testing.assert_allclose(np.diff([f.time_s for f in frames]), 0.08)
    assert labels <= {*CLASSES, "pet"} - {FALLING}
    assert not life.falls
    poses = [pose for frame in frames for pose in frame.people.values()]
    assert len(poses) > 1000
    for pose in poses[::50]:
        assert pose.xy.shape == (17, 2)
        assert pose.xy.dtype == pose.confidence.dtype == np.float32
        assert ((pose.confidence == 0) == np.isnan(pose.xy[:, 0])).all()
        assert (pose.confidence <= 1).all()


def test_the_same_seed_gives_the_same_stream() -> None:
    one, two = (list(everyday_life(0.03, seed=5)) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert a.people.keys() == b.people.keys()
        for number in a.people:
            np.testing.assert_array_equal(a.people[number].xy, b.people[number].xy)


def test_people_move_and_do_not_jump() -> None:
    """Scripts follow one another without a seam: between frames nobody moves further than noise and walking do."""
    for seed in (1, 2):
        life = everyday_life(0.06, seed=seed)
        before: dict[int, np.ndarray] = {}
        steps = []
        for frame in life:
            for number, pose in frame.people.items():
                if number in before and (moved := np.isfinite(pose.xy[:, 0] + before[number][:, 0])).any():
                    size = max(float(np.ptp(pose.xy[moved], axis=0).max()), 30.0)
                    step = np.linalg.norm(pose.xy[moved] - before[number][moved], axis=-1)
                    steps.append(float(np.median(step)) / size)
            before = {number: pose.xy for number, pose in frame.people.items()}
        assert np.quantile(steps, 0.995) < 0.3
        assert np.median(steps) > 0.001


@pytest.mark.parametrize("kind", WAYS)
def test_a_fall_scene_has_its_fall_at_the_recorded_moment(kind: str) -> None:
    scene = fall_scene(11, kind, recovers=False, short=True)
    (fall,) = scene.falls
    assert fall.kind == kind
    seen, heights = {}, {}
    for frame in scene:
        for number, label in scene.labels.items():
            seen.setdefault(label, []).append(frame.time_s)
            if number in frame.people:
                heights[frame.time_s] = label
    assert abs(min(seen[FALLING]) - fall.start_s) < 0.35
    assert abs(max(seen[FALLING]) - fall.impact_s - 0.3) < 0.35
    assert max(seen[STILL]) > fall.impact_s + 2


def test_a_recovered_fall_says_when_the_person_stands() -> None:
    scene = fall_scene(2, "fall_forward", recovers=True)
    (fall,) = scene.falls
    assert fall.rise_s is not None
    assert fall.upright_s is not None
    assert fall.impact_s < fall.rise_s < fall.upright_s < len(scene) / scene.fps


def test_zones_are_where_the_furniture_is() -> None:
    for seed in range(6):
        scene = action_scene(seed, "bed_lie")
        kinds = [zone.kind for zone in scene.zones]
        assert set(kinds) <= {"bed", "sofa", "chair"}
        bed = next((z for z in scene.zones if z.kind == "bed"), None)
        piece = scene.home.pieces("bed")[0]
        if bed is not None:
            top = np.array(
                [[x, piece.high[1], z] for x in (piece.low[0], piece.high[0]) for z in (piece.low[2], piece.high[2])]
            )
            xy, _ = scene.home.camera.project(top.astype(float))
            np.testing.assert_allclose(sorted(bed.polygon[:, 0]), sorted(xy[:, 0])[: len(bed.polygon)], atol=0.01)


def test_estimates_are_noisy_near_the_truth_and_worse_on_who_lies() -> None:
    rng = np.random.default_rng(0)
    standing = np.zeros((600, 17, 2)) + np.array([320.0, 240.0])
    for number, name in enumerate(COCO_17.keypoints):
        standing[:, number, 1] += (
            -90 if "shoulder" in name else 10 if "hip" in name else 80 if "ankle" in name else -100
        )
    lying = standing[..., ::-1] + np.array([80.0, -80.0])
    labeller = Labeller(1.0, 2.0, 0.0, 0.0, 0.0, 0.0)
    errors = []
    for exact in (standing, lying):
        xy, confidence = estimate(exact, (640, 480), 10.0, labeller, rng)
        assert np.isfinite(xy).all()
        errors.append(float(np.linalg.norm(xy - exact, axis=-1).mean() / 180))
        assert 0.4 < confidence.mean() < 0.9
    assert 0.005 < errors[0] < 0.05
    assert errors[1] > 1.4 * errors[0]


def test_who_leaves_the_picture_is_cut_off_and_then_not_reported() -> None:
    exact = np.zeros((3, 17, 2)) + np.array([300.0, 200.0])
    exact[:, :, 1] += np.linspace(-80, 80, 17)
    exact[1, :, 0] += np.where(np.arange(17) < 9, 0, 800)
    exact[2] += 5000
    quiet = Labeller(0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    xy, confidence = estimate(exact, (640, 480), 10.0, quiet, np.random.default_rng(0))
    assert np.isfinite(xy[0]).all()
    assert np.isnan(xy[1, 9:]).all()
    assert np.isfinite(xy[1, :9]).all()
    assert np.isnan(xy[2]).all()
    assert (confidence[2] == 0).all()


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(InputError, match="hours > 0"):
        everyday_life(0, 1)
    with pytest.raises(InputError, match="unknown fall 'jump'; known are fall_forward"):
        fall_scene(1, "jump")
    with pytest.raises(InputError, match="unknown action 'dance'; known are sit_slowly"):
        action_scene(1, "dance")


def test_furniture_hides_what_is_behind_it_and_nothing_before_it() -> None:
    box = Furniture("bed", (-1, 0, -0.5), (1, 0.5, 0.5), 0.0)
    viewer = np.array([0.0, 2.0, 3.0])
    points = np.array([[0, 0.1, -0.8], [0, 0.1, 1.0], [0, 0.6, 0.0], [3.0, 0.1, -0.8], [0, 1.5, -0.8]])
    assert box.hides(points, viewer).tolist() == [True, False, False, False, False]


def test_nobody_falls_behind_a_bed() -> None:
    """Of this seed the first place that is tried is behind the bed: keypoints would be seen through it."""
    scene = fall_scene(5278)
    bed = next(zone.polygon for zone in scene.zones if zone.kind == "bed").astype(np.float32)
    impact = scene.falls[0].impact_s
    hips = [
        frame.people[number].xy[[11, 12]].mean(0).tolist()
        for frame in scene
        if impact + 1 < frame.time_s < impact + 3
        for number, label in scene.labels.items()
        if label == STILL
    ]
    assert len(hips) > 10
    assert np.median([cv2.pointPolygonTest(bed, hip, True) for hip in hips]) < 0
