"""Marker trajectories and coordinate tables: the content of TRC, C3D and MOT files, and how their lines are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError

Floats = NDArray[np.float64]

_METRES = {"m": 1.0, "meters": 1.0, "metres": 1.0, "cm": 0.01, "mm": 0.001, "millimeters": 0.001, "in": 0.0254}


@dataclass(frozen=True, slots=True, eq=False)
class Markers:
    """Marker trajectories.

    names      of the markers, unique.
    time_s     (T,) seconds, strictly increasing; may begin below zero.
    positions  (T, M, 3) metres, NaN = not seen.
    rate_hz    frames a second.
    """

    names: tuple[str, ...]
    time_s: Floats
    positions: Floats
    rate_hz: float

    def __post_init__(self) -> None:
        if self.positions.shape != (len(self.time_s), len(self.names), 3):
            raise InputError(
                f"markers: positions should be ({len(self.time_s)}, {len(self.names)}, 3), came {self.positions.shape}"
            )
        if len(set(self.names)) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise InputError(f"markers: names must differ, came twice: {', '.join(twice)}")
        if not (np.diff(self.time_s) > 0).all():
            raise InputError("markers: times must strictly increase")

    def of(self, name: str) -> Floats:
        """Return the trajectory (T, 3) of a marker. Errors: InputError that lists the known ones."""
        if name not in self.names:
            raise InputError(f"there is no marker {name!r}; there are {', '.join(self.names)}")
        return np.asarray(self.positions[:, self.names.index(name)])


@dataclass(frozen=True, slots=True, eq=False)
class Coordinates:
    """Generalised coordinates over time, as OpenSim's motion files have them.

    names   of the coordinates. time_s (T,) seconds, strictly increasing.
    values  (T, N) degrees, or metres for translations (`_tx`, `_ty`, `_tz`); NaN = unknown.
    """

    names: tuple[str, ...]
    time_s: Floats
    values: Floats

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.time_s), len(self.names)):
            raise InputError(
                f"coordinates: values should be ({len(self.time_s)}, {len(self.names)}), came {self.values.shape}"
            )

    def of(self, name: str) -> Floats:
        """Return one coordinate (T,). Errors: InputError that lists the known ones."""
        if name not in self.names:
            raise InputError(f"there is no coordinate {name!r}; there are {', '.join(self.names)}")
        return np.asarray(self.values[:, self.names.index(name)])


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file, of any line ending. Errors: InputError where it is none."""
    try:
        return path.read_bytes().decode("utf-8-sig", errors="replace").splitlines()
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror or exc}") from exc


def cells(line: str) -> list[str]:
    """Split a line at its tabs; without tabs at commas, and without these at blanks. Cells are stripped.

    Examples:
        >>> cells("1\\t0,5\\t\\t2"), cells("1, 0.5,,2"), cells(" 1  0.5 ")
        (['1', '0,5', '', '2'], ['1', '0.5', '', '2'], ['1', '0.5'])
    """
    if "\t" in line:
        return [cell.strip() for cell in line.split("\t")]
    if "," in line:
        return [cell.strip() for cell in line.split(",")]
    return line.split()


def number(cell: str) -> float:
    """Parse a number with a decimal point or comma; NaN for an empty cell or none.

    Examples:
        >>> number("1,5"), number("-2.5e-3"), number("")
        (1.5, -0.0025, nan)
    """
    try:
        return float(cell.strip("\"'").replace(",", ".")) if cell else float("nan")
    except ValueError:
        return float("nan")


def metres_per(unit: str, path: Path) -> float:
    """Return the length of a unit in metres. Errors: InputError for an unknown unit."""
    if unit.lower() not in _METRES:
        raise InputError(f"{path}: unknown unit of length {unit!r}; known are {', '.join(_METRES)}")
    return _METRES[unit.lower()]


def rate_of(time_s: Floats, stated_hz: float = float("nan")) -> float:
    """Return the frame rate: the times', or what a header states where there is one frame only."""
    if len(time_s) > 1:
        median = 1.0 / float(np.median(np.diff(time_s)))
        return stated_hz if abs(stated_hz / median - 1) < 0.05 else median
    return stated_hz if stated_hz > 0 else 1.0
