"""Draws capsules and ellipsoids: shaded, smooth at the edge, nearer parts over farther ones.

Each part is drawn as if the camera were far away compared with the part itself, which is exact enough for limbs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.synth.camera import Camera
from posemill.synth.flesh import Surface
from posemill.synth.rotation import Floats

Float32 = NDArray[np.float32]
_NEAR_M = 0.3


@dataclass(slots=True, eq=False)
class Canvas:
    """image (H, W, 3) float32 RGB 0..255 and depth (H, W) float32 metres, both drawn into."""

    image: Float32
    depth: Float32

    def __post_init__(self) -> None:
        height, width = self.depth.shape
        self.columns = np.arange(width, dtype=np.float32)[None, :]
        self.rows = np.arange(height, dtype=np.float32)[:, None]

    columns: Float32 = None  # type: ignore[assignment]
    rows: Float32 = None  # type: ignore[assignment]

    def window(self, x: float, y: float, half_x: float, half_y: float) -> tuple[slice, slice] | None:
        """The rows and columns of a box, cut to the picture; None outside it."""
        height, width = self.depth.shape
        left, right = max(int(x - half_x - 1), 0), min(int(x + half_x + 3), width)
        top, bottom = max(int(y - half_y - 1), 0), min(int(y + half_y + 3), height)
        return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """direction (3,) towards the light in camera coordinates; ambient 0..1."""

    direction: Floats
    ambient: float


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A surface as a camera sees it, ready to draw frame by frame.

    ends     (T, C, 2, 4): x_px, y_px, z_m, radius_px of both ends of every capsule.
    centres  (T, E, 3) x_px, y_px, z_m; forms (T, E, 3, 3): inverse squared shape, metres^-2, camera coordinates.
    order    (T, C + E) parts from far to near; a negative depth puts it last.
    """

    ends: Floats
    centres: Floats
    forms: Floats
    order: NDArray[np.int64]
    colours: Float32
    focal_px: float


def see(surface: Surface, camera: Camera) -> Seen:
    """Project a surface for every frame at once."""
    ends = camera.see(surface.ends)
    z = np.maximum(ends[..., 2:], _NEAR_M)
    flat = camera.middle + camera.focal_px * ends[..., :2] / z
    radius = camera.focal_px * surface.radii[..., None] / z
    centres = camera.see(surface.centres)
    z_c = np.maximum(centres[..., 2:], _NEAR_M)
    axes = camera.turn @ surface.axes
    length2 = (axes**2).sum(-2, keepdims=True)
    unit = axes / length2  # columns e/|e|², so unit @ unitᵀ is the form
    depth = np.concatenate([ends[..., 2].mean(-1), centres[..., 2]], axis=1)
    return Seen(
        ends=np.concatenate([flat, z, radius], -1),
        centres=np.concatenate([camera.middle + camera.focal_px * centres[..., :2] / z_c, z_c], -1),
        forms=unit @ np.swapaxes(unit, -1, -2),
        order=np.argsort(-depth, axis=1),
        colours=surface.colours.astype(np.float32),
        focal_px=camera.focal_px,
    )


def draw(canvas: Canvas, seen: Seen, frame: int, light: Light) -> None:
    """Draw every part of one frame."""
    capsules = seen.ends.shape[1]
    for part in seen.order[frame].tolist():
        if part < capsules:
            start, end = seen.ends[frame, part].tolist()
            _capsule(canvas, start, end, seen.focal_px, seen.colours[part], light)
        else:
            number = part - capsules
            _ellipsoid(
                canvas, seen.centres[frame, number], seen.forms[frame, number], seen.focal_px, seen.colours[part], light
            )


