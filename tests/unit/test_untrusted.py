"""Whatever content leads a reader to is one sentence; files that were holes before are kept here."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from made_up_tracks import made_up
from posemill.applications.presets import parse_params
from posemill.errors import CheckpointError, InputError, Unavailable
from posemill.formats.registry import read_media, write_tracks
from posemill.ingest.datasets.mat_file import read_arrays
from posemill.ingest.sequence import Fault
from posemill.ingest.tools import sandboxed_hdf5, sleap
from posemill.ingest.tools.pose_table import ToolOptions, sequences
from posemill.operations.external_clips import _rows
from posemill.pose.skeleton import COCO_17
from posemill.prediction.taught import read_taught
from posemill.review.inbound import read
from posemill.serving import npz
from posemill.store.track_file import medium_bytes, parse_medium
from posemill.untrusted import untrusted, untrusted_stream


def test_any_exception_becomes_the_error_with_its_place() -> None:
    for cause in (KeyError("x"), RecursionError(), ZeroDivisionError("zero"), zlib.error("cut")):
        says = f"clip is not as expected: {type(cause).__name__}"
        with pytest.raises(CheckpointError, match=says) as caught, untrusted("clip", CheckpointError):
            raise cause
        assert caught.value.__cause__ is cause
    with pytest.raises(InputError, match="more memory"), untrusted("clip"):
        raise MemoryError


def test_a_panic_of_a_library_in_rust_is_one_of_the_content() -> None:
    panic = type("PanicException", (BaseException,), {})
    with pytest.raises(InputError, match="clip is not as expected: PanicException"), untrusted("clip"):
        raise panic


def test_posemills_own_errors_and_those_that_pass_are_as_they_were() -> None:
    with pytest.raises(Unavailable, match="away"), untrusted("clip"):
        raise Unavailable("away")
    with pytest.raises(MemoryError), untrusted("clip", passing=(MemoryError,)):
        raise MemoryError
    with pytest.raises(KeyboardInterrupt), untrusted("clip"):
        raise KeyboardInterrupt


def test_a_stream_is_watched_to_its_end(tmp_path: Path) -> None:
    @untrusted_stream
    def numbers(path: Path, most: int) -> Iterator[int]:
        yield from range(most)
        raise IndexError("over")

    stream = numbers(tmp_path, most=3)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InputError, match=f"{tmp_path.name} is not as expected: IndexError: over"):
        next(stream)


def packed(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("windows.npy", content)
    return out.getvalue()


@pytest.mark.parametrize("header", [b"{'descr': '<f4', 'shape': (2,\n", b"{'descr': \xff", b"(" * 900])
def test_a_header_that_numpy_cannot_even_tokenize_is_refused(header: bytes) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        npz.read(packed(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header))


def test_an_array_that_ends_too_early_is_refused() -> None:
    whole = npz.write({"windows": np.zeros((1, 2, 3, 3), np.float32)})
    cut = bytearray(whole)
    sizes = cut.rfind(b"PK\x01\x02") + 20  # compressed and not, in the directory
    cut[sizes : sizes + 8] = struct.pack("<II", 10**6, 10**6)
    with pytest.raises(InputError, match="cannot be read: EOFError"):
        npz.read(bytes(cut))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &x [1]\nb: [*x, *x]", "an alias"),
        ("a: " + "[" * 500, "nested deeper|no YAML"),
        ("a: " + "x" * 20_000, "at most 16384"),
        ("a: !!python/object/apply:os.system ['true']", "no YAML"),
        ("a: 2026-99-99", "no YAML"),
    ],
)
def test_parameters_of_a_client_are_plain_small_yaml(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_params(text, "params")
    assert parse_params("a: [1, {b: 2}]", "params") == {"a": [1, {"b": 2}]}


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["media"][0].pop("width"),
        lambda document: document["annotations"][0].update(state=["x"]),
        lambda document: document["annotations"][0].update(confidence=[1.0] * 18),
        lambda document: document.update(media=1.5),
        lambda document: document["images"][0].update(frame=float("inf")),
    ],
)
def test_a_document_with_a_value_that_does_not_fit_is_refused(change: object, tmp_path: Path) -> None:
    path = tmp_path / "keypoints.json"
    write_tracks(made_up(1), path, "coco")
    document = json.loads(path.read_text())
    change(document)  # type: ignore[operator]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"keypoints.json"):
        read_media(path, "coco")


def test_the_skeleton_of_a_table_names_no_file_elsewhere(tmp_path: Path) -> None:
    write_tracks(made_up(1), tmp_path / "tables", "csv")
    media = tmp_path / "tables" / "media.csv"
    text = '"{""name"": ""x/../../secret"", ""keypoints"": [""a"", ""b""], ""edges"": [], ""pairs"": []}"'
    media.write_text(media.read_text().replace("coco-17", text))
    with pytest.raises(InputError, match="its name should be lower-case letters"):
        read_media(tmp_path / "tables", "csv")


def test_a_broken_archive_of_annotations_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "back.zip"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.json", "[" * 5000)
    content = bytearray(out.getvalue())
    content[45:60] = bytes(15)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"back.zip"):
        read(path, COCO_17)


def test_an_xml_of_an_unknown_encoding_and_one_with_entities_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "back.xml"
    entities = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(12))
    for text in (
        '<?xml version="1.0" encoding="ttf-8"?><annotations/>',
        f'<!DOCTYPE a [<!ENTITY e0 "x">{entities}]><annotations>&e12;</annotations>',
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><annotations>&e;</annotations>',
    ):
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            read(path, COCO_17)
        assert Path("/etc/hostname").read_text().strip() not in str(caught.value)


def test_a_track_file_with_other_metadata_is_refused() -> None:
    import pyarrow.parquet as pq

    content = medium_bytes(made_up(1))
    table = pq.read_table(io.BytesIO(content))
    for metadata in (b"{}", b"[]", b"\xff", b'{"skeleton": "coco-17", "media": {"a": 1}}'):
        out = io.BytesIO()
        pq.write_table(table.replace_schema_metadata({b"posemill": metadata}), out)
        with pytest.raises(InputError, match="a track file"):
            parse_medium(out.getvalue(), "a track file")


def test_a_parquet_file_of_a_false_length_does_not_end_the_process(tmp_path: Path) -> None:
    """Every byte of its pages: another reader of Parquet asked for exabytes at one, and ended."""
    write_tracks(made_up(1, people=1, frames=3), tmp_path, "parquet")
    path = tmp_path / "media.parquet"
    whole = path.read_bytes()
    refused = 0
    for at in range(4, len(whole) - 8, 5):
        path.write_bytes(whole[:at] + b"\xff" + whole[at + 1 :])
        try:
            read_media(tmp_path, "parquet")
        except InputError:
            refused += 1
    assert refused > 100


MATRICES = {
    "x": np.arange(12.0).reshape(3, 4),
    "small": np.array([[7]], np.uint8),
    "wide": np.array([[2**40]], np.int64),
    "action": np.array(["jumping jack"]),
    "cube": np.arange(24, dtype=np.int16).reshape(2, 3, 4),
    "single": np.float32([[0.5]]),
}


@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_files_are_read_as_scipy_reads_them(compressed: bool) -> None:
    stream = io.BytesIO()
    savemat(stream, MATRICES | {"other": {"a": 1}}, do_compression=compressed)
    came = read_arrays(stream.getvalue(), MATRICES)
    wanted = loadmat(io.BytesIO(stream.getvalue()), variable_names=list(MATRICES))
    for name in MATRICES:
        np.testing.assert_array_equal(came[name], wanted[name])


def test_damaged_matlab_files_are_refused_each() -> None:
    """Every byte of one: SciPy's own reader ended the process at some of these."""
    stream = io.BytesIO()
    savemat(stream, {"x": np.arange(12.0).reshape(3, 4), "action": np.array(["squat"])})
    whole = stream.getvalue()
    for at in range(124, len(whole)):
        for value in (0, 0x7F, 0xFF):
            with suppress(InputError):
                read_arrays(whole[:at] + bytes([value]) + whole[at + 1 :], ("x", "action"))
    for cut in range(0, len(whole), 7):
        with suppress(InputError):
            read_arrays(whole[:cut], ("x",))


