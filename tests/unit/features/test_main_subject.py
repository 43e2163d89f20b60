import numpy as np

from posemill.features.main_subject import main_subject
from posemill.pose.skeleton import BODY_12
from posemill.pose.track import MediumTracks, PoseTrack


def person(
    number: int,
    x_px: float,
    size_px: float = 100,
    swing: float = 0.0,
    confidence: float = 0.5,
    frames: range = range(60),
) -> PoseTrack:
    """Twelve keypoints in a column, the wrists swinging on a sine once a second."""
    time_s = np.array(frames) / 30
    xy = np.zeros((len(time_s), 12, 2), np.float32)
    xy[..., 0] = x_px
    xy[..., 1] = 200 + np.linspace(-0.5, 0.5, 12) * size_px
    for wrist in ("left_wrist", "right_wrist"):
        xy[:, BODY_12.index(wrist), 0] += swing * size_px * np.sin(2 * np.pi * time_s)
    return PoseTrack(
        BODY_12,
        number,
        np.array(frames, np.int32),
        time_s,
        xy,
        np.full((len(time_s), 12), confidence, np.float32),
        np.zeros(len(time_s), np.uint8),
    )


def medium(*people: PoseTrack) -> MediumTracks:
    return MediumTracks("ab" * 32, "test", BODY_12, 640, 400, 60, 2.0, people)


def test_the_mover_is_chosen_over_a_bystander_seen_better() -> None:
    actor = main_subject(medium(person(0, 200, confidence=0.95), person(1, 440, swing=0.5, confidence=0.2)))
    assert actor is not None
    assert actor.person == 1


def test_jitter_is_no_movement() -> None:
    shaky = person(0, 200)
    noise = np.random.default_rng(0).normal(0, 1.5, shaky.xy.shape).astype(np.float32)
    shaky = PoseTrack(BODY_12, 0, shaky.frame, shaky.time_s, shaky.xy + noise, shaky.confidence, shaky.state)
    actor = main_subject(medium(shaky, person(1, 440, swing=0.5)))
    assert actor is not None
    assert actor.person == 1


def test_a_passer_by_is_not_the_actor() -> None:
    actor = main_subject(medium(person(0, 320, swing=0.3), person(1, 350, swing=0.6, frames=range(10))))
    assert actor is not None
    assert actor.person == 0


def test_pieces_of_one_person_are_joined_and_others_left_out() -> None:
    pieces = medium(
        person(0, 320, swing=0.5, frames=range(25)),
        person(1, 325, swing=0.5, frames=range(30, 60)),
        person(2, 20, frames=range(30, 60)),
    )
    actor = main_subject(pieces)
    assert actor is not None
    assert actor.frame.tolist() == [*range(25), *range(30, 60)]
    assert abs(float(actor.xy[..., 0].mean()) - 323) < 10


def test_only_the_stretch_counts() -> None:
    early, late = person(0, 320, swing=0.5, frames=range(20)), person(1, 100, swing=0.5, frames=range(20, 60))
    actor = main_subject(medium(early, late), 0.0, 0.6)
    assert actor is not None
    assert actor.person == 0
    assert actor.time_s[-1] < 0.6


def test_nobody_gives_none() -> None:
    assert main_subject(medium()) is None
    assert main_subject(medium(person(0, 320)), 5.0, 6.0) is None


def test_in_a_picture_a_single_pose_is_enough_and_the_larger_person_counts() -> None:
    small, large = person(0, 200, size_px=60, frames=range(1)), person(1, 420, size_px=180, frames=range(1))
    subject = main_subject(medium(small, large))
    assert subject is not None
    assert subject.person == 1
    moving = main_subject(medium(large, person(0, 200, size_px=60)))
    assert moving is not None
    assert moving.person == 0
