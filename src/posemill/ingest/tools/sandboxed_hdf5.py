"""HDF5 files of strangers, read in a subprocess within bounded memory and time.

A damaged HDF5 file of a few kilobytes makes its library take gigabytes, and no exception is certain. The subprocess
opens the file, makes pose tables of it, and hands them back as plain arrays: nothing in its answer is run.
"""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
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
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
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
    import h5py

    read = import_module(f"posemill.ingest.tools.{tool}").hdf5_tables
    _limit()
    answer: dict[str, Any]
    try:
        with untrusted(file.name), h5py.File(file, "r") as content:
            tables = list(read(content, file, name))
        answer = {key: value for n, table in enumerate(tables) for key, value in _packed(table, n).items()}
        answer["tables"] = np.array(len(tables))
    except InputError as exc:
        answer = {"error": np.array(str(exc))}
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **answer)
    sys.stdout.buffer.write(out.getvalue()[:MAX_ANSWER])


def _limit() -> None:
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
