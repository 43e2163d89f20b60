"""People who hide each other, poses that show one body twice, and gaps: who is who is known exactly."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.estimation.tracking import Tracker
from posemill.estimation.tracking.motion import Motion
from posemill.estimation.tracking.similarity import body_similarity, log_bone_lengths, oks_pairwise
from posemill.estimation.tracking.stitching import stitch
from posemill.estimation.tracking.tracklet import Tracklet
from posemill.estimation.types import Pose
from posemill.params.tracking import TrackingParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import PoseTrack, State
from posemill.synth.corpus import HIDDEN
from posemill.synth.crossing import Crossing, crossing

FPS = 25.0
BODY = np.random.default_rng(3).uniform(0, 1, (17, 2)) * (60, 180)


def at(x: float, size: float = 1.0, sure: float = 0.5, y: float = 0.0) -> Pose:
    xy = (BODY * size + np.array([x, y])).astype(np.float32)
    return Pose(xy, np.full(17, sure, np.float32), sure)


def follow(frames: list[list[Pose]], params: TrackingParams | None = None, fps: float = FPS) -> tuple[PoseTrack, ...]:
    tracker = Tracker(COCO_17, params or TrackingParams())
    for number, poses in enumerate(frames):
        tracker.update(number, number / fps, poses)
    return tracker.tracks()


def shaken(xy: NDArray[np.float32], rng: np.random.Generator, share: float) -> NDArray[np.float32]:
    """With noise of a share of the body's size."""
    return (xy + rng.normal(0, share * np.sqrt(box_area(xy)), xy.shape)).astype(np.float32)


def found(scene: Crossing, jitter: float, doubles: float, seed: int) -> list[list[Pose]]:
    """Poses of a crossing, in random order; whoever is half hidden is not found."""
    rng = np.random.default_rng(seed)
    frames: list[list[Pose]] = [[] for _ in range(scene.frames)]
    for track in scene.truth:
        for frame, xy, confidence in zip(track.frame.tolist(), track.xy, track.confidence, strict=True):
            if (confidence > HIDDEN).mean() > 0.5:
                sure = np.where(confidence > 0, 0.6, 0).astype(np.float32)
                frames[frame].append(Pose(shaken(xy, rng, jitter), sure, 0.6))
                if rng.uniform() < doubles:
                    frames[frame].append(Pose(shaken(xy, rng, 2 * jitter), sure / 2, 0.3))
    return [[poses[i] for i in rng.permutation(len(poses))] for poses in frames]


def whose(track: PoseTrack, scene: Crossing) -> list[int]:
    """The true person nearest to every found pose."""
    nearest = []
    for frame, xy in zip(track.frame.tolist(), track.xy, strict=True):
        away = {}
        for true in (t for t in scene.truth if frame in t.frame):
            off = np.abs(true.xy[true.frame == frame][0] - xy)
            away[true.person] = float(off[np.isfinite(off)].mean()) if np.isfinite(off).any() else np.inf
        nearest.append(min(away, key=lambda p: away[p]))
    return nearest


@pytest.mark.parametrize("seed", [1000, 1002, 1004, 1005, 1007])
def test_people_who_pass_behind_others_come_out_with_their_numbers(seed: int) -> None:
    scene = crossing(seed)
    tracks = follow(found(scene, 0.03, 0.1, seed))
    assert len(tracks) == 2
    people = [set(whose(track, scene)) for track in tracks]
    assert sorted(p for each in people for p in each) == [0, 1]  # each track is one person, and both are there


def test_two_poses_of_one_body_are_one_person() -> None:
    rng = np.random.default_rng(0)
    frames = []
    for n in range(50):
        pose = at(4 * n)
        double = Pose(shaken(pose.xy, rng, 0.06), pose.confidence / 2, 0.25)
        frames.append([double, pose] if n % 2 else [pose, double])
    (track,) = follow(frames)
    np.testing.assert_allclose(np.diff(track.xy[:, 0, 0]), 4, atol=1e-3)  # the surer pose every time


def test_two_people_close_together_are_not_one() -> None:
    """Side by side they look like doubles, but both were there before."""
    frames = [[at(max(200 - 8 * n, 8)), at(0, sure=0.4)] for n in range(60)]
    assert oks_pairwise(np.stack([at(8).xy, at(0).xy]), COCO_17)[0, 1] > TrackingParams().double_oks
    assert [len(t) for t in follow(frames)] == [60, 60]


def test_a_weak_false_pose_does_not_take_a_hidden_persons_number() -> None:
    frames = [[at(4 * n), at(300 - 4 * n, y=200)] if not 20 <= n < 26 else [at(4 * n)] for n in range(50)]
    for n in range(20, 26):
        frames[n].append(at(4 * n + 5, sure=0.15))  # the first one's double
    tracks = follow(frames, TrackingParams(interpolate_s=0))
    assert sorted(len(t) for t in tracks) == [44, 50]


