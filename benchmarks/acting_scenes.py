"""Rendered scenes in which one person acts and others are in the picture, with exact truth of who acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from crossings import estimated
from posemill.estimation.types import FramePoses
from posemill.synth.activities import move
from posemill.synth.body import Body, Rig, rig
from posemill.synth.camera import Camera, View, around
from posemill.synth.crossing import Crossing, ground_truth, placed
from posemill.synth.flesh import HAIRS, SKINS, Look
from posemill.synth.motion import Style
from posemill.synth.rotation import Floats

SIZE = (640, 360)
DURATION_S = (3.0, 6.0)
MOVING = (
    "squat",
    "push_up",
    "jumping_jack",
    "lunge",
    "arm_raise",
    "high_knees",
    "wave",
    "sit_up",
    "deadlift",
    "sweep",
    "golf_swing",
    "shoulder_press",
)
STILL = ("plank", "asana_tree_left", "asana_warrior_2_right", "asana_downward_dog", "asana_chair_pose", "asana_cobra")
GOING = ("walk", "fall_forward", "fall_backward", "sit_slowly", "pick_up", "run", "kneel")
KINDS = {"moving": MOVING, "still": STILL, "going": GOING}
POSTER_JITTER = 0.3  # a picture looks nearly the same in every frame
SPOTTER_SHARE = 0.3  # of the actor's own movement, which a spotter goes along with

Placed = tuple[Body, Rig, Look]


@dataclass(frozen=True, slots=True, eq=False)
class ActingScene:
    """A scene, the number of the acting person among its truth, and what the actor does."""

    scene: Crossing
    actor: int
    activity: str
    steady: tuple[int, ...] = ()  # pictures on a wall

    def poses(self, seed: int) -> list[FramePoses]:
        """Poses as an estimator would give them."""
        return estimated(self.scene, seed, dict.fromkeys(self.steady, POSTER_JITTER))


@dataclass(slots=True)
class _Cast:
    """Who is in a scene, in metres; the actor is at the origin and looks along z."""

    actor: Placed
    style: Style
    activity: str
    time_s: Floats
    seed: int
    rng: np.random.Generator

    def someone(self, activity: str) -> tuple[Body, Rig]:
        body, style = Body.random(self.rng), Style.random(self.rng)
        return body, rig(body, move(activity, self.time_s, style, self.rng))

    def beside(self, near: float, far: float) -> tuple[float, float, float]:
        """A place left or right of the actor, up to a metre nearer to the camera or up to two behind."""
        return (float(self.rng.choice([-1, 1]) * self.rng.uniform(near, far)), 0.0, float(self.rng.uniform(-2.0, 1.0)))

    def heading(self, spread: float = np.pi) -> float:
        return float(self.rng.uniform(-spread, spread))


def _alone(_cast: _Cast) -> list[tuple[Body, Rig]]:
    return []


def _bystander(cast: _Cast) -> list[tuple[Body, Rig]]:
    body, posed = cast.someone("idle")
    return [(body, placed(posed, cast.heading(), cast.beside(0.9, 2.0)))]


def _near_bystander(cast: _Cast) -> list[tuple[Body, Rig]]:
    """Between the camera and the actor, at a side: larger in the picture."""
    body, posed = cast.someone("idle")
    side = float(cast.rng.choice([-1, 1]) * cast.rng.uniform(0.7, 1.1))
    return [(body, placed(posed, cast.heading(), (side, 0.0, float(cast.rng.uniform(0.6, 1.2)))))]


def _group(cast: _Cast) -> list[tuple[Body, Rig]]:
    return [person for _ in range(3) for person in _bystander(cast)]


def _passer_by(cast: _Cast) -> list[tuple[Body, Rig]]:
    """Somebody walks through the picture, behind the actor or before."""
    body, posed = cast.someone("walk")
    way = float(cast.rng.choice([-1, 1]))
    depth = float(cast.rng.choice([cast.rng.uniform(-2.5, -0.7), cast.rng.uniform(0.6, 1.0)]))
    start = -way * float(cast.rng.uniform(1.0, 2.5))
    return [(body, placed(posed, way * np.pi / 2 + cast.heading(0.2), (start, 0.0, depth)))]


def _spotter(cast: _Cast) -> list[tuple[Body, Rig]]:
    """Right beside or behind the actor, going along with the movement a little."""
    body, style = Body.random(cast.rng), Style.random(cast.rng)
    motion = move(cast.activity, cast.time_s, style, cast.rng)
    stand = move("idle", cast.time_s, style, cast.rng)
    if motion.ground is None and not motion.hands_down:
        for name, values in motion.channels.items():
            moved = SPOTTER_SHARE * (values - values.mean())
            stand.channels[name] = stand.channels[name] + moved
    side = float(cast.rng.choice([-1, 1]) * cast.rng.uniform(0.45, 0.8))
    return [(body, placed(rig(body, stand), cast.heading(0.6), (side, 0.0, float(cast.rng.uniform(-0.6, 0.2)))))]


def _mirror(cast: _Cast) -> list[tuple[Body, Rig]]:
    """The actor's image in a mirror on the wall behind or at a side; left and right change, as they are seen."""
    body, posed, _ = cast.actor
    if cast.rng.uniform() < 0.6:
        axis, wall = 2, -float(cast.rng.uniform(0.6, 1.5))
    else:
        axis, wall = 0, float(cast.rng.choice([-1, 1]) * cast.rng.uniform(0.9, 1.5))

    def image(points: Floats) -> Floats:
        points = points.copy()
        points[..., axis] = 2 * wall - points[..., axis]
        if axis == 2:
            points[..., 0] += aside
        return points

    aside = float(cast.rng.choice([-1, 1]) * cast.rng.uniform(0.4, 1.0))  # the camera stands at the other side
    exchanged = {_other_side(name): image(points) for name, points in posed.points.items()}
    return [(body, Rig(exchanged, {_other_side(name): frame for name, frame in posed.frames.items()}))]


