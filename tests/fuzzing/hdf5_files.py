"""HDF5 files of a structure by chance, and their reader kept alive over many files: one process a file is too slow.

`python -m fuzzing.hdf5_files` is that reader: a line with tool, name and file comes, the answer of posemill's own
reader goes back, with its length before it. It has the same limits but that of its time, which would add up.
"""

from __future__ import annotations

import io
import os
import pickle
import random
import selectors
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from posemill.pose.skeleton import COCO_17

FRAMES, LENGTH = 3, 8
ANSWER_S = 9.0  # less than the alarm of an execution
KINDS = ("<f8", ">f8", "<f4", "<i8", "<u1", "S5", "?", "<c16", "<f2", "V3")
SHAPES: tuple[tuple[int, ...], ...] = (
    (), (0,), (1,), (3,), (3, 51), (51, 3), (1, 2, 17, 3), (2, 2, 17, 3), (1, 2, 17, 0), (0, 2, 17, 3),
    (1, 3, 17, 3), (1, 2, 16, 3), (1,) * 8,
)  # fmt: skip
HUGE = ((1, 2, 17, 10**8), (10**9,), (2**40,), (1, 2, 17, 2**50))


def deeplabcut(rng: random.Random) -> dict[str, bytes]:
    """A file as DeepLabCut writes it, with some of it changed."""
    columns = [("s", p, c) for p in COCO_17.keypoints for c in ("x", "y", "likelihood")]
    for _ in range(rng.choice((0, 0, 1, 2))):
        at = rng.randrange(len(columns))
        columns[at] = rng.choice((columns[0], ("s",), (), ("a", "b", "c", "d"), (None, 1, 2.0), ("s", "x" * 9999, "x")))
    table = np.zeros(FRAMES, [("index", rng.choice(("<i8", "S9"))), ("values_block_0", "<f8", (len(columns),))])
    table["values_block_0"] = rng.choice((0.9, np.nan, np.inf, -1e308))
    labels: Any = rng.choice(([(1, columns)], [(1, columns)], [(1, columns)], [], [(1,)], {}, 3, [(1, columns[:-1])]))
    pickled: Any = np.void(pickle.dumps(labels, protocol=rng.choice((0, 2, 4))))
    if rng.random() < 0.15:
        pickled = rng.choice((np.void(b"cos\nsystem\n(S'true'\ntR."), "text", 3, np.arange(9), np.void(b"\0")))
    return {"walkDLC_x.h5": _written({"df_with_missing/table": table}, {"df_with_missing": pickled}, rng)}


def sleap(rng: random.Random) -> dict[str, bytes]:
    """A file as SLEAP writes its analysis, or a project of it, with some of it changed."""
    people = rng.choice((1, 2))
    values = np.random.default_rng(rng.randrange(9)).uniform(0, 200, (people, FRAMES, 17, 3))
    tables: dict[str, Any] = {
        "tracks": values[..., :2].transpose(0, 3, 2, 1),
        "point_scores": values[..., 2].transpose(0, 2, 1) / 200,
        "node_names": np.array([k.encode() for k in COCO_17.keypoints]),
        "track_names": np.array([b"a", b"b"][:people]),
    }
    return {"clip.analysis.h5": _written(tables if rng.random() < 0.7 else _project(rng), {}, rng)}


def _project(rng: random.Random) -> dict[str, Any]:
    point = [("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?"), ("score", "<f8")]
    begin = [("frame_id", "<u8"), ("video", "<u4"), ("frame_idx", "<u8")]
    frames = np.zeros(2, [*begin, ("instance_id_start", "<u8"), ("instance_id_end", "<u8")])
    frames["instance_id_end"] = rng.choice((1, 2, 0, 2**63, 2**64 - 1))
    ends = [("point_id_start", "<u8"), ("point_id_end", "<u8")]
    instances = np.zeros(2, [("instance_type", "<u1"), ("track", "<i4"), ("score", "<f4"), *ends])
    instances["instance_type"] = rng.choice((0, 1, 9))
    instances["point_id_end"] = rng.choice((17, 16, 0, 2**62))
    return {"frames": frames, "instances": instances, "points": np.zeros(17, point), "pred_points": np.zeros(17, point),
            "metadata": None}  # fmt: skip


def _written(tables: Mapping[str, Any], attributes: Mapping[str, Any], rng: random.Random) -> bytes:
    import h5py

    changed = {rng.choice(list(tables)) for _ in range(rng.choice((0, 1, 1, 1, 2)))}
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        for name, value in tables.items():
            if name == "metadata":
                nodes = [{"name": k} for k in COCO_17.keypoints]
                text = f'{{"nodes": {nodes}, "skeletons": [{{"nodes": [{{"id": 0}}]}}]}}'.replace("'", '"')
                file.create_group(name).attrs["json"] = rng.choice((text, text, "{}", "[", "[" * 9999))
            elif name in changed:
                with suppress(OSError, ValueError, TypeError):  # not every change fits every table
                    rng.choice(CHANGES)(file, name, value, rng)
            else:
                file[name] = value
        for name, value in attributes.items():
            if name in file:
                file[name].attrs["non_index_axes"] = value
    return out.getvalue()


def _left_out(file: Any, name: str, value: Any, rng: random.Random) -> None:
    pass


def _renamed(file: Any, name: str, value: Any, rng: random.Random) -> None:
    file[rng.choice((f"{name}s", "x/y/z", "é"))] = value


def _other_kind(file: Any, name: str, value: Any, rng: random.Random) -> None:
    file[name] = np.zeros(rng.choice(SHAPES), rng.choice(KINDS))


