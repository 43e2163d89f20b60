"""A pinhole camera, and where to put it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posemill.synth.rotation import Floats

# (width, height) in pixels
SIZES = (
    (384, 288),
    (320, 240),
    (400, 300),
    (426, 240),
    (480, 270),
    (352, 288),
    (288, 384),
    (240, 320),
    (270, 480),
    (300, 400),
)
RATES = (10.0, 12.5, 15.0, 20.0, 24.0, 25.0, 30000 / 1001, 30.0)


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """Position and view. Camera coordinates: x right, y down, z away from it, metres.

    place     (3,) metres in the world.
    turn      (3, 3) rows are the camera's right, down and forward in the world.
    focal_px  focal length in pixels. A whole number of pixels is the middle of a pixel.
    """

    place: Floats
    turn: Floats
    focal_px: float
    width_px: int
    height_px: int

    @property
    def middle(self) -> Floats:
        """(2,) where the optical axis meets the picture."""
        return np.array([(self.width_px - 1) / 2, (self.height_px - 1) / 2])

    def see(self, points: Floats) -> Floats:
        """(..., 3) world -> (..., 3) camera coordinates."""
        return np.asarray((points - self.place) @ self.turn.T)

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """(..., 3) world -> (..., 2) pixels and (...) distance along the view; NaN pixels behind the camera."""
        seen = self.see(points)
        z = np.where(seen[..., 2] > 0.05, seen[..., 2], np.nan)
        return self.middle + self.focal_px * seen[..., :2] / z[..., None], seen[..., 2]


def look_at(place: Floats, target: Floats, focal_px: float, width_px: int, height_px: int, roll: float = 0.0) -> Camera:
    """A camera at `place` that looks at `target`, upright but for `roll` radians."""
    forward = (target - place) / np.linalg.norm(target - place)
    right = np.cross(forward, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return Camera(place, np.stack([c * right + s * down, c * down - s * right, forward]), focal_px, width_px, height_px)


@dataclass(frozen=True, slots=True)
class View:
    """View of a person: azimuth 0 is from the front, 90 from the person's left, 180 from behind."""

    azimuth_deg: float
    height_m: float
    field_deg: float  # of the picture's longer side
    fill: float  # share of the picture that the motion takes
    roll_deg: float

    @property
    def name(self) -> str:
        """frontal, oblique, side or behind."""
        off = abs((self.azimuth_deg + 180) % 360 - 180)
        return "frontal" if off < 25 else "oblique" if off < 65 else "side" if off < 115 else "behind"


def around(points: Floats, view: View, size: tuple[int, int]) -> Camera:
    """The camera of that view that is just far enough to have all `points` (N, 3) within `fill` of the picture."""
    low, high = points.min(0), points.max(0)
    target = (low + high) / 2
    azimuth = np.deg2rad(view.azimuth_deg)
    away = np.array([np.sin(azimuth), 0.0, np.cos(azimuth)])
    focal_px = max(size) / 2 / np.tan(np.deg2rad(view.field_deg) / 2)
    near, far = 0.8, 30.0
    for _ in range(24):
        distance = (near + far) / 2
        place = target + away * distance
        place[1] = view.height_m
        camera = look_at(place, target, focal_px, *size, np.deg2rad(view.roll_deg))
        near, far = (near, distance) if _fits(camera, points, view.fill) else (distance, far)
    return camera


def _fits(camera: Camera, points: Floats, fill: float) -> bool:
    seen = camera.see(points)
    if (seen[:, 2] < 0.4).any():
        return False
    off = np.abs(camera.focal_px * seen[:, :2] / seen[:, 2:])
    return bool((off <= fill * (camera.middle + 0.5)).all())


def random_view(rng: np.random.Generator, lying: bool = False, walking: bool = False, addressed: bool = False) -> View:
    """From the front, obliquely, from a side; seldom from behind. Lying people are seen obliquely or from a side.

    Who addresses somebody is seen by that one, from the front or obliquely. Walking people are seen from farther away,
    through a longer lens, so that they do not shrink too much.
    """
    side = rng.choice([-1, 1])
    if lying:
        azimuth = side * rng.uniform(42, 100)
    else:
        kind = rng.choice(4, p=(0.5, 0.5, 0, 0) if addressed else (0.42, 0.42, 0.13, 0.03))
        azimuth = side * rng.uniform(*((0, 25), (25, 65), (65, 100), (150, 180))[kind])
    return View(
        azimuth_deg=azimuth,
        height_m=rng.uniform(0.4, 1.1) if lying else rng.uniform(0.9, 1.8),
        field_deg=rng.uniform(26, 38) if walking else rng.uniform(40, 60),
        fill=rng.uniform(*((0.40, 0.58) if lying else (0.64, 0.88)))
        if rng.uniform() < 0.93
        else rng.uniform(0.95, 1.08),
        roll_deg=rng.normal(0, 1.2),
    )


def watching(points: Floats, size: tuple[int, int], rng: np.random.Generator) -> tuple[View, Camera]:
    """A camera that watches over a room, from any side: high in a corner, looking down 20 to 45 degrees, or on a table.

    points  (N, 3) every place the body ever takes.
    """
    azimuth, roll, table = rng.uniform(-180, 180), rng.normal(0, 1.2), rng.uniform() < 0.35
    while True:
        field, fill = rng.uniform(45, 85), rng.uniform(0.5, 0.9)
        height = rng.uniform(0.7, 1.1) if table else rng.uniform(2.2, 2.8)
        view = View(azimuth, height, field, fill, roll)
        camera = around(points, view, size)
        if table or 20 <= np.rad2deg(-np.arcsin(camera.turn[2, 1])) <= 45:
            return view, camera
