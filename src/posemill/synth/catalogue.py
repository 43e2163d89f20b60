"""Catalogue of the activities that people ask for: names, and how each is performed, by whom it may be filmed how.

An activity has one name and many ways: every fall is a `fall`, a squat may be done with a bar on the back. The packaged
model is trained on exactly these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from posemill.synth import activities, ball_sports, gestures, gym, gym_variants, performances, sports, work
from posemill.synth.excursions import random_excursion
from posemill.synth.gym import Activity, arms_changed
from posemill.synth.motion import LIMBS, SIDES, Motion, Style, repetitions, rise, wander
from posemill.synth.performances import Performer, Writer, held_pose, scripted, throughout
from posemill.synth.postures import KNEEL, supine
from posemill.synth.preparation import prepared
from posemill.synth.random_postures import random_posture
from posemill.synth.still_asanas import still_pose

OTHER = "other"  # no class: what a model should be unsure of
FALL = "fall"
EVENTS = ("fall", "sit_down", "stand_up", "lie_down", "get_up", "pick_up")  # begin and are over within a clip


@dataclass(frozen=True, slots=True)
class Recipe:
    """Ways to perform one activity, all as likely.

    speed    times the usual speed, least and most; gravity allows a fall little.
    cut      share of the clips in which the picture cuts feet or legs off.
    weight   times the usual number of clips.
    stroke   one quick movement: before and after it the clip shows nothing of it.
    """

    ways: tuple[Performer, ...]
    speed: tuple[float, float] = (0.7, 1.25)
    cut: float = 0.22
    weight: float = 1.0
    stroke: bool = False


def _all(name: str, *ways: Activity, **how: Any) -> Recipe:
    return Recipe(tuple(throughout(way, name) for way in ways), **how)


def _done(name: str, *ways: Activity, **how: Any) -> Recipe:
    """Return an activity on the feet that begins and ends within some clips."""
    return Recipe(tuple(prepared(way, name) for way in ways), **how)


def _stroke(name: str, *ways: Activity, **how: Any) -> Recipe:
    return Recipe(tuple(throughout(way, name) for way in ways), stroke=True, **how)


def _written(*writers: Writer, weight: float = 1.0, speed: tuple[float, float] = (0.75, 1.2)) -> Recipe:
    return Recipe(tuple(scripted(write) for write in writers), speed, 0.2, weight)


def _still(name: str, *asanas: str, hands: float = 0.0, low: bool = False) -> Recipe:
    """Return held poses of synth/still_asanas.py."""

    def write_of(asana: str) -> Writer:
        return held_pose(
            lambda rng: dict(still_pose(asana, rng)), name, hands, (lambda rng: dict(KNEEL)) if low else None
        )

    return Recipe(tuple(scripted(write_of(a)) for a in asanas), (0.8, 1.2), 0.1)


def anything(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Random motion that is none of the activities: several random movements at once, from a random posture."""
    for name, value in random_posture(rng).items():
        motion.add(**{name: value})
    for _ in range(rng.integers(2, 5)):
        movement = random_excursion(rng)
        u, number = repetitions(rng, motion.time_s, np.exp(rng.uniform(np.log(0.7), np.log(5.0))), rng.uniform(0, 0.5))
        u = u * (rng.uniform(size=12)[number.astype(int) % 12] < rng.uniform(0.4, 1.0))
        for name, value in movement.offsets.items():
            motion.add(**{name: rng.uniform(0.4, 1.0) * value * u})
    for side in SIDES:
        for limb in LIMBS[:-1]:
            motion.add(**{f"{side}_{limb}": wander(rng, motion.time_s, rng.uniform(0, 9), rng.uniform(1, 4))})
        for joint in ("knee", "elbow"):
            motion.channels[f"{side}_{joint}"] = np.clip(motion.channels[f"{side}_{joint}"], 0, 155)
    motion.walking = True


def turn_over(motion: Motion, style: Style, rng: np.random.Generator) -> None:
    """Cartwheels, handstands, rolls: the whole body turns upside down, once, or again and again."""
    start, length = rng.uniform(-0.3, 1.0), rng.uniform(0.7, 1.8)
    by = 360 * rise(motion.time_s, start, length) if rng.uniform() < 0.7 else 180 * rise(motion.time_s, start, length)
    over = rng.choice([-1, 1]) * by
    spread = rng.uniform(4, 40)
    if rng.uniform() < 0.6:
        motion.add(roll=over, arm_abduct=rng.uniform(130, 172), hip_abduct=spread, elbow=8, knee=6)
    else:
        tucked = np.sin(np.pi * np.clip((motion.time_s - start) / length, 0, 1))
        motion.add(
            pitch=np.abs(over), hip_flex=110 * tucked, knee=100 * tucked, arm_flex=rng.uniform(60, 170), spine=20
        )
    motion.walking = True