def test_a_short_gap_is_filled_and_marked_and_a_long_one_is_not() -> None:
    frames = [[] if 10 <= n < 13 or 30 <= n < 42 else [at(6 * n)] for n in range(60)]
    (track,) = follow(frames)
    assert track.frame[track.state == State.INTERPOLATED].tolist() == [10, 11, 12]
    np.testing.assert_allclose(track.xy[:, 0, 0], BODY[0, 0] + 6 * track.frame, atol=1e-2)
    (raw,) = follow(frames, TrackingParams(interpolate_s=0))
    assert not raw.state.any()
    assert len(raw) == 45


def test_filled_poses_do_not_make_anybody_more_present() -> None:
    often = [[at(0, 1.0), *([at(400, 1.02)] if n % 2 == 0 else [])] for n in range(50)]
    first, second = follow(often)
    assert len(second) == 49  # with every gap filled nearly as many poses, and somewhat larger
    assert first.xy[0, 0, 0] < 100


def test_somebody_of_another_build_is_somebody_else() -> None:
    small = [at(4 * n, 0.5) for n in range(20)]
    tall = [at(4 * n, 1.4, y=-60) for n in range(35, 60)]
    frames = [[p] for p in small] + [[] for _ in range(15)] + [[p] for p in tall]
    assert sorted(len(t) for t in follow(frames)) == [20, 25]


def tracklet_of(first: int, last: int, speed: float, start: float, size: float = 1.0) -> Tracklet:
    def bones(pose: Pose) -> NDArray[np.float64]:
        return log_bone_lengths(pose.xy[None], COCO_17.edge_index)[0]

    poses = [at(start + speed * (n - first), size) for n in range(first, last)]
    tracklet = Tracklet(first, first / FPS, poses[0], bones(poses[0]))
    for n, pose in zip(range(first + 1, last), poses[1:], strict=True):
        tracklet.motion.predict(n / FPS)
        tracklet.add(n, n / FPS, pose, bones(pose))
    return tracklet


@pytest.mark.parametrize(
    ("after", "chains"),
    [
        (tracklet_of(40, 60, 5, 200), 1),  # 20 frames on, where it would be
        (tracklet_of(40, 60, 5, 620), 2),  # too far away
        (tracklet_of(40, 60, 5, 200, 2.5), 2),  # too large
        (tracklet_of(85, 110, 5, 425), 2),  # gone for too long
        (tracklet_of(10, 30, 5, 50), 2),  # at the same time
    ],
)
def test_tracklets_are_stitched_where_they_meet_in_the_middle(after: Tracklet, chains: int) -> None:
    joined = stitch([tracklet_of(0, 20, 5, 0), after], COCO_17, TrackingParams())
    assert len(joined) == chains
    assert sum(len(chain) for chain in joined) == 2


def test_motion_learns_a_steady_walk_and_what_it_does_not_know_grows() -> None:
    motion = Motion(at(0).xy, 0.0, 100.0)
    for n in range(1, 40):
        motion.predict(n / FPS)
        motion.correct(at(6 * n).xy, 100.0)
    assert motion.velocity == pytest.approx([150, 0], rel=0.1, abs=1)
    known = motion.position_px2
    motion.predict(motion.time_s + 0.2)
    assert motion.position_px2 > 2 * known
    assert float(motion.xy[0, 0]) == pytest.approx(BODY[0, 0] + 6 * 39 + 150 * 0.2, abs=8)


def test_builds_are_compared_over_bones_that_both_have() -> None:
    one = log_bone_lengths(at(0).xy[None], COCO_17.edge_index)
    other = log_bone_lengths(at(50, 1.5).xy[None], COCO_17.edge_index)
    assert body_similarity(one, one)[0, 0] == pytest.approx(1)
    assert body_similarity(one, other)[0, 0] == pytest.approx(np.exp(-0.5 * (np.log(1.5) / 0.3) ** 2))
    unseen = np.full_like(one, np.nan)
    assert body_similarity(one, unseen)[0, 0] == 1


def test_three_people_take_less_than_a_millisecond_a_frame() -> None:
    frames = found(crossing(1001, 3), 0.03, 0.1, 0)
    spent = []
    for _ in range(5):
        started = time.process_time()
        tracker = Tracker(COCO_17, TrackingParams())
        for number, poses in enumerate(frames):
            tracker.update(number, number / FPS, poses)
        spent.append((time.process_time() - started) / len(frames))
    assert min(spent) < 1e-3
