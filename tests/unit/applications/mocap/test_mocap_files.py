"""Motion-capture files are read back by other libraries as they were written, and ours read those of other tools."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.applications.mocap.files.bvh import (
    BvhMotion,
    Hierarchy,
    read_bvh,
    rotation,
    write_bvh,
    zxy_degrees,
)
from posemill.applications.mocap.files.c3d import write_c3d
from posemill.applications.mocap.files.mot import read_mot, write_mot
from posemill.applications.mocap.files.tables import Coordinates, Markers
from posemill.applications.mocap.files.trc import read_trc, write_trc
from posemill.errors import InputError

MATERIAL = Path(__file__).resolve().parents[4].parent / "shared" / "apps" / "mocap"


def some_markers(frames: int = 12, hz: float = 50.0) -> Markers:
    places = np.random.default_rng(0).normal(1.0, 0.5, (frames, 3, 3))
    places[3, 1] = np.nan
    return Markers(("RKnee", "LKnee", "Nose"), np.arange(frames) / hz, places, hz)


@pytest.fixture
def material() -> Path:
    if not MATERIAL.is_dir():
        pytest.skip("no ../shared/apps/mocap")
    return MATERIAL


def test_trc_comes_back(tmp_path: Path) -> None:
    written = some_markers()
    found = read_trc(write_trc(tmp_path / "a.trc", written))
    assert found.names == written.names
    assert found.rate_hz == 50
    np.testing.assert_allclose(found.positions, written.positions, atol=1e-6)


def test_trc_is_a_table_for_pandas_as_pose2sim_reads_it(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    written = some_markers()
    path = write_trc(tmp_path / "a.trc", written)
    header = pd.read_csv(path, sep="\t", skiprows=3, header=None, nrows=1).iloc[0]
    table = pd.read_csv(path, sep="\t", skiprows=5, header=None)
    assert header[2::3].dropna().tolist() == list(written.names)
    np.testing.assert_allclose(table.iloc[:, 2:].to_numpy(), written.positions.reshape(12, -1), atol=1e-6)


TRC = (
    "PathFileType\t4\t(X/Y/Z)\tx.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n"
    "100\t100\t7\t9\tmm\n"
    "Frame#\tTime\tA\t\t\tB\t\t\n"
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n"
)


@pytest.mark.parametrize(
    "rows",
    [
        "1\t-0.01\t1000\t2000\t3000\t0\t0\t0\n2\t0\t1000\t2000\t3000\t4\t5\t6\t\t\n",  # counts wrong, negative time
        "\n1\t-0,01\t1000,0\t2000,0\t3000,0\t\t\t\n2\t0,00\t1000\t2000\t3000\t4,0\t5,0\t6,0\n",  # decimal commas
        "1,-0.01,1000,2000,3000,,,\n2,0,1000,2000,3000,4,5,6\n",  # commas between
        "1\t-0.01\t1000\t2000\t3000\n2\t0\t1000\t2000\t3000\t4\t5\t6\n",  # a row that breaks off
    ],
)
def test_trc_of_careless_tools(rows: str, tmp_path: Path) -> None:
    (tmp_path / "x.trc").write_text(TRC + rows)
    found = read_trc(tmp_path / "x.trc")
    assert found.time_s.tolist() == [-0.01, 0.0]
    assert found.of("A")[0].tolist() == [1.0, 2.0, 3.0]
    assert np.isnan(found.of("B")[0]).all()
    assert found.of("B")[1].tolist() == [0.004, 0.005, 0.006]


def test_what_is_no_trc_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.trc").write_text("hello\n")
    with pytest.raises(InputError, match="no line that begins with Frame#"):
        read_trc(tmp_path / "x.trc")


def test_c3d_is_read_by_two_libraries(tmp_path: Path) -> None:
    ezc3d, c3d = pytest.importorskip("ezc3d"), pytest.importorskip("c3d")
    written = some_markers()
    path = write_c3d(tmp_path / "a.c3d", written, np.full((12, 3), 0.0042))
    theirs = ezc3d.c3d(str(path))
    assert theirs["parameters"]["POINT"]["LABELS"]["value"] == list(written.names)
    assert theirs["parameters"]["POINT"]["UNITS"]["value"] == ["mm"]
    np.testing.assert_allclose(theirs["data"]["points"][:3].transpose(2, 1, 0) / 1000, written.positions, atol=1e-6)
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses analog channels
        reader = c3d.Reader(file)
        frames = [points for _, points, _ in reader.read_frames()]
    assert [label.strip() for label in reader.point_labels] == list(written.names)
    assert frames[0][0, 3] == pytest.approx(4.2, abs=0.05)  # residual, mm
    assert frames[3][1, 3] == -1  # not seen


def test_c3d_refuses_what_it_cannot_count(tmp_path: Path) -> None:
    long = Markers(("A",), np.arange(65536) / 100, np.zeros((65536, 1, 3)), 100.0)
    with pytest.raises(InputError, match="65535 frames"):
        write_c3d(tmp_path / "a.c3d", long)


def test_mot_comes_back(tmp_path: Path) -> None:
    written = Coordinates(("knee_angle_r", "pelvis_tx"), np.array([-0.1, 0.0]), np.array([[10.0, 0.5], [20.0, 0.6]]))
    found = read_mot(write_mot(tmp_path / "a.mot", written))
    assert found.names == written.names
    np.testing.assert_allclose(found.values, written.values)
    np.testing.assert_allclose(found.time_s, written.time_s)


def test_mot_in_radians_becomes_degrees_but_not_its_translations(tmp_path: Path) -> None:
    (tmp_path / "a.mot").write_text("x\nnRows=9\ninDegrees=no\nendheader\ntime knee_r pelvis_tx\n0 1,0 2,0\n")
    found = read_mot(tmp_path / "a.mot")
    np.testing.assert_allclose(found.values, [[np.degrees(1.0), 2.0]])


def chain() -> BvhMotion:
    tree = Hierarchy(
        ("Hips", "Leg", "Leg_end", "Arm", "Arm_end"),
        (-1, 0, 1, 0, 3),
        np.array([[0, 0, 0], [1, 0, 0], [0, -4, 0], [-1, 2, 0], [-3, 0, 0]], float),
        (
            ("Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation"),
            ("Zrotation", "Xrotation", "Yrotation"),
            (),
            ("Zrotation", "Xrotation", "Yrotation"),
            (),
        ),
    )
    return BvhMotion(tree, np.random.default_rng(1).uniform(-80, 80, (5, 12)), 0.04)


def test_bvh_comes_back_and_stands_where_another_library_puts_it(tmp_path: Path) -> None:
    bvhio = pytest.importorskip("bvhio")
    motion = chain()
    path = write_bvh(tmp_path / "a.bvh", motion)
    again = read_bvh(path)
    np.testing.assert_allclose(again.positions(), motion.positions(), atol=1e-3)
    root = bvhio.readAsHierarchy(str(path))
    root.loadPose(3)
    for joint, _, _ in root.layout():
        at = motion.hierarchy.names.index(joint.Name)
        np.testing.assert_allclose(np.array(joint.PositionWorld), motion.positions()[3, at], atol=1e-3)


def test_bvh_has_no_missing_values(tmp_path: Path) -> None:
    motion = chain()
    motion.values[2, 5] = np.nan
    with pytest.raises(InputError, match="no missing values"):
        write_bvh(tmp_path / "a.bvh", motion)


def test_a_broken_hierarchy_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text("HIERARCHY\nROOT A\n{\nOFFSET 0 0 0\nMOTION\nFrames: 0\nFrame Time: 0.1\n")
    with pytest.raises(InputError, match="not closed"):
        read_bvh(tmp_path / "a.bvh")


@given(st.tuples(*[st.floats(-85, 85)] * 3))
def test_rotations_are_taken_apart_and_put_together(angles: tuple[float, float, float]) -> None:
    z, x, y = (np.array([angle]) for angle in angles)
    matrix = rotation("Z", z) @ rotation("X", x) @ rotation("Y", y)
    np.testing.assert_allclose(zxy_degrees(matrix)[0], angles, atol=1e-6)


@pytest.mark.material
@pytest.mark.parametrize("name", ["subject01_walk", "subject01_static", "arm26_elbow_flex", "leg39_swing_short"])
def test_marker_files_of_opensim(name: str, material: Path, tmp_path: Path) -> None:
    found = read_trc(material / "opensim" / f"{name}.trc")
    assert np.isfinite(found.positions).all()
    again = read_trc(write_trc(tmp_path / "a.trc", found))
    np.testing.assert_allclose(again.positions, found.positions, atol=1e-6)


@pytest.mark.material
@pytest.mark.parametrize("name", ["test_freebvh", "test_mocapbank"])
def test_animations_of_other_tools(name: str, material: Path, tmp_path: Path) -> None:
    found = read_bvh(material / "bvh" / f"{name}.bvh")
    again = read_bvh(write_bvh(tmp_path / "a.bvh", found))
    np.testing.assert_allclose(again.positions(), found.positions(), atol=2e-3)