def _asana(name: str, rng: np.random.Generator) -> dict[str, float]:
    return dict(still_pose(name, rng))


_SQUATS = (
    (activities.squat,) * 3
    + (gym_variants.deep_squat,) * 5
    + tuple(
        arms_changed(activities.squat, arms)
        for arms in (gym.BAR_ON_BACK, gym.BAR_ON_BACK, gym.BAR_IN_FRONT, gym.GOBLET, gym.HANGING, gym.BEHIND_HEAD)
    )
)
_LUNGES = (activities.lunge,) * 3 + (
    arms_changed(activities.lunge, gym.BAR_ON_BACK, gym.GOBLET, gym.HANGING, gym.OVERHEAD, gym.AHEAD),
    gym.side_lunge,
    gym_variants.walking_lunge,
    gym_variants.split_squat,
)
_CALM = (gestures.talk_with_hands, gestures.text_on_phone, work.read_book)
_CALM_STANDING = tuple(gym.on_the_feet(way) for way in _CALM)
_CALM_SITTING = (*(gym.on_a_seat(way) for way in _CALM), gym_variants.recline)
_SLOW = (0.4, 1.25)
_WAVES = (
    *(activities.wave, activities.wave, gym_variants.small_wave, gym_variants.small_wave),
    *(gym.on_a_seat(activities.wave), gym.on_a_seat(gym_variants.small_wave)),
)
_NO_CLASS = ("side_plank", "upward_plank", "three_legged_dog")  # asanas that are none of the activities

