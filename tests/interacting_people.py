"""Two people who do something together, as exact keypoints seen by a camera: eight interactions with known answers.

Whoever looks at one of the two alone cannot tell some of them apart: who is pushed steps back as one who bows away from
a kick, and one raised hand is a high five, a handshake or a wave.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.synth.body import Body, Rig, rig
from posemill.synth.camera import View, around
from posemill.synth.motion import Motion, Style, finish, rise
from posemill.synth.rotation import Floats, about, turn

FPS = 15.0
SIZE = (640, 480)
Interaction = Callable[[Motion, Motion, Floats, np.random.Generator], float]


def _hand(motion: Motion, flex: Floats, elbow: Floats | float, side: str = "right") -> None:
    motion.add(**{f"{side}_arm_flex": flex, f"{side}_elbow": elbow})


def _pulse(time_s: Floats, at_s: float, length_s: float) -> Floats:
    return np.asarray(rise(time_s, at_s, length_s / 2) - rise(time_s, at_s + length_s / 2, length_s / 2))


def handshake(a: Motion, b: Motion, u: Floats, rng: np.random.Generator) -> float:
    shake = 8 * np.sin(2 * np.pi * 2.5 * a.time_s) * u
    for each in (a, b):
        _hand(each, 52 * u + shake, 30 * u)
    return 1.05


def high_five(a: Motion, b: Motion, u: Floats, rng: np.random.Generator) -> float:
    for each in (a, b):
        _hand(each, 135 * u, 35 * u)
    return 1.0


def hug(a: Motion, b: Motion, u: Floats, rng: np.random.Generator) -> float:
    for each in (a, b):
        each.add(arm_flex=80 * u, elbow=55 * u, spine=8 * u)
    return 0.42


def push(a: Motion, b: Motion, u: Floats, rng: np.random.Generator) -> float:
    a.add(arm_flex=85 * u, elbow=70 * u * (1 - u), pitch=10 * u)
    b.add(forward_m=-0.5 * rise(b.time_s, 0.9, 0.6), pitch=-12 * u, arm_abduct=35 * u)
    return 0.85


def punch(a: Motion, b: Motion, u: Floats, rng: np.random.Generator) -> float:
    _hand(a, 92 * u, 60 * (1 - u))
    a.add(spine_twist=-20 * u)
    b.add(neck=-30 * u, spine=-15 * u)
    return 0.9


def kick(a: Motion, b: Motion, u: Floats, rng: np.random.Generator) -> float:
    a.add(right_hip_flex=70 * u, right_knee=15 * u, spine=-10 * u)
    b.add(spine=25 * u, forward_m=-0.15 * u)
    return 1.15


def hand_over(a: Motion, b: Motion, u: Floats, rng: np.random.Generator) -> float:
    early, late = _pulse(a.time_s, 0.3, 1.4), _pulse(a.time_s, 0.7, 1.4)
    for side in ("left", "right"):
        _hand(a, 50 * early, 45 * early, side)
    _hand(b, 55 * late, 30 * late)
    return 1.05


def apart(a: Motion, b: Motion, u: Floats, rng: np.random.Generator) -> float:
    """They only walk away from each other."""
    for each in (a, b):
        each.add(forward_m=-0.45 * rise(each.time_s, 0.2, 1.8))
    return 1.0


INTERACTIONS: dict[str, Interaction] = {
    f.__name__: f for f in (handshake, high_five, hug, push, punch, kick, hand_over, apart)
}


def interaction(name: str, seed: int, noise_px: float = 1.5) -> MediumTracks:
    """One take: two people who face each other, from any side, either of them first; person 0 and 1."""
    rng = np.random.default_rng([seed, list(INTERACTIONS).index(name)])
    time_s = np.arange(round(rng.uniform(1.7, 2.6) * FPS)) / FPS
    motions = [Motion(time_s), Motion(time_s)]
    u = _pulse(time_s, rng.uniform(0.2, 0.6), rng.uniform(1.0, 1.5))
    apart_m = INTERACTIONS[name](*motions, u, rng) * rng.uniform(0.9, 1.15)
    rigs: list[Rig] = []
    for number, motion in enumerate(motions):
        motion.add(arm_flex=rng.uniform(0, 8), elbow=rng.uniform(8, 22), knee=5)
        finish(motion, Style.random(rng), rng)
        posed = rig(Body.random(rng), motion)
        matrix = about(1, np.deg2rad(180.0 * number + rng.uniform(-10, 10)))
        place = np.array([0.0, 0.0, (number - 0.5) * apart_m])
        rigs.append(
            Rig(
                {n: turn(matrix, p) + place for n, p in posed.points.items()},
                {n: matrix @ f for n, f in posed.frames.items()},
            )
        )
    every = np.concatenate([p.reshape(-1, 3) for r in rigs for p in r.points.values()])
    view = View(rng.uniform(-180, 180), rng.uniform(1.1, 2.2), 45, 0.85, rng.normal(0, 2))
    camera = around(every, view, SIZE)
    order = rng.permutation(2)
    frame = np.arange(len(time_s), dtype=np.int32)
    tracks = []
    for person, which in enumerate(order):
        xy = camera.project(rigs[which].keypoints())[0] + rng.normal(0, noise_px, (len(time_s), 17, 2))
        sure, state = np.full((len(time_s), 17), 0.8, np.float32), np.zeros(len(time_s), np.uint8)
        tracks.append(PoseTrack(COCO_17, person, frame, time_s, xy.astype(np.float32), sure, state))
    medium = f"{seed * 16 + list(INTERACTIONS).index(name):064x}"
    return MediumTracks(medium, "exact", COCO_17, *SIZE, len(time_s), len(time_s) / FPS, tuple(tracks))