def test_a_compressed_matlab_bomb_is_cut() -> None:
    bomb = zlib.compress(bytes(2**29), 9)
    content = bytes(126) + b"IM" + struct.pack("<II", 15, len(bomb)) + bomb
    assert read_arrays(content, ("x",)) == {}


def test_hdf5_is_read_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "huge.h5", "w") as file:  # a few kilobytes that are 40 GB
        file.create_dataset("tracks", (1, 2, 17, 10**8), "f8", chunks=True, fillvalue=1.0)
        file["node_names"] = [k.encode() for k in COCO_17.keypoints]
    (fault,) = sequences(sleap.TOOL, tmp_path, ToolOptions("set", (64, 48), 25.0))
    assert isinstance(fault, Fault)
    assert "memory" in fault.reason
    monkeypatch.setattr(sandboxed_hdf5, "TIMEOUT_S", 0.01)
    with pytest.raises(InputError, match="took longer"):
        sandboxed_hdf5.read_tables("sleap", tmp_path / "huge.h5", "huge", 0.01)


def _outside(kind: str, file: Any, secret: Path) -> None:
    """A file of SLEAP with the names of its keypoints in another file."""
    import h5py

    file["tracks"] = np.zeros((1, 2, 17, 3))
    if kind == "link":
        file["node_names"] = h5py.ExternalLink(str(secret), "/names")
    elif kind == "link in a group":
        file["a/b/c"] = h5py.ExternalLink(str(secret), "/names")
        file["node_names"] = h5py.SoftLink("/a/b/c")
    elif kind == "storage":
        file.create_dataset("node_names", (17,), "S4", external=[(str(secret), 0, 68)])
    else:
        layout = h5py.VirtualLayout((17,), "S4")
        layout[:] = h5py.VirtualSource(str(secret), "names", (17,))
        file.create_virtual_dataset("node_names", layout)


