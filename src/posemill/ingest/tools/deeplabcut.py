"""DeepLabCut and Lightning Pose: CSV or HDF5 with columns scorer, (individuals,) bodyparts, coords.

The first column is the frame, or the picture of a labelled frame, whose last number it is then. Labels that people made
have no likelihood. Of a video whose poses are there as CSV and as HDF5 the CSV is read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.formats import unpickle
from posemill.ingest.frame_names import numbers_of
from posemill.ingest.sequence import Fault
from posemill.ingest.tools.pose_table import PoseTable, Tool, ToolOptions, files_of, medium_name
from posemill.ingest.tools.sandboxed_hdf5 import read_tables
from posemill.text_file import read_text
from posemill.untrusted import untrusted

_SCORER = re.compile(r"(DLC_|DeepCut_|DLC(?=[A-Z]))")
_LEVELS = ("scorer", "individuals", "bodyparts", "coords")
_COORDS = ("x", "y", "likelihood")
Column = tuple[str, str, str]  # individual, body part, coordinate


def read(path: Path, options: ToolOptions) -> Iterator[PoseTable | Fault]:
    """Read every file of a path."""
    files = files_of(path, (".csv", ".h5", ".hdf5"), "DeepLabCut")
    with_csv = {file.with_suffix("") for file in files if file.suffix.lower() == ".csv"}
    for file in files:
        if file.suffix.lower() != ".csv" and file.with_suffix("") in with_csv:
            continue
        name = medium_name(file, path, _SCORER.split(file.stem)[0] or file.stem)
        try:
            with untrusted(file.name):
                is_csv = file.suffix.lower() == ".csv"
                tables = [_table(name, *_from_csv(file))] if is_csv else read_tables("deeplabcut", file, name)
        except InputError as exc:
            yield Fault(name, f"{name}: {exc}")
        else:
            yield from tables


def _from_csv(file: Path) -> tuple[list[Column], list[str], NDArray[np.float64]]:
    rows = [row for row in csv.reader(io.StringIO(read_text(file))) if any(cell.strip() for cell in row)]
    header = {row[0].strip().lower(): row for row in rows[:4] if row and row[0].strip().lower() in _LEVELS}
    if "bodyparts" not in header or "coords" not in header:
        first = ", ".join(rows[0][:6]) if rows else "nothing"
        raise InputError(
            f"{file.name} is no table of DeepLabCut: expected rows scorer, bodyparts and coords first, came {first}"
        )
    places = [i for i, cell in enumerate(header["coords"]) if cell.strip() in _COORDS]
    people = header.get("individuals")
    columns = [
        (people[i] if people else "", header["bodyparts"][i].strip(), header["coords"][i].strip()) for i in places
    ]
    index, values = [], []
    for number, row in enumerate(rows[len(header) :], len(header) + 1):
        try:
            values.append([float(row[i]) if row[i].strip() else np.nan for i in places])
        except (ValueError, IndexError) as exc:
            raise InputError(f"{file.name}, row {number}: {exc}, expected {len(places)} numbers") from exc
        index.append("/".join(row[: places[0]]))
    return columns, index, np.array(values, np.float64).reshape(-1, len(columns))


def hdf5_tables(content: Any, file: Path, name: str) -> list[PoseTable]:
    """Return the table of an opened HDF5 file; called in a subprocess, see sandboxed_hdf5."""
    group = next((g for g in content.values() if hasattr(g, "keys") and "table" in g), None)
    axes = None if group is None else group.attrs.get("non_index_axes")
    if group is None or axes is None:
        raise InputError(f"{file.name} is no HDF5 file of DeepLabCut: it holds {', '.join(content) or 'nothing'}")
    labels = unpickle.loads(bytes(axes), file.name)[0][1]
    table = group["table"][:]
    blocks = [block for block in table.dtype.names if block.startswith("values_block_")]
    if len(blocks) != 1 or table[blocks[0]].shape[1:] != (len(labels),):
        raise InputError(f"{file.name}: expected one block of {len(labels)} columns, came {len(blocks)}")
    index = [i.decode() if isinstance(i, bytes) else str(i) for i in table["index"].tolist()]
    columns = [(str(label[-3]) if len(label) > 3 else "", str(label[-2]), str(label[-1])) for label in labels]
    return [_table(name, columns, index, np.asarray(table[blocks[0]], np.float64))]


def _table(name: str, columns: Sequence[Column], index: Sequence[str], values: NDArray[np.float64]) -> PoseTable:
    people = list(dict.fromkeys(person for person, _, _ in columns))
    parts = list(dict.fromkeys(part for _, part, _ in columns))
    place: dict[Column, int] = {column: i for i, column in enumerate(columns)}
    if len(place) < len(columns):
        raise InputError("a body part has one of its coordinates twice: give a file of one scorer")
    out = np.full((len(people), len(index), len(parts), 3), np.nan)
    has_confidence = any(coord == "likelihood" for _, _, coord in columns)
    for (person, part, coord), i in place.items():
        out[people.index(person), :, parts.index(part), _COORDS.index(coord)] = values[:, i]
    without = [part for part in parts if not any((person, part, "likelihood") in place for person in people)]
    if has_confidence and without:
        raise InputError(f"{', '.join(without)} has no likelihood, and other body parts have one")
    named = any(char.isdigit() for cell in index for char in cell)
    frames = np.array(numbers_of(index, "its first column") if named else range(len(index)), np.int64)
    return PoseTable(
        name,
        tuple(parts),
        np.tile(frames, len(people)),
        [person for person in people for _ in index],
        out.reshape(-1, len(parts), 3),
        has_confidence=has_confidence,
        frames=int(frames.max()) + 1 if len(frames) else 0,
    )


TOOL = Tool(
    name="deeplabcut",
    title="DeepLabCut and Lightning Pose: CSV or HDF5 files of a video each.",
    read=read,
    example="videos/ --size 640x480 --fps 30 --skeleton mine.json",
    notes="Body parts are taken by name (LeftShoulder, l_shoulder, shoulder_left are left_shoulder); HDF5 needs h5py.",
)
