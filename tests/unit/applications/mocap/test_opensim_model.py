"""OpenSim models of both formats: forward kinematics by hand, and inverse kinematics that finds what was set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posemill.applications.mocap.files.tables import Markers
from posemill.applications.mocap.opensim.inverse_kinematics import read_weights, solve
from posemill.applications.mocap.opensim.model import Model, read_model
from posemill.errors import InputError

COORDINATE = """<Coordinate name="{name}"><default_value>0</default_value><range>-3 3</range>
<clamped>false</clamped><locked>false</locked></Coordinate>"""
AXIS = """<TransformAxis name="{axis}"><coordinates>{coordinate}</coordinates><axis>{direction}</axis>{function}
</TransformAxis>"""
LINE = '<LinearFunction name="function"><coefficients> 1 0</coefficients></LinearFunction>'
SPLINE = """<MultiplierFunction name="function"><function><SimmSpline><x>-2 -1 0 1 2</x><y>0 0 0 0 0</y></SimmSpline>
</function><scale>2</scale></MultiplierFunction>"""
MARKERS = "".join(
    f'<Marker name="{name}"><socket_parent_frame>/bodyset/{body}</socket_parent_frame>'
    f"<location>{place}</location></Marker>"
    for name, body, place in (
        ("a", "thigh", "0 -0.2 0.05"),
        ("b", "thigh", "0.05 -0.3 0"),
        ("c", "thigh", "0 -0.4 -0.05"),
        ("d", "shank", "0 -0.2 0.05"),
        ("e", "shank", "0.05 -0.3 0"),
    )
)
FORMAT_4 = f"""<OpenSimDocument Version="40000"><Model name="leg"><JointSet><objects>
<CustomJoint name="hip"><socket_parent_frame>/ground</socket_parent_frame>
<socket_child_frame>/bodyset/thigh</socket_child_frame>
<coordinates>{COORDINATE.format(name="hip_x")}{COORDINATE.format(name="hip_z")}</coordinates><SpatialTransform>
{AXIS.format(axis="rotation1", coordinate="hip_z", direction="0 0 1", function=LINE)}
{AXIS.format(axis="translation1", coordinate="hip_x", direction="1 0 0", function=LINE)}
{AXIS.format(axis="translation2", coordinate="", direction="0 1 0", function=SPLINE)}
</SpatialTransform></CustomJoint>
<PinJoint name="knee"><socket_parent_frame>thigh_offset</socket_parent_frame>
<socket_child_frame>shank_offset</socket_child_frame><coordinates>{COORDINATE.format(name="knee_z")}</coordinates><frames>
<PhysicalOffsetFrame name="thigh_offset"><socket_parent>/bodyset/thigh</socket_parent>
<translation>0 -0.5 0</translation><orientation>0 0 0</orientation></PhysicalOffsetFrame>
<PhysicalOffsetFrame name="shank_offset"><socket_parent>/bodyset/shank</socket_parent>
<translation>0 0 0</translation><orientation>0 0 0</orientation></PhysicalOffsetFrame></frames></PinJoint>
</objects></JointSet><MarkerSet><objects>{MARKERS}</objects></MarkerSet></Model></OpenSimDocument>"""
FORMAT_3 = f"""<OpenSimDocument Version="30000"><Model name="leg"><BodySet><objects>
<Body name="ground" /><Body name="thigh"><Joint><SliderJoint name="hip"><parent_body>ground</parent_body>
<location_in_parent>0 0 0</location_in_parent><orientation_in_parent>0 0 0</orientation_in_parent>
<location>0 0 0</location><orientation>0 0 0</orientation>
<CoordinateSet><objects>{COORDINATE.format(name="hip_x")}</objects></CoordinateSet></SliderJoint></Joint></Body>
<Body name="shank"><Joint><PinJoint name="knee"><parent_body>thigh</parent_body>
<location_in_parent>0 -0.5 0</location_in_parent><orientation_in_parent>0 0 0</orientation_in_parent>
<location>0 0 0</location><orientation>0 0 0</orientation>
<CoordinateSet><objects>{COORDINATE.format(name="knee_z")}</objects></CoordinateSet></PinJoint></Joint></Body>
</objects></BodySet><MarkerSet><objects><Marker name="a"><body>shank</body><location>0 -0.3 0</location></Marker>
</objects></MarkerSet></Model></OpenSimDocument>"""


def model_of(text: str, folder: Path) -> Model:
    (folder / "leg.osim").write_text(text)
    return read_model(folder / "leg.osim")


def test_forward_kinematics_by_hand(tmp_path: Path) -> None:
    model = model_of(FORMAT_4, tmp_path)
    assert [c.name for c in model.coordinates] == ["hip_x", "hip_z", "knee_z"]
    assert [c.rotational for c in model.coordinates] == [False, True, True]
    frames = model.transforms(np.array([0.3, np.pi / 2, -np.pi / 2]))
    np.testing.assert_allclose(frames["thigh"][:3, 3], [0.3, 0, 0], atol=1e-12)
    # a thigh that hangs down, turned by 90 degrees about Z, points along X
    np.testing.assert_allclose(frames["shank"][:3, 3], [0.8, 0, 0], atol=1e-12)
    np.testing.assert_allclose(frames["shank"][:3, :3], np.eye(3), atol=1e-12)


def test_the_older_format(tmp_path: Path) -> None:
    model = model_of(FORMAT_3, tmp_path)
    places = model.places(np.array([[0.1, np.pi / 2]]), ["a"])
    np.testing.assert_allclose(places[0, 0], [0.4, -0.5, 0], atol=1e-12)


def test_inverse_kinematics_finds_what_was_set(tmp_path: Path) -> None:
    model = model_of(FORMAT_4, tmp_path)
    time_s = np.arange(20) / 10
    values = np.stack([0.1 * np.sin(time_s), np.sin(time_s), -0.8 + 0.5 * np.cos(time_s)], -1)
    names = tuple(model.markers)
    places = model.places(values, names)
    places[5, 1] = np.nan  # one marker is hidden
    fit = solve(model, Markers(names, time_s, places, 10.0))
    np.testing.assert_allclose(fit.coordinates.of("hip_x"), values[:, 0], atol=1e-6)
    np.testing.assert_allclose(fit.coordinates.of("knee_z"), np.degrees(values[:, 2]), atol=1e-4)
    assert fit.error_m.max() < 1e-6


def test_too_few_markers_in_common(tmp_path: Path) -> None:
    model = model_of(FORMAT_4, tmp_path)
    with pytest.raises(InputError, match="have 1 markers in common"):
        solve(model, Markers(("a", "x"), np.arange(2.0), np.zeros((2, 2, 3)), 1.0))


def test_weights_of_a_set_up(tmp_path: Path) -> None:
    (tmp_path / "ik.xml").write_text(
        "<OpenSimDocument><IKMarkerTask name='a'><apply>true</apply><weight>3</weight></IKMarkerTask>"
        "<IKMarkerTask name='b'><apply>false</apply><weight>2</weight></IKMarkerTask></OpenSimDocument>"
    )
    assert read_weights(tmp_path / "ik.xml") == {"a": 3.0, "b": 0.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<a/>", "no OpenSimDocument"),
        ("not xml", "is no OpenSim model"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><OpenSimDocument/>', "declares no entities"),
        (FORMAT_4.replace("PinJoint", "EllipsoidJoint"), "EllipsoidJoint is not known"),
    ],
)
def test_what_is_no_model(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        model_of(text, tmp_path)