def _other_fields(file: Any, name: str, value: Any, rng: random.Random) -> None:
    names = value.dtype.names or ()
    kinds = [
        (n, rng.choice(KINDS), rng.choice(((), (1,), (51,), (17, 3)))) for n in (*names, "more") if rng.random() < 0.8
    ]
    file[name] = np.zeros(FRAMES, kinds or "<f8")


def _cut(file: Any, name: str, value: Any, rng: random.Random) -> None:
    file[name] = value[: rng.randrange(len(value) + 1)]


def _huge(file: Any, name: str, value: Any, rng: random.Random) -> None:
    shape = rng.choice(HUGE)
    kind = "<u1" if rng.random() < 0.02 else "<f8"  # a gigabyte is filled for seconds, more is refused at once
    file.create_dataset(name, shape, kind, chunks=tuple(min(n, 64) for n in shape), fillvalue=1)


def _packed(file: Any, name: str, value: Any, rng: random.Random) -> None:
    options: dict[str, Any] = rng.choice(
        ({"compression": "gzip"}, {"compression": "lzf"}, {"fletcher32": True}, {"shuffle": True})
    )
    file.create_dataset(name, data=value, chunks=True, **options)


def _texts(file: Any, name: str, value: Any, rng: random.Random) -> None:
    import h5py

    file.create_dataset(
        name, data=[rng.choice(("nose", "", "x" * 999, "\u202e")) for _ in range(17)], dtype=h5py.string_dtype()
    )


def _nothing(file: Any, name: str, value: Any, rng: random.Random) -> None:
    import h5py

    file[name] = h5py.Empty(rng.choice(("<f8", "S3")))


def _group(file: Any, name: str, value: Any, rng: random.Random) -> None:
    group = file.create_group(name)
    group["a"] = value
    if rng.random() < 0.5:
        group["round"] = group  # a circle
    for _ in range(rng.choice((0, 300))):
        group = group.create_group("deeper")


def _link(file: Any, name: str, value: Any, rng: random.Random) -> None:
    import h5py

    place = rng.choice(("/etc/passwd", "../secret.h5", "clip.analysis.h5"))
    file[name] = rng.choice((h5py.ExternalLink(place, "/a"), h5py.SoftLink(f"/{name}"), h5py.SoftLink("/nothing")))


def _outside(file: Any, name: str, value: Any, rng: random.Random) -> None:
    import h5py

    if rng.random() < 0.5:
        file.create_dataset(name, (17,), "S9", external=[("/etc/passwd", 0, 17 * 9)])
    else:
        layout = h5py.VirtualLayout((17,), "<f8")
        layout[:] = h5py.VirtualSource("/etc/passwd", "a", (17,))
        file.create_virtual_dataset(name, layout)


def _references(file: Any, name: str, value: Any, rng: random.Random) -> None:
    import h5py

    file["target"] = np.zeros(3)
    file.create_dataset(name, (3,), h5py.ref_dtype)[:] = [file["target"].ref] * 3


CHANGES = (
    _left_out, _renamed, _other_kind, _other_kind, _other_fields, _other_fields, _cut, _huge, _packed, _texts, _nothing,
    _group, _link, _outside, _references,
)  # fmt: skip


class KeptReader:
    """The reader's process, started again where it ended."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.ended = 0

    def ask(self, tool: str, file: Path, name: str) -> list[Any]:
        """Stand in for `sandboxed_hdf5.read_tables`: the same answers and refusals."""
        from posemill.errors import InputError
        from posemill.ingest.tools.sandboxed_hdf5 import tables_of

        if self.process is None or self.process.poll() is not None:
            self.process = self._started()
        assert self.process.stdin is not None
        answer = None
        try:
            self.process.stdin.write(f"{tool}\t{name}\t{file.absolute()}\n".encode())
            self.process.stdin.flush()
            head = self._read(LENGTH)
            answer = self._read(int.from_bytes(head, "little")) if head else b""
        except (BrokenPipeError, TimeoutError):
            pass
        finally:
            if not answer:
                self.process.kill()
                self.process.wait()
                self.ended += 1
        if not answer:
            raise InputError(f"{file.name} cannot be read: its reader ended, or needed too much")
        return tables_of(answer, file, name)

    def _started(self) -> subprocess.Popen[bytes]:
        from posemill.ingest.tools.sandboxed_hdf5 import NO_FILTERS

        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **NO_FILTERS}
        command = [sys.executable, "-m", "fuzzing.hdf5_files"]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )

    def _read(self, size: int) -> bytes:
        assert self.process is not None
        assert self.process.stdout is not None
        content, number = b"", self.process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(number, selectors.EVENT_READ)
            while len(content) < size:
                if not selector.select(ANSWER_S):
                    raise TimeoutError
                if not (piece := os.read(number, size - len(content))):
                    return b""
                content += piece
        return content


_READER = KeptReader()


def kept_reader(tool: str, read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Return a target's function that reads by one process kept alive, in place of one a file."""

    def with_one_process(folder: Path) -> Any:
        import_module(f"posemill.ingest.tools.{tool}").read_tables = _READER.ask  # type: ignore[attr-defined]
        return read(folder)

    return with_one_process


def main() -> None:
    """Answer until the input ends."""
    import resource

    from posemill.ingest.tools import sandboxed_hdf5

    for tool in ("deeplabcut", "sleap"):
        import_module(f"posemill.ingest.tools.{tool}")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    lines = sys.stdin
    for what, most in (
        (resource.RLIMIT_DATA, sandboxed_hdf5.MAX_MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    for line in lines:
        tool, name, file = line.rstrip("\n").split("\t")
        answer = sandboxed_hdf5.answer_of(tool, Path(file), name)
        answers.write(len(answer).to_bytes(LENGTH, "little") + answer)
        answers.flush()


if __name__ == "__main__":
    main()
