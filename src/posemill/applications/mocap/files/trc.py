"""TRC, the marker file of OpenSim, Pose2Sim and Sports2D: tab-separated text, a row a frame, X Y Z a marker."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from posemill.applications.mocap.files.tables import Floats, Markers, cells, metres_per, number, rate_of, read_lines
from posemill.atomic import write_text
from posemill.errors import InputError

_ORIGINAL = ("DataRate", "DataStartFrame", "NumFrames")


def read_trc(path: Path) -> Markers:
    """Read marker trajectories. The table is believed, not the header's counts of frames and markers.

    Copes with decimal commas, with commas or blanks in place of tabs, with negative times, trailing tabs, missing blank
    lines, and rows that are too short or too long. Empty cells, and 0 0 0, are not seen.

    Errors: InputError where there is no table of markers.
    """
    lines = read_lines(path)
    names_at = next((i for i, line in enumerate(lines) if line.lower().lstrip().startswith("frame#")), None)
    if names_at is None:
        raise InputError(f"{path} is no TRC file: it has no line that begins with Frame#")
    names = [cell for cell in cells(lines[names_at])[2:] if cell]
    header = _header(lines[:names_at])
    rows = [row for row in map(cells, lines[names_at + 1 :]) if _is_row(row)]
    if not names or not rows:
        raise InputError(f"{path}: a TRC file needs markers and frames, came {len(names)} and {len(rows)}")
    table = np.full((len(rows), 1 + 3 * len(names)), np.nan)
    for at, row in enumerate(rows):
        values = [number(cell) for cell in row[1 : 2 + 3 * len(names)]]
        table[at, : len(values)] = values
    positions = table[:, 1:].reshape(len(rows), len(names), 3)
    positions[(positions == 0).all(-1) | np.isnan(positions).any(-1)] = np.nan
    stated = number(header.get("DataRate", ""))
    time_s = _times(table[:, 0], stated, path)
    scale = metres_per(header.get("Units", "m") or "m", path)
    return Markers(_distinct(names), time_s, positions * scale, rate_of(time_s, stated))


def write_trc(path: Path, markers: Markers) -> Path:
    """Write marker trajectories in metres; what is not seen is an empty cell."""
    count, frames, rate = len(markers.names), len(markers.time_s), markers.rate_hz
    head = [
        ["PathFileType", "4", "(X/Y/Z)", path.name],
        ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"] + [f"Orig{name}" for name in _ORIGINAL],
        [f"{rate:.6g}", f"{rate:.6g}", str(frames), str(count), "m", f"{rate:.6g}", "1", str(frames)],
        ["Frame#", "Time", *(part for name in markers.names for part in (name, "", ""))],
        ["", "", *(f"{axis}{number}" for number in range(1, count + 1) for axis in "XYZ")],
        [""],
    ]
    rows = [
        [str(row + 1), f"{time:.6f}", *("" if np.isnan(value) else f"{value:.6f}" for value in values)]
        for row, (time, values) in enumerate(
            zip(markers.time_s.tolist(), markers.positions.reshape(frames, -1).tolist(), strict=True)
        )
    ]
    write_text(path, "".join("\t".join(line) + "\n" for line in [*head, *rows]))
    return path


def _header(lines: list[str]) -> dict[str, str]:
    """Names of the header's second line with the values of the third."""
    for names, values in pairwise(lines):
        if names.lower().lstrip().startswith("datarate"):
            return dict(zip(cells(names), cells(values), strict=False))
    return {}


def _is_row(row: list[str]) -> bool:
    return len(row) > 2 and not np.isnan(number(row[0])) and not np.isnan(number(row[1]))


def _times(time_s: Floats, rate_hz: float, path: Path) -> Floats:
    """Times as written; on an even grid where rounding made two of them equal."""
    if (np.diff(time_s) > 0).all():
        return time_s
    if not rate_hz > 0:
        raise InputError(f"{path}: times do not increase, and the header has no DataRate to number the frames by")
    return np.asarray(time_s[0] + np.arange(len(time_s)) / rate_hz)


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Names with a number after those that came before."""
    known: dict[str, int] = {}
    distinct = []
    for name in names:
        known[name] = known.get(name, 0) + 1
        distinct.append(name if known[name] == 1 else f"{name}_{known[name]}")
    return tuple(distinct)