def _poster(cast: _Cast) -> list[tuple[Body, Rig]]:
    """A picture of somebody on the wall, small to larger than life, in any posture."""
    body, posed = cast.someone(str(cast.rng.choice(["idle", "walk", "jumping_jack", "wave", "lunge"])))
    moment, scale = int(cast.rng.integers(len(cast.time_s))), float(cast.rng.uniform(0.5, 1.6))
    still = {n: np.repeat(p[moment : moment + 1], len(p), 0) for n, p in posed.points.items()}
    turned = placed(Rig(still, posed.frames), cast.heading(0.3), (0.0, 0.0, 0.0))
    hips = turned.points["pelvis"][0]
    side = float(cast.rng.choice([-1, 1]) * cast.rng.uniform(0.8, 1.8))
    place = np.array([side, float(cast.rng.uniform(0.9, 1.4)), -float(cast.rng.uniform(0.8, 2.0))])
    points = {n: place + scale * (p - hips) for n, p in turned.points.items()}
    return [(replace(body, height=body.height * scale), Rig(points, turned.frames))]


def _other_side(name: str) -> str:
    if name.startswith("left"):
        return "right" + name[4:]
    return "left" + name[5:] if name.startswith("right") else name


OTHERS: dict[str, Callable[[_Cast], list[tuple[Body, Rig]]]] = {
    "alone": _alone,
    "bystander": _bystander,
    "near-bystander": _near_bystander,
    "three-bystanders": _group,
    "passer-by": _passer_by,
    "spotter": _spotter,
    "mirror": _mirror,
    "poster": _poster,
}


def acting_scene(seed: int, others: str, activities: tuple[str, ...]) -> ActingScene:
    """One actor and the others of that kind; the same arguments always give the same scene.

    The camera has the actor or everybody in view, so that the actor is not always in the middle.
    """
    rng = np.random.default_rng([seed, list(OTHERS).index(others), len(activities[0])])
    fps = float(rng.choice([10.0, 15.0, 25.0, 30.0]))
    time_s = np.arange(round(rng.uniform(*DURATION_S) * fps)) / fps
    if others == "passer-by":  # two who walk: neither is the bystander
        activities = tuple(a for a in activities if a not in ("walk", "run"))
    activity = activities[seed % len(activities)]
    body, style = Body.random(rng), Style.random(rng)
    posed = placed(rig(body, move(activity, time_s, style, rng)), float(rng.uniform(-1, 1)), (0.0, 0.0, 0.0))
    cast = _Cast((body, posed, _look(rng)), style, activity, time_s, seed, rng)
    company = OTHERS[others](cast)
    people = [(body, posed), *company]
    shown = people if rng.uniform() < 0.5 else people[:1]
    camera = _camera([r for _, r in shown], rng)
    truth = ground_truth(people, camera, time_s)
    looks = tuple((b, r, _look(rng)) for b, r in people)
    scene = Crossing(
        f"{others}-{activity}-{seed}", fps, *SIZE, len(time_s), truth, looks, camera, (seed, len(activities))
    )
    return ActingScene(scene, 0, activity, (1,) if others == "poster" else ())


def _look(rng: np.random.Generator) -> Look:
    return Look.random(rng, SKINS[rng.integers(len(SKINS))], HAIRS[rng.integers(len(HAIRS))], bool(rng.integers(2)))


def _camera(rigs: list[Rig], rng: np.random.Generator) -> Camera:
    points = np.concatenate([p for r in rigs for p in r.points.values()])
    view = View(rng.uniform(-25, 25), rng.uniform(0.8, 1.8), rng.uniform(40, 60), rng.uniform(0.7, 0.95), 0.0)
    return around(points.reshape(-1, 3), view, SIZE)
