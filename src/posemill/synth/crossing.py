"""Several people who walk past each other, at different speeds and distances, with exact keypoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks, PoseTrack, State
from posemill.synth import room
from posemill.synth.activities import move
from posemill.synth.body import Body, Rig, rig
from posemill.synth.camera import Camera, View, around
from posemill.synth.corpus import HIDDEN, LABELLER
from posemill.synth.flesh import HAIRS, SKINS, Look, Surface, dress
from posemill.synth.motion import Style
from posemill.synth.render import Sensor, frames
from posemill.synth.rotation import Floats, about, turn

DURATION_S = 4.0
SIZE = (640, 360)
RATES = (15.0, 25.0, 30.0)
LANE_M = (0.55, 0.95)  # between the paths of two people, along the view
_THICK = {"leg": 0.05, "arm": 0.035, "trunk": 0.11, "head": 0.07}  # half widths, in heights of the body


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """People who cross in the middle of the picture, each hidden for a while by whoever is nearer.

    truth  one track a person, nearest path first: xy exact in pixels, NaN outside the picture; confidence 1, or 0.5
           where a nearer person hides the keypoint. Frames in which a person is outside the picture have no row.
    """

    name: str
    fps: float
    width_px: int
    height_px: int
    frames: int
    truth: tuple[PoseTrack, ...]
    _bodies: tuple[tuple[Body, Rig, Look], ...]
    _camera: Camera
    _seed: tuple[int, int]

    def images(self) -> Iterator[NDArray[np.uint8]]:
        """Every picture, (height_px, width_px, 3) uint8 RGB; the same every time."""
        rng = np.random.default_rng([*self._seed, 1])
        surface = _together([dress(*each) for each in self._bodies])
        backdrop = room.build(self._camera, [], 4.0, rng)
        return frames(surface, self._bodies[0][1], self._camera, backdrop, Sensor.random(rng), rng)

    def tracks(self, medium: str) -> MediumTracks:
        """The truth as the tracks of a stored medium, `medium` being its digest."""
        return MediumTracks(
            medium=medium,
            labeller=LABELLER,
            skeleton=COCO_17,
            width_px=self.width_px,
            height_px=self.height_px,
            frames=self.frames,
            duration_s=self.frames / self.fps,
            tracks=self.truth,
        )

    def write(self, folder: Path) -> Path:
        """Render into `folder` as MP4 and say where it is."""
        from posemill.video.encode import VideoWriter

        path = Path(folder) / f"{self.name}.mp4"
        with VideoWriter(path, self.fps, self.width_px, self.height_px, crf=22) as video:
            for number, image in enumerate(self.images()):
                video.write(image, number / self.fps)
        return path


def crossing(seed: int, people: int = 2) -> Crossing:
    """Two or more people who pass each other; the same seed and number always give the same.

    Paths are parallel lanes across the view, directions alternate; who is slow is overtaken or met off the middle.
    """
    if people < 2 or seed < 0:
        raise InputError(f"a crossing needs 2 people or more and a seed from 0, came {people} people and seed {seed}")
    rng = np.random.default_rng([seed, people])
    fps = float(rng.choice(RATES))
    time_s = np.arange(round(DURATION_S * fps)) / fps
    way = rng.choice([-1, 1])
    bodies, lane = [], 0.0
    for number in range(people):
        body, style = Body.random(rng), Style.random(rng)
        look = Look.random(rng, SKINS[rng.integers(len(SKINS))], HAIRS[rng.integers(len(HAIRS))], bool(rng.integers(2)))
        walk = move("walk", time_s, style, rng)
        walk.channels["forward_m"] *= rng.uniform(0.7, 1.35)  # some hurry, some stroll
        heading = way * (90 + rng.uniform(-12, 12)) + 180 * (number % 2)
        place = (rng.uniform(-0.3, 0.3), 0.0, -lane)
        bodies.append((body, placed(rig(body, walk), np.deg2rad(heading), place), look))
        lane += rng.uniform(*LANE_M)
    camera = _filmed([r for _, r, _ in bodies], rng)
    truth = ground_truth([(b, r) for b, r, _ in bodies], camera, time_s)
    name = f"crossing-{people}-{seed}"
    return Crossing(name, fps, *SIZE, len(time_s), truth, tuple(bodies), camera, (seed, people))


def placed(posed: Rig, heading: float, place: tuple[float, float, float]) -> Rig:
    """Turn a motion by `heading` radians about the vertical and move it, `place` being metres."""
    matrix = about(1, heading)
    points = {name: turn(matrix, point) + place for name, point in posed.points.items()}
    return Rig(points, {name: matrix @ frame for name, frame in posed.frames.items()})


def _filmed(rigs: list[Rig], rng: np.random.Generator) -> Camera:
    """Across the paths; the ends of the walks are outside the picture."""
    points = np.concatenate([p for r in rigs for p in r.points.values()])
    points = points[np.abs(points[:, 0]) < 1.9]
    view = View(rng.uniform(-18, 18), rng.uniform(1.1, 1.9), rng.uniform(36, 50), 0.92, rng.normal(0, 1.0))
    return around(points, view, SIZE)


def _together(surfaces: list[Surface]) -> Surface:
    """One surface of many, capsules before ellipsoids."""
    capsules = [s.radii.shape[0] for s in surfaces]
    halves = [np.split(s.colours, [n]) for s, n in zip(surfaces, capsules, strict=True)]
    return Surface(
        ends=np.concatenate([s.ends for s in surfaces], 1),
        radii=np.concatenate([s.radii for s in surfaces]),
        centres=np.concatenate([s.centres for s in surfaces], 1),
        axes=np.concatenate([s.axes for s in surfaces], 1),
        colours=np.concatenate([h[0] for h in halves] + [h[1] for h in halves]),
    )


def ground_truth(bodies: list[tuple[Body, Rig]], camera: Camera, time_s: Floats) -> tuple[PoseTrack, ...]:
    """Return exact tracks of several people, in their order, as Crossing describes them."""
    size = np.array([camera.width_px, camera.height_px])
    seen = [camera.project(posed.keypoints()) for _, posed in bodies]
    tracks = []
    for number, (xy, depth) in enumerate(seen):
        hidden = np.zeros(xy.shape[:2], bool)
        for other, (body, posed) in enumerate(bodies):
            if other != number:
                nearer = seen[other][1].mean(1) < depth.mean(1)
                hidden |= _covered(xy, body, posed, camera) & nearer[:, None]
        inside = np.asarray((np.isfinite(xy) & (xy >= 0) & (xy <= size - 1)).all(-1))
        rows = np.flatnonzero(inside.any(-1))
        tracks.append(
            PoseTrack(
                skeleton=COCO_17,
                person=number,
                frame=rows.astype(np.int32),
                time_s=time_s[rows],
                xy=np.where(inside[..., None], xy, np.nan).astype(np.float32)[rows],
                confidence=np.where(inside, np.where(hidden, HIDDEN, 1.0), 0.0).astype(np.float32)[rows],
                state=np.full(len(rows), State.PREDICTED, np.uint8),
            )
        )
    return tuple(tracks)


def _covered(xy: Floats, body: Body, posed: Rig, camera: Camera) -> NDArray[np.bool_]:
    """(T, K) which places of the picture (T, K, 2) a body covers: its limbs and trunk as thick lines."""
    at = {name: camera.project(point)[0] for name, point in posed.points.items()}
    height_px = camera.focal_px * body.height / camera.project(posed.points["pelvis"])[1]
    lines = [(at["pelvis"], at["neck"], _THICK["trunk"]), (at["neck"], at["head"], _THICK["head"])]
    for side in ("left", "right"):
        lines += [(at[f"{side}_hip"], at[f"{side}_knee"], _THICK["leg"])]
        lines += [(at[f"{side}_knee"], at[f"{side}_ankle"], _THICK["leg"])]
        lines += [(at[f"{side}_shoulder"], at[f"{side}_elbow"], _THICK["arm"])]
        lines += [(at[f"{side}_elbow"], at[f"{side}_wrist"], _THICK["arm"])]
    near = [_distance(xy, a[:, None], b[:, None]) < (thick * height_px)[:, None] for a, b, thick in lines]
    return np.asarray(np.any(near, axis=0))


def _distance(xy: Floats, start: Floats, end: Floats) -> Floats:
    """Distance of points from stretches of line."""
    along = ((xy - start) * (end - start)).sum(-1) / np.maximum(((end - start) ** 2).sum(-1), 1e-9)
    return np.asarray(np.linalg.norm(xy - start - along.clip(0, 1)[..., None] * (end - start), axis=-1))
