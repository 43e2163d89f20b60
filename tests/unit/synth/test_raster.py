"""Shapes on a canvas: size, place, depth, shade."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.synth.camera import look_at
from posemill.synth.flesh import Surface
from posemill.synth.raster import Canvas, Light, draw, see

CAMERA = look_at(np.array([0.0, 0.0, 10.0]), np.zeros(3), 500.0, 121, 101)  # 50 pixels a metre at the origin
LIGHT = Light(np.array([0.0, 0.0, -1.0]), 0.5)


def picture(capsules: list[tuple], ellipsoids: list[tuple]) -> Canvas:
    """capsules (end, end, radius, grey), ellipsoids (centre, half axes, grey)."""
    surface = Surface(
        ends=np.array([[c[:2] for c in capsules]], float).reshape(1, -1, 2, 3),
        radii=np.array([[c[2], c[2]] for c in capsules], float).reshape(-1, 2),
        centres=np.array([[e[0] for e in ellipsoids]], float).reshape(1, -1, 3),
        axes=np.array([[np.diag(e[1]) for e in ellipsoids]], float).reshape(1, -1, 3, 3),
        colours=np.array([[x[-1]] * 3 for x in capsules + ellipsoids], float),
    )
    canvas = Canvas(np.zeros((101, 121, 3), np.float32), np.full((101, 121), np.inf, np.float32))
    draw(canvas, see(surface, CAMERA), 0, LIGHT)
    return canvas


def test_an_ellipsoid_covers_its_shadow_image() -> None:
    canvas = picture([], [((0.2, 0.1, 0), (0.5, 0.3, 0.4), 200)])
    painted = np.isfinite(canvas.depth)
    rows, columns = np.nonzero(painted)
    assert painted.sum() == pytest.approx(np.pi * 25 * 15, rel=0.06)
    assert (columns.mean(), rows.mean()) == (pytest.approx(70, abs=0.5), pytest.approx(45, abs=0.5))
    assert canvas.depth[45, 70] == pytest.approx(9.6, abs=0.02)


def test_a_capsule_covers_its_length_and_its_ends() -> None:
    canvas = picture([((-0.5, 0, 0), (0.5, 0, 0), 0.2, 200)], [])
    assert np.isfinite(canvas.depth).sum() == pytest.approx(50 * 20 + np.pi * 100, rel=0.06)
    assert canvas.depth[50, 60] == pytest.approx(9.8, abs=0.02)


def test_the_nearer_part_hides_the_farther_whatever_the_order() -> None:
    near, far = ((0, 0, 1), (0.2, 0.2, 0.2), 250), ((0, 0, -1), (0.4, 0.4, 0.4), 50)
    for order in ([near, far], [far, near]):
        canvas = picture([], order)
        assert canvas.image[50, 60, 0] == pytest.approx(250, rel=0.02)
        assert canvas.image[50, 60 + 15, 0] < 60


def test_the_side_towards_the_light_is_brighter() -> None:
    canvas = picture([], [((0, 0, 0), (0.5, 0.5, 0.5), 200)])
    assert canvas.image[50, 60, 0] > 1.3 * canvas.image[50, 60 + 20, 0]


def test_outside_the_picture_nothing_is_drawn() -> None:
    canvas = picture([((50, 0, 0), (51, 0, 0), 0.2, 200)], [((0, 50, 0), (0.1, 0.1, 0.1), 200)])
    assert not canvas.image.any()
