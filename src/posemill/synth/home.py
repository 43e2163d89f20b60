"""A furnished room as a watching camera sees it: bed, sofa and chairs with their zones in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from posemill.synth.camera import Camera, look_at
from posemill.synth.room import Box
from posemill.synth.rotation import Floats

PICTURES = ((640, 480), (640, 360), (1280, 720), (960, 540), (800, 600))
_COLOURS = {"bed": (150, 160, 190), "sofa": (110, 90, 80), "chair": (130, 100, 70), "table": (150, 120, 90)}


@dataclass(frozen=True, slots=True)
class Furniture:
    """A piece of furniture with one open side.

    kind     bed, sofa, chair or table.
    low, high  its corners, metres; `high[1]` is the height of what one sits or lies on.
    heading  degrees, the way its open side faces, see Ground.
    """

    kind: str
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    heading: float

    @property
    def front(self) -> tuple[float, float]:
        """(x, z) where one stands before sitting down on it."""
        x, z = (self.low[0] + self.high[0]) / 2, (self.low[2] + self.high[2]) / 2
        h = np.deg2rad(self.heading)
        out = (abs(np.sin(h)) * (self.high[0] - self.low[0]) + abs(np.cos(h)) * (self.high[2] - self.low[2])) / 2
        return float(x + (out + 0.28) * np.sin(h)), float(z + (out + 0.28) * np.cos(h))

    def hides(self, points: Floats, viewer: Floats) -> NDArray[np.bool_]:
        """(N,) true for the points (N, 3) that it hides from a viewer (3,): the line of sight goes through its box."""
        way = points - viewer
        with np.errstate(divide="ignore", invalid="ignore"):
            one, two = (np.array(self.low) - viewer) / way, (np.array(self.high) - viewer) / way
        enters, leaves = np.minimum(one, two).max(-1), np.maximum(one, two).min(-1)
        return np.asarray((enters < leaves) & (leaves > 0) & (enters < 1))

    def box(self) -> Box:
        """As a box that can be drawn."""
        return Box(self.low, self.high, _COLOURS[self.kind])


@dataclass(frozen=True, slots=True, eq=False)
class Zone:
    """Part of the picture. kind: bed, sofa, chair or table; polygon (N, 2) pixels around its upper surface."""

    kind: str
    polygon: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Home:
    """A room of `width_m` (x) by `depth_m` (z) around the origin, its furniture and its camera."""

    width_m: float
    depth_m: float
    furniture: tuple[Furniture, ...]
    camera: Camera

    @classmethod
    def random(cls, rng: np.random.Generator) -> Home:
        """Some room; the camera is high in a corner, or (three in ten) at table height at a wall."""
        width, depth = rng.uniform(3.8, 5.8), rng.uniform(3.8, 5.8)
        return cls(width, depth, _furnish(width, depth, rng), _watch(width, depth, rng))

    def zones(self) -> tuple[Zone, ...]:
        """Return the zones of furniture in the picture; pieces outside it have none."""
        found = []
        for piece in self.furniture:
            (x0, _, z0), (x1, y, z1) = piece.low, piece.high
            corners = np.array([[x, y, z] for x in (x0, x1) for z in (z0, z1)])
            xy, _ = self.camera.project(corners)
            if np.isfinite(xy).all():
                hull = cv2.convexHull(xy.astype(np.float32))[:, 0]
                found.append(Zone(piece.kind, np.asarray(hull, np.float64)))
        return tuple(found)

    def pieces(self, *kinds: str) -> list[Furniture]:
        """The furniture of these kinds."""
        return [piece for piece in self.furniture if piece.kind in kinds]

    def free_place(self, rng: np.random.Generator, margin: float = 0.5) -> tuple[float, float]:
        """Some (x, z) where nothing stands."""
        for _ in range(40):
            x = rng.uniform(-self.width_m / 2 + margin, self.width_m / 2 - margin)
            z = rng.uniform(-self.depth_m / 2 + margin, self.depth_m / 2 - margin)
            if not any(
                f.low[0] - 0.3 < x < f.high[0] + 0.3 and f.low[2] - 0.3 < z < f.high[2] + 0.3 for f in self.furniture
            ):
                break
        return float(x), float(z)


def _furnish(width: float, depth: float, rng: np.random.Generator) -> tuple[Furniture, ...]:
    """A bed along one wall, a sofa along another, one or two chairs, sometimes a table."""
    sign = rng.choice([-1, 1])
    long, wide, height = rng.uniform(1.9, 2.1), rng.uniform(0.9, 1.5), rng.uniform(0.42, 0.58)
    middle = rng.uniform(-0.5, 0.5) * max(depth - long - 0.4, 0)
    wall = sign * width / 2
    x0, x1 = sorted((wall, wall - sign * wide))
    pieces = [Furniture("bed", (x0, 0, middle - long / 2), (x1, height, middle + long / 2), -90.0 * sign)]
    long, wide, height = rng.uniform(1.6, 2.1), rng.uniform(0.75, 0.9), rng.uniform(0.38, 0.46)
    along = -sign * (width / 2 - long / 2 - rng.uniform(0.2, 0.5))
    back = rng.choice([-1, 1])
    z0, z1 = sorted((back * depth / 2, back * (depth / 2 - wide)))
    pieces.append(
        Furniture("sofa", (along - long / 2, 0, z0), (along + long / 2, height, z1), 180.0 if back > 0 else 0.0)
    )
    for _ in range(rng.integers(1, 3)):
        x, z = rng.uniform(-0.25, 0.25) * width, -back * rng.uniform(0.1, 0.32) * depth
        height, heading = rng.uniform(0.42, 0.5), float(rng.choice([0.0, 90.0, 180.0, -90.0]))
        pieces.append(Furniture("chair", (x - 0.23, 0, z - 0.23), (x + 0.23, height, z + 0.23), heading))
    return tuple(pieces)


def _watch(width: float, depth: float, rng: np.random.Generator) -> Camera:
    size = PICTURES[rng.integers(len(PICTURES))]
    if rng.uniform() < 0.7:
        corner = rng.choice([-1, 1], 2) * (np.array([width, depth]) / 2 - 0.1)
        place = np.array([corner[0], rng.uniform(2.2, 2.8), corner[1]])
        down, field = rng.uniform(20, 45), rng.uniform(70, 100)
    else:
        across = rng.uniform(-0.3, 0.3) * width
        place = np.array([across, rng.uniform(0.7, 1.1), rng.choice([-1, 1]) * (depth / 2 - 0.05)])
        down, field = rng.uniform(-2, 12), rng.uniform(60, 90)
    away = np.array([rng.uniform(-0.5, 0.5), 0, rng.uniform(-0.5, 0.5)]) - place
    away[1] = -np.tan(np.deg2rad(down)) * np.hypot(away[0], away[2])
    focal_px = max(size) / 2 / np.tan(np.deg2rad(field) / 2)
    return look_at(place, place + away, focal_px, *size, np.deg2rad(rng.normal(0, 1.5)))
