from dataclasses import replace

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


def chosen(*people: PoseTrack) -> int:
    subject = main_subject(medium(*people))
    assert subject is not None
    return subject.person


def moved(track: PoseTrack, x_px: float, y_px: float = 0.0, scale: float = 1.0, flip: bool = False) -> PoseTrack:
    """The same motion elsewhere, smaller or larger, or as a mirror shows it: the left wrist is the right one there."""
    middle = np.array([track.xy[..., 0].mean(), 200], np.float32)
    order = [BODY_12.index(_counterpart(name)) for name in BODY_12.keypoints] if flip else range(12)
    side = np.array([-1 if flip else 1, 1], np.float32)
    xy = (track.xy[:, list(order)] - middle) * side * np.float32(scale) + middle + np.array([x_px, y_px], np.float32)
    return replace(track, person=track.person + 1, xy=xy.astype(np.float32))


def _counterpart(name: str) -> str:
    left = name.startswith("left")
    return name.replace("left", "right") if left else name.replace("right", "left")


def squatting(number: int, x_px: float, size_px: float = 100) -> PoseTrack:
    """The upper half of the body goes down and up, one arm farther than the other."""
    track = person(number, x_px, size_px)
    down = (0.15 * size_px * (1 - np.cos(2 * np.pi * track.time_s)))[:, None].astype(np.float32)
    track.xy[:, :6, 1] += down
    track.xy[:, BODY_12.index("left_wrist"), 1] += down[:, 0]
    return track


def test_the_mirror_image_is_not_the_actor_even_where_it_is_nearer_to_the_middle() -> None:
    actor = squatting(0, 460)
    assert chosen(actor, moved(actor, -140, scale=0.85, flip=True)) == 0
    assert chosen(moved(actor, -140, scale=0.85, flip=True), actor) == 0


def test_someone_else_who_is_smaller_and_central_and_moves_otherwise_may_be_the_actor() -> None:
    waves = person(1, 320, size_px=85, swing=0.5)
    assert chosen(squatting(0, 560), waves) == 1


def test_a_poster_larger_than_life_is_not_the_actor() -> None:
    poster = person(0, 220, size_px=190)
    shaken = np.random.default_rng(0).normal(0, 1.0, poster.xy.shape).astype(np.float32)
    assert chosen(replace(poster, xy=poster.xy + shaken), squatting(1, 400)) == 1


def test_someone_who_holds_a_pose_sways_and_a_poster_does_not() -> None:
    holds = person(1, 420, size_px=100)
    holds.xy[..., 0] += (6 * np.sin(2 * np.pi * 0.4 * holds.time_s))[:, None] * np.linspace(1, 0, 12, dtype=np.float32)
    assert chosen(person(0, 230, size_px=190), holds) == 1


def test_whoever_walks_through_the_picture_is_not_the_actor() -> None:
    passer = person(0, 0, size_px=120, swing=0.2)
    passer.xy[..., 0] += np.linspace(20, 620, 60, dtype=np.float32)[:, None]
    assert chosen(passer, squatting(1, 320)) == 1
    assert chosen(passer, person(1, 320)) == 0  # where nobody else does anything, walking is what is done


def test_a_spectator_cut_off_by_the_border_is_not_the_actor() -> None:
    spectator = person(0, 600, size_px=150, swing=0.3)
    spectator.xy[:, 6:], spectator.confidence[:, 6:] = np.nan, 0
    assert chosen(spectator, squatting(1, 330, size_px=90)) == 1


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
