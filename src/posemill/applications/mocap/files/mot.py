"""MOT and STO, OpenSim's motion files: a header that ends with `endheader`, and a table whose first column is time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posemill.applications.mocap.files.tables import Coordinates, number, read_lines
from posemill.atomic import write_text
from posemill.errors import InputError

TRANSLATIONS = ("_tx", "_ty", "_tz")


def read_mot(path: Path) -> Coordinates:
    """Read coordinates, in degrees and metres; the table is believed, not the header's nRows and nColumns.

    Copes with decimal commas, tabs or blanks, negative times and angles in radians (`inDegrees=no`).

    Errors: InputError where there is no table with a column `time`.
    """
    lines = read_lines(path)
    end = next((i for i, line in enumerate(lines) if line.strip().lower() == "endheader"), None)
    if end is None:
        raise InputError(f"{path} is no MOT file: its header has no line endheader")
    rows = [_split(line) for line in lines[end + 1 :] if line.strip()]
    if len(rows) < 2 or rows[0][0].lower() != "time":
        raise InputError(f"{path}: a table whose first column is time should follow the header")
    names = [name for name in rows[0][1:] if name]
    table = np.full((len(rows) - 1, 1 + len(names)), np.nan)
    for at, row in enumerate(rows[1:]):
        table[at, : min(len(row), 1 + len(names))] = [number(cell) for cell in row[: 1 + len(names)]]
    header = "".join(lines[:end]).replace(" ", "").lower()
    values = table[:, 1:]
    if "indegrees=no" in header:
        turning = [not name.lower().endswith(TRANSLATIONS) for name in names]
        values[:, turning] = np.degrees(values[:, turning])
    return Coordinates(tuple(names), table[:, 0], values)


def write_mot(path: Path, coordinates: Coordinates, title: str = "Coordinates") -> Path:
    """Write coordinates in degrees and metres. OpenSim knows no missing value: unknown ones are written as NaN."""
    names, frames = coordinates.names, len(coordinates.time_s)
    head = [
        title,
        "version=1",
        f"nRows={frames}",
        f"nColumns={1 + len(names)}",
        "inDegrees=yes",
        "",
        "Units are S.I. units (second, meters, Newtons, ...)",
        "Angles are in degrees.",
        "",
        "endheader",
        "\t".join(("time", *names)),
    ]
    rows = [
        "\t".join(f"{value:.8f}" if np.isfinite(value) else "NaN" for value in (time, *values))
        for time, values in zip(coordinates.time_s.tolist(), coordinates.values.tolist(), strict=True)
    ]
    write_text(path, "\n".join([*head, *rows]) + "\n")
    return path


def _split(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