CATALOGUE: Mapping[str, Recipe] = MappingProxyType(
    {
        # daily life
        "stand": _all("stand", activities.idle, activities.idle, *_CALM_STANDING, cut=0.35, weight=1.6),
        "walk": _all("walk", activities.walk, work.walk_varied, work.walk_varied, cut=0.35, weight=1.6),
        "run": _all("run", work.run, cut=0.4, weight=1.5),
        "climb_stairs": _all("climb_stairs", work.climb_stairs),
        "sit": Recipe(
            (
                *(throughout(way, "sit") for way in (work.sit_still, work.sit_still, *_CALM_SITTING)),
                scripted(performances.at_a_desk),
            ),
            cut=0.45,
            weight=1.5,
        ),
        "sit_down": _written(performances.sitting_down_and_up, weight=2.6),
        "lie": _written(performances.lying),
        "lie_down": _written(performances.lying_down_bed, performances.lying_down_floor, weight=2.6),
        "fall": _written(performances.falling, weight=5.0, speed=(0.85, 1.2)),
        "kneel": _written(performances.kneeling),
        "crouch": _written(performances.crouching, weight=0.6),
        "crawl": _written(performances.crawling),
        "sit_on_floor": _written(performances.sitting_on_floor),
        "pick_up": _written(performances.picking_up, weight=1.4),
        "drink": _done("drink", gestures.drink, cut=0.5),
        "phone_call": _done("phone_call", gestures.phone_call, cut=0.45),
        # desk and factory
        "type": _all("type", work.type_on_keyboard, cut=0.5),
        "sweep": _done("sweep", work.sweep),
        "hammer": _done("hammer", work.hammer, cut=0.4),
        "work_at_bench": _all("work_at_bench", work.work_at_bench, cut=0.45),
        "carry": _all("carry", work.carry),
        "push_cart": _all("push_cart", work.push_cart),
        # gestures
        "wave": _done("wave", *_WAVES, cut=0.55, weight=1.5),
        "clap": _done("clap", gestures.clap, cut=0.45),
        "point": _done("point", gestures.point, cut=0.4),
        "throw": _stroke("throw", gestures.throw),
        "kick": _done("kick", gestures.kick),
        "box": _done("box", gestures.box, cut=0.35),
        # gym
        "squat": _done("squat", *_SQUATS, speed=_SLOW, weight=3.2),
        "lunge": _done("lunge", *_LUNGES, speed=_SLOW, weight=1.2),
        "push_up": _all(
            "push_up", activities.push_up, activities.push_up, gym_variants.push_up_variant, speed=_SLOW, weight=2.4
        ),
        "plank": _all("plank", activities.plank),
        "sit_up": _all("sit_up", gym_variants.sit_up, sports.sit_up, speed=_SLOW, weight=1.6),
        "jumping_jack": _done(
            "jumping_jack",
            activities.jumping_jack,
            activities.jumping_jack,
            gym_variants.half_jack,
            speed=(0.55, 1.3),
            weight=1.6,
        ),
        "high_knees": _done("high_knees", activities.high_knees),
        "burpee": _done("burpee", gym.burpee),
        "mountain_climber": _all("mountain_climber", gym.mountain_climber),
        "deadlift": _done("deadlift", gym.deadlift, speed=(0.6, 1.3), weight=2.6),
        "pull_up": _all("pull_up", sports.pull_up, speed=_SLOW, weight=1.3),
        "bench_press": _all("bench_press", sports.bench_press, speed=_SLOW, weight=1.5),
        "clean_and_jerk": _done("clean_and_jerk", gym_variants.clean_and_jerk, speed=(0.6, 1.2), weight=1.3),
        "bicep_curl": _done("bicep_curl", gym.bicep_curl, cut=0.4),
        "shoulder_press": _done("shoulder_press", gym.shoulder_press, cut=0.35),
        "arm_raise": _done("arm_raise", activities.arm_raise, gym.lateral_raise, cut=0.3),
        "kettlebell_swing": _done("kettlebell_swing", gym.kettlebell_swing),
        "bent_over_row": _done("bent_over_row", gym.bent_over_row),
        "jump_rope": _done("jump_rope", sports.jump_rope, gym_variants.skip, weight=1.5),
        "leg_raise": _all("leg_raise", gym.leg_raise),
        "cycle": _all("cycle", gym.cycle),
        "jump": _done("jump", gym.vertical_jump),
        "side_bend": _done("side_bend", gym.side_bend),
        # yoga
        "tree": _still("tree", "tree"),
        "warrior_1": _still("warrior_1", "warrior_1"),
        "warrior_2": _still("warrior_2", "warrior_2"),
        "warrior_3": _still("warrior_3", "warrior_3"),
        "triangle": _still("triangle", "triangle"),
        "goddess": _still("goddess", "goddess"),
        "chair_pose": _still("chair_pose", "chair"),
        "forward_fold": _still("forward_fold", "forward_fold"),
        "downward_dog": _still("downward_dog", "downward_dog", hands=1.0),
        "cobra": _still("cobra", "cobra", low=True),
        "child_pose": _still("child_pose", "child", low=True),
        "bridge": Recipe(
            (
                throughout(gym.glute_bridge, "bridge"),
                scripted(held_pose(lambda rng: dict(still_pose("bridge", rng)), "bridge", 0.0, supine)),
            )
        ),
        "boat": _still("boat", "boat", low=True),
        # sports and music
        "golf_swing": _stroke("golf_swing", sports.golf_swing, speed=(0.25, 1.2), weight=1.3),
        "baseball_swing": _stroke("baseball_swing", sports.baseball_swing, speed=(0.4, 1.2), weight=1.3),
        "baseball_pitch": _stroke(
            "baseball_pitch", ball_sports.pitch, sports.baseball_pitch, speed=(0.5, 1.2), weight=1.3
        ),
        "bowl": _stroke("bowl", ball_sports.bowl_delivery, ball_sports.bowl_delivery, sports.bowl),
        "tennis_serve": _stroke("tennis_serve", ball_sports.serve, sports.tennis_serve, speed=(0.5, 1.2), weight=1.3),
        "tennis_forehand": _stroke(
            "tennis_forehand", ball_sports.forehand, sports.tennis_forehand, speed=(0.5, 1.2), weight=1.6
        ),
        "basketball_shot": _stroke("basketball_shot", work.basketball_shot),
        "strum_guitar": _done(
            "strum_guitar",
            sports.strum_guitar,
            gym_variants.strum,
            gym.on_a_seat(gym_variants.strum),
            cut=0.5,
            weight=1.6,
        ),
        OTHER: Recipe(
            (
                *(throughout(way, OTHER) for way in (anything,) * 6 + (turn_over,)),
                *(scripted(held_pose(partial(_asana, name), OTHER)) for name in _NO_CLASS),
            ),
            speed=(0.7, 1.3),
            weight=2.5,
        ),
    }
)
CLASSES = tuple(sorted({*CATALOGUE, "stand_up", "get_up"} - {OTHER}))
