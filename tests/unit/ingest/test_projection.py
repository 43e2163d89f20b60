"""The virtual camera, by points whose pictures are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.formats.pyskl import read_pyskl
from posemill.ingest.projection import Depth, Up, VirtualCamera

CAMERA = VirtualCamera(focal_px=1000, width_px=1920, height_px=1080)


def test_a_pinhole_from_the_sensors_place() -> None:
    points = np.array([[0, 0, 2.0], [1, 0, 2.0], [0, 0.5, 4.0], [0, 0, -1], [np.nan, 0, 1]])
    wanted = [[960, 540], [1460, 540], [960, 415], [np.nan, np.nan], [np.nan, np.nan]]
    np.testing.assert_allclose(CAMERA.project(points), wanted)


def test_from_the_side_depth_becomes_width() -> None:
    """The camera goes to the person's right hand, who faces the sensor: what is near the sensor is on its right."""
    camera = VirtualCamera(yaw_deg=90, focal_px=1000, width_px=1920, height_px=1080)
    near_and_far = np.array([[0, 0, 2.5], [0, 0, 3.5]])  # half a metre before and behind the middle, 3 m away
    (first, second) = camera.project(near_and_far)
    np.testing.assert_allclose([first[1], second[1]], 540)
    assert abs(first[0] - 960) == pytest.approx(1000 / 6, abs=1e-3)
    assert first[0] - 960 == pytest.approx(-(second[0] - 960))


def test_from_above_what_is_near_the_sensor_sinks() -> None:
    camera = VirtualCamera(pitch_deg=90, focal_px=1000, width_px=1920, height_px=1080)
    near, far = camera.project(np.array([[0, 0, 2.5], [0, 0, 3.5]]))
    assert near[1] == pytest.approx(540 + 1000 / 6, abs=1e-3)
    assert far[1] == pytest.approx(540 - 1000 / 6, abs=1e-3)


def test_all_the_way_round_is_where_it_began() -> None:
    points = np.random.default_rng(0).normal([0, 0, 3], 0.4, (5, 25, 3))
    around = VirtualCamera(yaw_deg=360, focal_px=1000, width_px=1920, height_px=1080)
    np.testing.assert_allclose(around.project(points), CAMERA.project(points), atol=1e-2)


def test_a_camera_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="focal length"):
        VirtualCamera(focal_px=0)


def test_kept_depth_has_the_scale_of_x_and_y_and_all_is_in_the_picture() -> None:
    points = np.random.default_rng(0).normal([5, -2, 0], 0.4, (5, 25, 3))  # of no sensor: some are behind it
    points[2, 3] = np.nan
    xy, z = replace(CAMERA, depth="keep").see(points)
    assert z is not None
    assert (xy.dtype, z.dtype, z.shape) == (np.float32, np.float32, (5, 25))
    assert np.argwhere(np.isnan(z)).tolist() == np.argwhere(np.isnan(xy[..., 0])).tolist() == [[2, 3]]
    seen = ~np.isnan(z)
    assert (xy[seen] > 0).all()
    assert (xy[seen] < [1920, 1080]).all()
    space = np.concatenate([xy, z[..., None]], -1)
    ratio = np.linalg.norm(space[:, 0] - space[:, 1], axis=-1) / np.linalg.norm(points[:, 0] - points[:, 1], axis=-1)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)
    assert (xy[0, 0, 1] > xy[0, 1, 1]) == (points[0, 0, 1] < points[0, 1, 1])  # what is higher has the smaller y


@pytest.mark.parametrize(
    ("up", "turn"),
    [
        ("-y", [[-1, 0, 0], [0, -1, 0], [0, 0, 1]]),
        ("z", [[-1, 0, 0], [0, 0, 1], [0, 1, 0]]),
    ],
)
def test_another_axis_may_point_up(up: Up, turn: list[list[int]]) -> None:
    """Axes are right-handed: each turn is a rotation, never a mirror."""
    assert np.linalg.det(turn) == pytest.approx(1)
    points = np.random.default_rng(1).normal([0, 0, 3], 0.3, (4, 12, 3))
    turned = points @ np.array(turn).T
    for camera in (CAMERA, replace(CAMERA, depth="keep")):
        wanted, came = camera.see(points), replace(camera, up=up).see(turned)
        np.testing.assert_allclose(came[0], wanted[0], atol=1e-2)
        assert (came[1] is None) == (wanted[1] is None)


def facing(axes: str = "right-handed") -> np.ndarray:
    """Left and right shoulder of somebody who faces the sensor, (2, 3) metres, y up and z away from the sensor.

    Right-handed axes with y up and z away have x to the sensor's left, where such a person's right side is.
    """
    left_is = -1 if axes == "right-handed" else 1
    return np.array([[0.2 * left_is, 0.4, 2.5], [-0.2 * left_is, 0.4, 2.5]])


@pytest.mark.parametrize("depth", ["project", "keep"])
@pytest.mark.parametrize(("axes", "mirrored"), [("right-handed", False), ("left-handed", True)])
def test_somebody_who_faces_the_camera_has_the_left_shoulder_on_the_right(
    axes: str, mirrored: bool, depth: Depth
) -> None:
    xy, _ = replace(CAMERA, depth=depth, mirrored=mirrored).see(facing(axes))
    assert xy[0, 0] > xy[1, 0]
    other, _ = replace(CAMERA, depth=depth, mirrored=not mirrored).see(facing(axes))
    assert other[0, 0] < other[1, 0]


@pytest.mark.material
def test_toes_of_kinects_bodies_point_forward_in_right_handed_axes(material: Path) -> None:
    """MSR Action3D's files (y up, as Kinect's): right × up is backward in right-handed axes, and toes point forward."""
    layout = json.loads((material / "skeletons" / "msr.json").read_text())["keypoints"]
    annotations = read_pyskl(material / "skeletons" / "msr.pkl")["annotations"]
    shares = []
    for annotation in annotations:
        xyz = np.asarray(annotation["keypoint"], np.float64)[0]
        place = {name: xyz[:, layout.index(name)] for name in layout}
        right = place["right_shoulder"] - place["left_shoulder"]
        up = place["left_shoulder"] + place["right_shoulder"] - place["left_hip"] - place["right_hip"]
        toes = place["left_foot"] - place["left_ankle"] + place["right_foot"] - place["right_ankle"]
        shares.append((np.einsum("ij,ij->i", np.cross(right, up), toes) < 0).mean())
    assert np.mean(shares) > 0.95
