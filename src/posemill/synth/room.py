"""The place: a room seen in perspective, with furniture behind people and sometimes in front of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.synth.camera import Camera
from posemill.synth.rotation import Floats

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A piece of furniture: low and high corner in metres, RGB 0..255; not turned."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    colour: Colour


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """Background image and depth: the room without people.

    image      (H, W, 3) float32 RGB 0..255.
    furniture  (H, W) float32 metres along the view to the nearest furniture, inf where there is none.
    floor      (H, W) float32, 1 on the floor, 0 elsewhere: where shadows fall.
    """

    image: NDArray[np.float32]
    furniture: NDArray[np.float32]
    floor: NDArray[np.float32]


def build(camera: Camera, boxes: list[Box], reach_m: float, rng: np.random.Generator) -> Backdrop:
    """A room whose walls are `reach_m` or more from the middle, with these pieces of furniture.

    Every pixel's ray is followed to the walls, the floor and the furniture.
    """
    v, u = np.mgrid[: camera.height_px, : camera.width_px].astype(np.float64)
    rays = np.stack([(u - camera.middle[0]) / camera.focal_px, (v - camera.middle[1]) / camera.focal_px, u * 0 + 1], -1)
    rays = rays @ camera.turn  # their length along the view is 1, so the ray parameter is the depth
    rays[np.abs(rays) < 1e-9] = 1e-9
    image, floor = _walls(camera, rays, reach_m, rng)
    furniture = np.full(u.shape, np.inf)
    for box in boxes:
        _add(box, camera, rays, image, furniture)
    return Backdrop(
        image.astype(np.float32), furniture.astype(np.float32), (floor & np.isinf(furniture)).astype(np.float32)
    )


def _walls(camera: Camera, rays: Floats, reach_m: float, rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """(H, W, 3) colours of the empty room and (H, W) where the floor is."""
    reach = reach_m + rng.uniform(0.2, 1.4, 4)
    low = np.array([min(-reach[0], camera.place[0] - 0.5), 0.0, min(-reach[1], camera.place[2] - 0.5)])
    high = np.array([max(reach[2], camera.place[0] + 0.5), rng.uniform(2.5, 3.2), max(reach[3], camera.place[2] + 0.5)])
    distance = np.where(rays > 0, high - camera.place, low - camera.place) / rays
    axis = distance.argmin(-1)
    hit = camera.place + rays * distance.min(-1, keepdims=True)
    floor = (axis == 1) & (rays[..., 1] < 0)
    image = np.empty(rays.shape)
    _paint_walls(image, hit, axis, rays, rng)
    image[(axis == 1) & ~floor] = rng.uniform(215, 240)
    image[floor] = _floor(hit[floor], rng)
    far = np.linalg.norm(hit[..., [0, 2]], axis=-1, keepdims=True)
    return image * np.clip(1.06 - 0.025 * far, 0.7, 1.1), floor


def _paint_walls(image: Floats, hit: Floats, axis: NDArray[np.int64], rays: Floats, rng: np.random.Generator) -> None:
    base = rng.uniform(150, 230) + rng.normal(0, 10, 3)
    for number, (ax, positive) in enumerate(((0, True), (0, False), (2, True), (2, False))):
        wall = (axis == ax) & ((rays[..., ax] > 0) == positive)
        across, up = hit[..., 2 - ax][wall], hit[..., 1][wall]
        colour = np.repeat((base * (0.93 + 0.035 * number))[None], len(up), 0) * (0.92 + 0.04 * up[:, None])
        colour[up < 0.1] = 0.75 * base + 50  # skirting board
        for _ in range(rng.integers(1, 4)):
            _hang(colour, across, up, rng)
        image[wall] = colour


def _hang(colour: Floats, across: Floats, up: Floats, rng: np.random.Generator) -> None:
    """A picture, a window or a door on the wall."""
    middle, kind = rng.uniform(-3, 3), rng.integers(3)
    half = rng.uniform(0.2, 0.6)
    low, high = ((rng.uniform(1.2, 1.5), 2.0), (0.9, 2.2), (0.0, 2.05))[kind]
    inside = (np.abs(across - middle) < half) & (up > low) & (up < high)
    rim = inside & ((np.abs(across - middle) > half - 0.04) | (up > high - 0.05) | (up < low + 0.05))
    colour[inside] = (
        rng.uniform(70, 220, 3),
        rng.uniform(195, 240) + rng.uniform(-12, 12, 3),
        rng.uniform(90, 200) * np.array([1, 0.85, 0.7]),
    )[kind]
    colour[rim] = rng.uniform(50, 230)


def _floor(hit: Floats, rng: np.random.Generator) -> Floats:
    """Boards, tiles or a carpet, sometimes with a rug."""
    base = rng.uniform(85, 180) * np.array([1.0, rng.uniform(0.78, 0.98), rng.uniform(0.6, 0.95)])
    x, z = hit[:, 0], hit[:, 2]
    kind = rng.integers(3)
    if kind == 0:
        board = np.floor(x / 0.14)
        tone = 0.94 + 0.1 * ((np.sin(board * 12.9898 + np.floor(z / 1.1 + 0.37 * board) * 4.1) * 43758.5) % 1)
    elif kind == 1:
        tone = 0.94 + 0.08 * ((np.floor(x / 0.4) + np.floor(z / 0.4)) % 2)
    else:
        tone = 0.98 + rng.normal(0, 0.02, len(x))
    colour = base * tone[:, None]
    if rng.uniform() < 0.4:
        rug = (np.abs(x) < rng.uniform(0.7, 1.3)) & (np.abs(z) < rng.uniform(0.7, 1.3))
        colour[rug] = rng.uniform(70, 190, 3) * np.ones((rug.sum(), 1))
    return colour


def _add(box: Box, camera: Camera, rays: Floats, image: Floats, furniture: Floats) -> None:
    """Draw a box over the picture where it is nearest."""
    one = (np.array(box.low) - camera.place) / rays
    two = (np.array(box.high) - camera.place) / rays
    enter, leave = np.minimum(one, two), np.maximum(one, two)
    near = enter.max(-1)
    seen = (near < leave.min(-1)) & (near > 0.2) & (near < furniture)
    face = enter.argmax(-1)
    tone = np.array([0.82, 1.1, 0.95])[face]
    hit = camera.place + rays * near[..., None]
    edge = (np.minimum(np.abs(hit - box.low), np.abs(hit - box.high)) < 0.012).sum(-1) > 1
    colour = np.array(box.colour) * np.where(edge, 0.8, 1.0)[..., None] * tone[..., None]
    image[seen] = colour[seen]
    furniture[seen] = near[seen]


def chair(seat_y: float, x: float, z: float, rng: np.random.Generator) -> list[Box]:
    """A chair that faces +z, its seat at height `seat_y` and centred at (x, z)."""
    tone = rng.uniform(50, 170)
    colour = (tone, 0.8 * tone, 0.6 * tone)
    w, back = 0.22, z - 0.24
    legs = [
        Box(
            (x + sx * w - 0.02, 0, z + sz * 0.2 - 0.02), (x + sx * w + 0.02, seat_y - 0.04, z + sz * 0.2 + 0.02), colour
        )
        for sx in (-1, 1)
        for sz in (-1, 1)
    ]
    seat = Box((x - w - 0.02, seat_y - 0.05, back), (x + w + 0.02, seat_y, z + 0.2), colour)
    return [*legs, seat, Box((x - w, seat_y + 0.12, back - 0.04), (x + w, seat_y + 0.45, back), colour)]


def bed(pelvis: Floats, trunk: Floats, out: Floats, top_y: float, rng: np.random.Generator) -> Box:
    """A bed under who lies with the pelvis at (3,) `pelvis`, the trunk along (3,) `trunk`; `out` is its open side."""
    along = 0 if abs(trunk[0]) > abs(trunk[2]) else 2
    head, open_side = float(np.sign(trunk[along]) or 1), float(np.sign(out[2 - along]) or 1)
    low, high = [0.0, 0.0, 0.0], [0.0, top_y, 0.0]
    low[along], high[along] = sorted((pelvis[along] + 1.0 * head, pelvis[along] - 1.05 * head))
    low[2 - along], high[2 - along] = sorted(
        (pelvis[2 - along] + 0.32 * open_side, pelvis[2 - along] - 0.7 * open_side)
    )
    tone = rng.uniform(110, 200)
    return Box((low[0], 0.0, low[2]), (high[0], top_y, high[2]), (tone, tone * rng.uniform(0.9, 1.05), tone))


def furnish(points: Floats, camera: Camera, in_front: bool, rng: np.random.Generator) -> list[Box]:
    """Some pieces behind the person, and a low one in front if wanted; none where the person ever is.

    points  (N, 3) every place the body ever takes.
    """
    away = camera.place - points.mean(0)
    away[1] = 0
    away /= np.linalg.norm(away)
    along = points @ away
    across = np.cross((0.0, 1.0, 0.0), away)
    middle = points.mean(0) - away * (points.mean(0) @ away)
    boxes = [
        _piece(middle + away * (along.min() - rng.uniform(0.9, 1.8)) + across * rng.uniform(-2.2, 2.2), rng, 0.5, 1.3)
        for _ in range(rng.integers(0, 3))
    ]
    if in_front:
        place = middle + away * (along.max() + rng.uniform(0.5, 0.7)) + across * rng.uniform(-0.45, 0.45)
        boxes.append(_piece(place, rng, 0.25, 0.5, 0.3))
    return boxes


def _piece(place: Floats, rng: np.random.Generator, low: float, high: float, wide: float = 0.5) -> Box:
    half_x, half_z = rng.uniform(0.15, wide), rng.uniform(0.15, 0.3)
    tone = rng.uniform(60, 190)
    colour = (tone, tone * rng.uniform(0.75, 1.05), tone * rng.uniform(0.6, 1.1))
    return Box(
        (place[0] - half_x, 0.0, place[2] - half_z),
        (place[0] + half_x, rng.uniform(low, high), place[2] + half_z),
        colour,
    )
