"""C3D, the binary marker file of motion-capture laboratories (c3d.org): 512-byte blocks, points as 32-bit floats."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from posemill.applications.mocap.files.tables import Floats, Markers
from posemill.atomic import write_bytes
from posemill.errors import InputError

BLOCK = 512
_INTEL = 84
_TEXT, _INTEGER, _REAL = -1, 2, 4
STEP_MM = 0.1  # of a residual; a negative scale says that points are floats
_MOST_FRAMES, _MOST_POINTS = 65535, 255  # what fits the 16-bit frame numbers and one list of labels


_Parameter = tuple[str, int, tuple[int, ...], bytes]  # name, type, dimensions, content


def write_c3d(path: Path, markers: Markers, residual_m: Floats | None = None) -> Path:
    """Write marker trajectories, Y up, in millimetres (POINT:UNITS); what is not seen has residual -1.

    residual_m  (T, M) uncertainty of each point, one standard deviation, in metres, kept in steps of 0.1 mm up to
                25.5 mm, as the format has it; None = 0 (measured).

    Errors: InputError for more than 65,535 frames or 255 markers, which the format's counts do not hold.
    """
    frames, points = len(markers.time_s), len(markers.names)
    if frames > _MOST_FRAMES or points > _MOST_POINTS or not frames:
        raise InputError(
            f"{path}: C3D holds 1 to {_MOST_FRAMES} frames and {_MOST_POINTS} markers, came {frames} and {points}"
        )
    parameters = _parameters(markers)
    write_bytes(path, _header(markers, 2 + len(parameters) // BLOCK) + parameters + _points(markers, residual_m))
    return path


def _header(markers: Markers, data_block: int) -> bytes:
    counts = (2, 0x50, len(markers.names), 0, 1, len(markers.time_s), 0)
    return struct.pack("<BBHHHHHfHHf", *counts, -STEP_MM, data_block, 0, markers.rate_hz).ljust(BLOCK, b"\0")


def _parameters(markers: Markers) -> bytes:
    """The parameter section, in whole blocks; it says at which block the points begin, which is behind itself."""
    blocks = -(-(4 + len(_groups(markers, 0))) // BLOCK)
    return (bytes([1, 0x50, blocks, _INTEL]) + _groups(markers, 2 + blocks)).ljust(blocks * BLOCK, b"\0")


def _groups(markers: Markers, data_block: int) -> bytes:
    frames, points = len(markers.time_s), len(markers.names)
    names = [name.encode() for name in markers.names]
    width = max(map(len, names))
    labels = b"".join(name.ljust(width) for name in names)
    point: list[_Parameter] = [
        ("USED", _INTEGER, (), struct.pack("<H", points)),
        ("SCALE", _REAL, (), struct.pack("<f", -STEP_MM)),
        ("RATE", _REAL, (), struct.pack("<f", markers.rate_hz)),
        ("DATA_START", _INTEGER, (), struct.pack("<H", data_block)),
        ("FRAMES", _INTEGER, (), struct.pack("<H", frames)),
        ("LABELS", _TEXT, (width, points), labels),
        ("DESCRIPTIONS", _TEXT, (width, points), labels),
        ("UNITS", _TEXT, (2,), b"mm"),
        ("X_SCREEN", _TEXT, (2,), b"+X"),
        ("Y_SCREEN", _TEXT, (2,), b"+Y"),
    ]
    analog: list[_Parameter] = [
        ("USED", _INTEGER, (), struct.pack("<H", 0)),
        ("GEN_SCALE", _REAL, (), struct.pack("<f", 1.0)),
        ("RATE", _REAL, (), struct.pack("<f", 0.0)),
    ]
    trial: list[_Parameter] = [
        ("CAMERA_RATE", _REAL, (), struct.pack("<f", markers.rate_hz)),
        ("ACTUAL_START_FIELD", _INTEGER, (2,), struct.pack("<HH", 1, 0)),
        ("ACTUAL_END_FIELD", _INTEGER, (2,), struct.pack("<HH", frames, 0)),
    ]
    groups = [("POINT", point), ("ANALOG", analog), ("TRIAL", trial)]
    body = b"".join(
        _group(-number, name) + b"".join(_parameter(number, *parameter) for parameter in parameters)
        for number, (name, parameters) in enumerate(groups, 1)
    )
    return body + b"\0\0"


def _group(number: int, name: str) -> bytes:
    return struct.pack("<bb", len(name), number) + name.encode() + struct.pack("<hB", 3, 0)


def _parameter(group: int, name: str, kind: int, shape: tuple[int, ...], content: bytes) -> bytes:
    described = struct.pack("<bB", kind, len(shape)) + bytes(shape) + content + b"\0"
    return struct.pack("<bb", len(name), group) + name.encode() + struct.pack("<h", len(described) + 2) + described


def _points(markers: Markers, residual_m: Floats | None) -> bytes:
    seen = ~np.isnan(markers.positions).any(-1)
    residual_mm = np.zeros(seen.shape) if residual_m is None else 1000 * np.nan_to_num(residual_m)
    fourth = np.where(seen, np.round(residual_mm / STEP_MM).clip(0, 255), -1.0)
    values = np.concatenate([1000 * np.nan_to_num(markers.positions), fourth[..., None]], -1)
    return values.astype("<f4").tobytes()
