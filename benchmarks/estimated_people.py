"""People of known bones as a pose estimator would see them: exact keypoints of rendered people, and errors on top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import BLAZEPOSE_33, Skeleton
from posemill.pose.track import PoseTrack, State
from posemill.synth.activities import move
from posemill.synth.body import Body, Rig, rig
from posemill.synth.camera import Camera, View, around
from posemill.synth.motion import Style

Floats = NDArray[np.float64]
SIZE = (640, 480)


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of an estimator, in shares of standing height (0.01 = 1.7 cm of a usual person).

    jitter    standard deviation in x and in y; depth the same in z. memory_s they last (correlation falls to 1/e).
    offset    standard deviation of an error of each keypoint that never changes.
    lost      share of keypoints that are not found, in bursts of `lost_s`.
    """

    jitter: float = 0.010
    depth: float = 0.015
    memory_s: float = 0.08
    offset: float = 0.003
    lost: float = 0.02
    lost_s: float = 0.15


NONE = Errors(0, 0, 0.08, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A person who moves before a camera: body, rig (metres), camera and frame times."""

    body: Body
    rig: Rig
    camera: Camera
    time_s: Floats


def scene(
    activity: str, seed: int, duration_s: float = 5.0, fps: float = 30.0, azimuth_deg: float | None = None
) -> Scene:
    """A random person doing an activity, seen from a random or given direction."""
    rng = np.random.default_rng([seed, sum(map(ord, activity))])
    body, style = Body.random(rng), Style.random(rng)
    time_s = np.arange(round(duration_s * fps)) / fps
    posed = rig(body, move(activity, time_s, style, rng))
    azimuth = rng.uniform(-180, 180) if azimuth_deg is None else azimuth_deg
    view = View(azimuth, rng.uniform(0.8, 1.6), rng.uniform(40, 60), 0.8, 0.0)
    return Scene(body, posed, around(np.concatenate(list(posed.points.values())), view, SIZE), time_s)


def places(posed: Rig, skeleton: Skeleton) -> Floats:
    """Keypoints (T, K, 3) of a rig in metres, NaN where the rig has none. Toe, heel and head have several names."""
    names = {"foot_index": "toe", "big_toe": "toe"}
    frames = len(posed.points["pelvis"])
    out = np.full((frames, len(skeleton), 3), np.nan)
    for number, name in enumerate(skeleton.keypoints):
        side, _, part = name.partition("_")
        known = posed.points.get(f"{side}_{names.get(part, part)}", posed.points.get(name))
        if known is not None:
            out[:, number] = known
    return out


def track(
    seen: Scene, errors: Errors, seed: int, *, with_z: bool, skeleton: Skeleton = BLAZEPOSE_33, person: int = 0
) -> PoseTrack:
    """The person's track, as an estimator with those errors gives it; z is measured from the hips, in pixels."""
    rng = np.random.default_rng(seed)
    world = places(seen.rig, skeleton)
    xy, depth = seen.camera.project(world)
    hips = np.mean([depth[:, skeleton.index(f"{side}_hip")] for side in ("left", "right")], axis=0)
    px_per_m = seen.camera.focal_px / hips
    height_px = (px_per_m * seen.body.height)[:, None]
    z = (depth - hips[:, None]) * px_per_m[:, None]
    xy = xy + _wandering(rng, xy.shape, seen.time_s, errors.memory_s) * errors.jitter * height_px[..., None]
    xy = xy + rng.normal(0, errors.offset, xy.shape[1:]) * height_px[..., None]
    z = z + _wandering(rng, z.shape, seen.time_s, errors.memory_s) * errors.depth * height_px
    lost = _bursts(rng, z.shape, seen.time_s, errors)
    unseen = np.isnan(xy).any(-1) | lost
    kept = ~unseen.all(-1)
    return PoseTrack(
        skeleton=skeleton,
        person=person,
        frame=np.flatnonzero(kept).astype(np.int32),
        time_s=seen.time_s[kept],
        xy=np.where(unseen[..., None], np.nan, xy).astype(np.float32)[kept],
        confidence=np.where(unseen, 0, 0.8).astype(np.float32)[kept],
        state=np.full(int(kept.sum()), State.PREDICTED, np.uint8),
        z=np.where(unseen, np.nan, z).astype(np.float32)[kept] if with_z else None,
    )


def _wandering(rng: np.random.Generator, shape: tuple[int, ...], time_s: Floats, memory_s: float) -> Floats:
    """Noise of variance 1 whose correlation falls to 1/e in memory_s."""
    share = float(np.exp(-np.median(np.diff(time_s)) / memory_s))
    noise = rng.normal(0, 1, shape)
    for frame in range(1, len(noise)):
        noise[frame] = share * noise[frame - 1] + np.sqrt(1 - share**2) * noise[frame]
    return noise


def _bursts(rng: np.random.Generator, shape: tuple[int, ...], time_s: Floats, errors: Errors) -> NDArray[np.bool_]:
    length = max(round(errors.lost_s / float(np.median(np.diff(time_s)))), 1)
    begins = rng.uniform(size=shape) < errors.lost / length
    lost = begins.copy()
    for later in range(1, length):
        lost[later:] |= begins[:-later]
    return lost


def planted(seen: Scene) -> Scene:
    """The same motion with feet that stand still; those rendered slide: a squat's by centimetres, a walk's by 0.5 m/s.

    Who walks is moved so that the lowest point of the feet rests; who stands gets both feet where they are on average,
    and knees that bend accordingly.
    """
    from posemill.applications.mocap.footlock import two_bones

    points = {name: place.copy() for name, place in seen.rig.points.items()}
    feet = [f"{side}_{part}" for side in ("left", "right") for part in ("heel", "toe")]
    if np.ptp(points["pelvis"][:, 2]) > 0.7:
        lowest = np.argmin([points[name][:, 1] for name in feet], axis=0)
        place = np.stack([points[name][:, [0, 2]] for name in feet])
        frames = np.arange(len(seen.time_s) - 1)
        moved = place[lowest[:-1], frames + 1] - place[lowest[:-1], frames]
        shift = np.zeros((len(seen.time_s), 3))
        shift[1:, [0, 2]] = -np.cumsum(moved, 0)
        points = {name: place + shift for name, place in points.items()}
    else:
        for side in ("left", "right"):
            ankle = points[f"{side}_ankle"]
            target = np.broadcast_to(ankle.mean(0) * (1, 0, 1) + (0, np.quantile(ankle[:, 1], 0.2), 0), ankle.shape)
            points[f"{side}_knee"], reached = two_bones(points[f"{side}_hip"], points[f"{side}_knee"], ankle, target)
            for part in ("ankle", "heel", "toe"):
                points[f"{side}_{part}"] = points[f"{side}_{part}"] + reached - ankle
    return Scene(seen.body, Rig(points, seen.rig.frames), seen.camera, seen.time_s)


def turned(posed: Rig, yaw_rad: float) -> Rig:
    """The same motion, turned about the vertical axis."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return Rig({n: p @ turn.T for n, p in posed.points.items()}, {n: turn @ f for n, f in posed.frames.items()})


def turning_scenes(activities: tuple[str, ...], seed: int, duration_s: float = 5.0, fps: float = 30.0) -> list[Scene]:
    """One person who does one thing after the other before one camera, turned in a random direction for each."""
    rng = np.random.default_rng(seed)
    body, style = Body.random(rng), Style.random(rng)
    time_s = np.arange(round(duration_s * fps)) / fps
    rigs = [turned(rig(body, move(a, time_s, style, rng)), rng.uniform(-np.pi, np.pi)) for a in activities]
    view = View(rng.uniform(-180, 180), rng.uniform(0.8, 1.6), rng.uniform(40, 60), 0.8, 0.0)
    camera = around(np.concatenate([p for posed in rigs for p in posed.points.values()]), view, SIZE)
    return [Scene(body, posed, camera, time_s + k * duration_s) for k, posed in enumerate(rigs)]
