"""Pictures of a moving body in a room, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from posemill.synth import raster
from posemill.synth.body import Rig
from posemill.synth.camera import Camera
from posemill.synth.flesh import Surface
from posemill.synth.room import Backdrop
from posemill.synth.rotation import Floats

_SHADOWS = ("pelvis", "neck", "head", "left_knee", "right_knee", "left_toe", "right_toe", "left_wrist", "right_wrist")


@dataclass(frozen=True, slots=True, eq=False)
class Sensor:
    """Camera sensor: gain (3,) per colour, noise as a standard deviation in grey levels."""

    gain: Floats
    noise: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> Sensor:
        """Some light and some camera."""
        return cls(gain=rng.uniform(0.78, 1.1) * rng.normal(1, 0.03, 3), noise=rng.uniform(1.0, 5.0))


def frames(
    surface: Surface, rig: Rig, camera: Camera, backdrop: Backdrop, sensor: Sensor, rng: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    """Every picture of the motion, (H, W, 3) uint8 RGB."""
    seen = raster.see(surface, camera)
    light = _light(camera, rng)
    room = backdrop.image * sensor.gain.astype(np.float32)
    seen.colours[:] *= sensor.gain.astype(np.float32)
    grain = rng.normal(0, sensor.noise, (camera.height_px + 32, camera.width_px + 32, 3)).astype(np.float32)
    for frame in range(len(surface.ends)):
        shadow = _shadow(rig, camera, frame, backdrop.floor)
        canvas = raster.Canvas(room * shadow[..., None], backdrop.furniture.copy())
        raster.draw(canvas, seen, frame, light)
        top, left = rng.integers(0, 32, 2)
        canvas.image += grain[top : top + camera.height_px, left : left + camera.width_px]
        yield np.clip(canvas.image, 0, 255).astype(np.uint8)


def _light(camera: Camera, rng: np.random.Generator) -> raster.Light:
    """A light from above, somewhat on the camera's side."""
    side, up = rng.uniform(-0.9, 0.9), rng.uniform(0.4, 1.1)
    direction = np.array([side, -up, -rng.uniform(0.6, 1.1)])
    return raster.Light(direction / np.linalg.norm(direction), rng.uniform(0.42, 0.62))


def _shadow(rig: Rig, camera: Camera, frame: int, floor: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) factors: a soft shadow on the floor below the body, darker where the body is near the floor."""
    small = np.zeros((camera.height_px // 4 + 1, camera.width_px // 4 + 1), np.float32)
    for name in _SHADOWS:
        above = rig.points[name][frame]
        spot, depth = camera.project(above * (1, 0, 1))
        if not np.isfinite(spot).all():
            continue
        wide = 0.16 * camera.focal_px / depth / 4
        flat = wide * np.clip((camera.place[1] - 0.0) / depth, 0.1, 1)
        mark = np.zeros_like(small)
        centre = tuple(np.clip(spot / 4, -1000, 1000).round().astype(int).tolist())
        cv2.ellipse(mark, centre, (max(1, int(wide)), max(1, int(flat))), 0, 0, 360, 1.0, -1)
        small += mark * np.float32(0.22 / (1 + 2.0 * above[1]))
    soft = cv2.GaussianBlur(small, (0, 0), 1.6)
    wide_map = cv2.resize(soft, (camera.width_px, camera.height_px), interpolation=cv2.INTER_LINEAR)
    return np.asarray(1 - np.minimum(wide_map, 0.55) * floor, np.float32)