@pytest.mark.parametrize("kind", ["link", "link in a group", "storage", "virtual"])
def test_an_hdf5_file_whose_data_are_in_another_one_is_refused(kind: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["names"] = np.array([b"abcd"] * 17)
    (tmp_path / "in").mkdir()
    with h5py.File(tmp_path / "in" / "clip.h5", "w") as file:
        _outside(kind, file, tmp_path / "secret.h5")
    (fault,) = sequences(sleap.TOOL, tmp_path / "in", ToolOptions("set", (64, 48), 25.0))
    assert isinstance(fault, Fault)
    assert "another file, which is not read" in fault.reason
    assert "abcd" not in fault.reason


def test_what_the_walk_over_an_hdf5_file_misses_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    h5py = pytest.importorskip("h5py")
    monkeypatch.setattr(sandboxed_hdf5, "_require_own_data", lambda content, file: None)
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["names"] = np.array([b"abcd"] * 17)
    with h5py.File(tmp_path / "clip.h5", "w") as file:
        _outside("link", file, tmp_path / "secret.h5")
    answer = sandboxed_hdf5.answer_of("sleap", tmp_path / "clip.h5", "clip")
    with pytest.raises(InputError, match=r"clip\.h5 is not as expected"):
        sandboxed_hdf5.tables_of(answer, tmp_path / "clip.h5", "clip")
    assert b"abcd" not in answer
    (tmp_path / "a").write_text("files can be opened again")


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000])
def test_json_that_is_too_deep_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "taught.json").write_text(content)
    with pytest.raises(InputError, match=r"taught\.json is not as expected: RecursionError"):
        read_taught(tmp_path / "taught.json")
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(InputError, match=r"labels\.json is no readable table of videos"):
        _rows(tmp_path / "labels.json")
