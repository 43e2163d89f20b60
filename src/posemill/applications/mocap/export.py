"""Motion-capture export: one file a person and format, with identities kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from posemill.applications.mocap.bones import bvh_motion
from posemill.applications.mocap.capture import Capture
from posemill.applications.mocap.files.bvh import write_bvh
from posemill.applications.mocap.files.c3d import write_c3d
from posemill.applications.mocap.files.mot import write_mot
from posemill.applications.mocap.files.tables import Coordinates, Floats, Markers
from posemill.applications.mocap.files.trc import read_trc, write_trc
from posemill.applications.mocap.isb import opensim_coordinates
from posemill.applications.mocap.markers import marker_angles
from posemill.applications.mocap.opensim.inverse_kinematics import read_weights, solve
from posemill.applications.mocap.opensim.model import read_model
from posemill.applications.mocap.plots import write_plots
from posemill.applications.mocap.points import INDEX, POINTS, middle
from posemill.atomic import atomic_folder, write_text
from posemill.errors import InputError

# body point → name of the marker, as Pose2Sim and its OpenSim models have them
MARKERS = {
    f"{side}_{joint}": f"{side[0].upper()}{'BigToe' if joint == 'toe' else joint.capitalize()}"
    for side in ("right", "left")
    for joint in ("hip", "knee", "ankle", "heel", "toe", "shoulder", "elbow", "wrist")
} | {"nose": "Nose", "head": "Head"}


def markers(capture: Capture) -> tuple[Markers, Floats]:
    """Return the markers of a capture, and their standard deviation (T, M) in metres. Points never seen have none."""
    seen = [name for name in POINTS if np.isfinite(capture.points[:, INDEX[name]]).any()]
    places = capture.points[:, [INDEX[name] for name in seen]]
    deviation = capture.point_sd_m[:, [INDEX[name] for name in seen]]
    names = [MARKERS[name] for name in seen]
    both = {"Hip": "hip", "Neck": "shoulder"}
    middles = [middle(capture.points, joint) for joint in both.values()]
    sides = [
        deviation[:, [seen.index(f"{side}_{joint}") for side in ("left", "right")]] if f"left_{joint}" in seen else None
        for joint in both.values()
    ]
    halves = [np.full(len(places), np.nan) if sd is None else np.sqrt((sd**2).sum(-1)) / 2 for sd in sides]
    return (
        Markers((*names, *both), capture.time_s, np.concatenate([places, np.stack(middles, 1)], 1), capture.rate_hz),
        np.concatenate([deviation, np.stack(halves, 1)], 1),
    )


def _bvh(capture: Capture, path: Path) -> None:
    write_bvh(path, bvh_motion(capture))


def _c3d(capture: Capture, path: Path) -> None:
    write_c3d(path, *markers(capture))


def _trc(capture: Capture, path: Path) -> None:
    write_trc(path, markers(capture)[0])


def _mot(capture: Capture, path: Path) -> None:
    named = opensim_coordinates(capture.angles, capture.points)
    write_mot(path, Coordinates(tuple(named), capture.time_s, np.stack(list(named.values()), -1)))


def _csv(capture: Capture, path: Path) -> None:
    """Time, every angle in degrees, and its standard deviation; an empty cell is unknown."""
    columns = {"time_s": capture.time_s}
    for name, values in capture.angles.items():
        columns |= {f"{name}_deg": values, f"{name}_sd_deg": capture.angle_sd_deg[name]}
    for name, mask in capture.contacts.items():
        columns[f"{name}_contact"] = mask.astype(np.float64)
    table = np.stack(list(columns.values()), -1).tolist()
    rows = [",".join("" if np.isnan(value) else f"{value:.6g}" for value in row) for row in table]
    write_text(path, "\n".join([",".join(columns), *rows]) + "\n")


WRITERS: Mapping[str, Callable[[Capture, Path], None]] = {
    "bvh": _bvh,
    "c3d": _c3d,
    "trc": _trc,
    "mot": _mot,
    "csv": _csv,
    "plot": write_plots,
}
SUFFIX = {"csv": "-angles.csv", "plot": "-angles.png"}


def write_capture(captures: Sequence[Capture], formats: Sequence[str], folder: Path, name: str) -> list[Path]:
    """Write captures as `<name>-person<number>.<format>`; `plot` writes angles over time as PNG and HTML.

    Returns the files. All of them take their names together at the end.
    Errors: InputError for an unknown format, or a capture that a format cannot hold.
    """
    if unknown := [form for form in formats if form not in WRITERS]:
        raise InputError(f"unknown format of motion capture {unknown[0]!r}; known are {', '.join(WRITERS)}")
    with atomic_folder(folder) as part:
        for capture in captures:
            for form in formats:
                stem = f"{name}-person{capture.person}"
                WRITERS[form](capture, part / f"{stem}{SUFFIX.get(form, f'.{form}')}")
        written = sorted(path.name for path in part.iterdir())
    return [folder / path for path in written]


def write_marker_angles(
    source: Path, formats: Sequence[str], folder: Path, model: Path | None = None, setup: Path | None = None
) -> list[Path]:
    """Write the joint angles of a TRC file's markers as `<name>-angles.<format>`; returns the files.

    model, setup  OpenSim model, and set-up with the markers' weights: inverse kinematics. Without a model the angles
                  are those between markers that lie at joints.
    Errors: InputError where files are none of these, or model and markers do not fit.
    """
    found = read_trc(source)
    if model is None:
        named = marker_angles(found)
        angles = Coordinates(tuple(named), found.time_s, np.stack(list(named.values()), -1))
    else:
        angles = solve(read_model(model), found, read_weights(setup) if setup else None).coordinates
    written = []
    for form in formats:
        path = folder / f"{source.stem}-angles.{form}"
        if form == "mot":
            write_mot(path, angles)
        else:
            rows = np.column_stack([angles.time_s, angles.values]).tolist()
            lines = [",".join("" if np.isnan(value) else f"{value:.6g}" for value in row) for row in rows]
            write_text(path, "\n".join([",".join(("time_s", *angles.names)), *lines]) + "\n")
        written.append(path)
    return written
