"""HDF5 files of strangers, read in a subprocess within bounded memory and time.

A damaged HDF5 file of a few kilobytes makes its library take gigabytes, and no exception is certain. A sound one may
name other files, whose bytes would then be read as poses, and filters, which are libraries that are loaded. The
subprocess opens the file and no other, makes pose tables of it, and hands them back as plain arrays: nothing in its
answer is run.
"""

from __future__ import annotations

import codecs
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import InputError
from posemill.ingest.tools.pose_table import PoseTable
from posemill.untrusted import untrusted

MAX_MEMORY = 2 * 2**30  # bytes
MAX_ANSWER = 2**30
TIMEOUT_S = 120.0
MAX_OBJECTS = 10_000
NO_FILTERS = {"HDF5_PLUGIN_PRELOAD": "::"}  # but those that are built in


def read_tables(tool: str, file: Path, name: str, timeout_s: float = TIMEOUT_S) -> list[PoseTable]:
    """Return the pose tables that the function `hdf5_tables` of a tool's module makes of a file.

    Errors: InputError where h5py is not installed, and for a file that is none, is damaged, or needs too much.
    """
    if importlib.util.find_spec("h5py") is None:
        raise InputError(
            f"{file.name}: HDF5 is read with the package h5py, which is not installed: install it, or export as CSV"
        )
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, tool, str(file.absolute()), name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1", **NO_FILTERS},
    )
    try:
        answer, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise InputError(f"{file.name} cannot be read: it took longer than {timeout_s:.0f} s") from None
    finally:
        process.kill()
        process.communicate()
    if process.returncode or not answer:
        raise InputError(f"{file.name} cannot be read: its reader ended, or needed more than {MAX_MEMORY >> 30} GB")
    return tables_of(answer, file, name)


def tables_of(answer: bytes, file: Path, name: str) -> list[PoseTable]:
    """Return the pose tables of an answer. Errors: InputError with the sentence that it holds instead."""
    with untrusted(file.name), np.load(io.BytesIO(answer), allow_pickle=False) as arrays:
        return _tables(dict(arrays), name)


def _tables(arrays: dict[str, Any], name: str) -> list[PoseTable]:
    if "error" in arrays:
        raise InputError(str(arrays["error"]))
    return [_unpacked(arrays, number, name) for number in range(int(arrays["tables"]))]


def _unpacked(arrays: dict[str, Any], number: int, name: str) -> PoseTable:
    part = {key.partition(".")[2]: value for key, value in arrays.items() if key.startswith(f"{number}.")}
    return PoseTable(
        str(part["name"]),
        tuple(part["keypoints"].tolist()),
        part["frame"].astype(np.int64),
        part["individual"].tolist() if "individual" in part else None,
        part["values"].astype(np.float64),
        has_confidence=bool(part["has_confidence"]),
        frames=int(part["frames"]) if "frames" in part else None,
    )


def _packed(table: PoseTable, number: int) -> dict[str, Any]:
    part: dict[str, Any] = {
        "name": np.array(table.name),
        "keypoints": np.array(table.keypoints, np.str_),
        "frame": table.frame,
        "values": table.values,
        "has_confidence": np.array(table.has_confidence),
    }
    if table.individual is not None:
        part["individual"] = np.array(table.individual, np.str_)
    if table.frames is not None:
        part["frames"] = np.array(table.frames)
    return {f"{number}.{key}": value for key, value in part.items()}


def main() -> None:
    """Read one file and write its tables, or the sentence that says why not."""
    tool, file, name = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    import_module(f"posemill.ingest.tools.{tool}")
    limit_process()
    sys.stdout.buffer.write(answer_of(tool, file, name)[:MAX_ANSWER])


def answer_of(tool: str, file: Path, name: str) -> bytes:
    """Read one file in this process; return its tables, or the sentence that says why not, as a NumPy archive."""
    import h5py

    read = import_module(f"posemill.ingest.tools.{tool}").hdf5_tables
    answer: dict[str, Any]
    try:
        with untrusted(file.name), h5py.File(file, "r") as content:
            _require_own_data(content, file)
            with _no_more_files():
                tables = list(read(content, file, name))
        answer = {key: value for n, table in enumerate(tables) for key, value in _packed(table, n).items()}
        answer["tables"] = np.array(len(tables))
    except InputError as exc:
        answer = {"error": np.array(str(exc))}
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **answer)
    return out.getvalue()


def _require_own_data(content: Any, file: Path) -> None:
    """Raise InputError where a group or data set of the file is in another file. Soft links stay within it."""
    import h5py

    groups, seen = [content], set[int]()
    while groups:
        group = groups.pop()
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                raise InputError(f"{file.name}: {name!r} is a link to another file, which is not read")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            found = group[name]
            place = h5py.h5o.get_info(found.id).addr
            if place in seen:
                continue
            seen.add(place)
            if len(seen) > MAX_OBJECTS:
                raise InputError(f"{file.name} has more than {MAX_OBJECTS:,} groups and data sets")
            if isinstance(found, h5py.Group):
                groups.append(found)
            elif isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
                raise InputError(f"{file.name}: the data of {name!r} are in another file, which is not read")


@contextmanager
def _no_more_files() -> Iterator[None]:
    """Within, nothing can be opened any more: what the walk over the file did not see fails."""
    import resource

    for codec in ("ascii", "latin-1", "utf-8"):  # modules that are imported when a text is first decoded
        codecs.lookup(codec)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with open(os.devnull, "rb") as lowest:
        free = lowest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def limit_process() -> None:
    """Bound memory and time of this process, and forbid it to write files."""
    import resource

    for what, most in (
        (resource.RLIMIT_DATA, MAX_MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, round(TIMEOUT_S)),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