def _capsule(canvas: Canvas, a: list[float], b: list[float], focal_px: float, colour: Float32, light: Light) -> None:
    ax, ay, az, ar = a
    bx, by, bz, br = b
    most = max(ar, br)
    window = canvas.window((ax + bx) / 2, (ay + by) / 2, abs(ax - bx) / 2 + most, abs(ay - by) / 2 + most)
    if window is None:
        return
    dx, dy = bx - ax, by - ay
    px, py = canvas.columns[:, window[1]] - np.float32(ax), canvas.rows[window[0]] - np.float32(ay)
    scale = 1 / max(dx * dx + dy * dy, 1e-6)
    along: Float32 = np.clip(px * np.float32(dx * scale) + py * np.float32(dy * scale), 0, 1)
    qx, qy = px - along * np.float32(dx), py - along * np.float32(dy)
    radius = along * np.float32(br - ar) + np.float32(ar)
    off2 = qx * qx + qy * qy
    alpha = radius - np.sqrt(off2) + np.float32(0.5)
    out = np.sqrt(np.maximum(radius * radius - off2, 0))
    depth: Float32 = along * np.float32(bz - az) + np.float32(az) - out * np.float32((az + bz) / 2 / focal_px)
    _blend(canvas, window, alpha, depth, (qx / radius, qy / radius, -out / radius), colour, light)


def _ellipsoid(canvas: Canvas, centre: Floats, form: Floats, focal_px: float, colour: Float32, light: Light) -> None:
    x, y, z = centre.tolist()
    to_m = z / focal_px
    (a, b, c), (_, d, e), (_, _, f) = form.tolist()  # symmetric: x², xy, xz / y², yz / z²
    sx, sxy, sy = (a - c * c / f) * to_m**2, (b - c * e / f) * to_m**2, (d - e * e / f) * to_m**2
    area = sx * sy - sxy * sxy
    window = canvas.window(x, y, (sy / area) ** 0.5, (sx / area) ** 0.5)
    if window is None:
        return
    px, py = canvas.columns[:, window[1]] - np.float32(x), canvas.rows[window[0]] - np.float32(y)
    inside = np.maximum(px * px * np.float32(sx) + px * py * np.float32(2 * sxy) + py * py * np.float32(sy), 1e-6)
    root = np.sqrt(inside)
    alpha: Float32 = np.sqrt(px * px + py * py + np.float32(1e-6)) * (1 - root) / root + np.float32(0.5)
    mx, my = px * np.float32(to_m), py * np.float32(to_m)
    dz: Float32 = -(mx * np.float32(c / f) + my * np.float32(e / f)) - np.sqrt(
        np.maximum(1 - inside, 0) * np.float32(1 / f)
    )
    nx = mx * np.float32(a) + my * np.float32(b) + dz * np.float32(c)
    ny = mx * np.float32(b) + my * np.float32(d) + dz * np.float32(e)
    nz = mx * np.float32(c) + my * np.float32(e) + dz * np.float32(f)
    size: Float32 = 1 / np.sqrt(nx * nx + ny * ny + nz * nz + np.float32(1e-9))
    _blend(canvas, window, alpha, dz + np.float32(z), (nx * size, ny * size, nz * size), colour, light)


def _blend(
    canvas: Canvas,
    window: tuple[slice, slice],
    alpha: Float32,
    depth: Float32,
    normal: tuple[Float32, Float32, Float32],
    colour: Float32,
    light: Light,
) -> None:
    """Put a shaded part where it is nearer than what is there; its rim is darker, so that limbs stand out."""
    lx, ly, lz = (np.float32(v) for v in light.direction.tolist())
    nx, ny, nz = normal
    lit = np.maximum(nx * lx + ny * ly + nz * lz, 0)
    shade = (np.float32(light.ambient) + lit * np.float32(1 - light.ambient)) * (
        np.float32(0.72) - nz * np.float32(0.28)
    )
    before = canvas.depth[window]
    cover = np.clip(alpha, 0, 1) * (depth < before)
    image = canvas.image[window]
    image += cover[..., None] * (shade[..., None] * colour - image)
    np.copyto(before, depth, where=cover > np.float32(0.5))
