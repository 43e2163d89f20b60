from __future__ import annotations

import io
import json
import struct
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.errors import InputError
from posemill.serving import npz


def archive(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def zipped(name: str, content: bytes, compression: int = zipfile.ZIP_STORED, times: int = 1) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        for i in range(times):
            file.writestr(name if not i else f"{i}", content)
    return out.getvalue()


def header(descr: str, shape: str, fortran: bool = False) -> bytes:
    says = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(says) + 1) + says + b"\n"


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_numpy_writes_is_read(kind: type, save: object, order: str) -> None:
    windows = np.arange(24, dtype=kind).reshape(2, 3, 4).copy(order)  # type: ignore[call-overload]
    windows[0, 0, 0] = np.nan
    out = io.BytesIO()
    save(out, windows=windows)  # type: ignore[operator]
    np.testing.assert_array_equal(npz.read(out.getvalue()), windows.astype(np.float32))


def test_what_is_written_numpy_reads() -> None:
    written = npz.write({"best": np.arange(3), "receipt": npz.text({"id": "ä"})})
    with np.load(io.BytesIO(written), allow_pickle=False) as back:
        assert back["best"].tolist() == [0, 1, 2]
        assert json.loads(str(back["receipt"])) == {"id": "ä"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no archive"),
        (b"PK", "no archive"),
        (archive(windows=np.zeros((1, 2), np.float32))[:-1], "cut off"),
        (archive(other=np.zeros(3, np.float32)), "no windows.npy"),
        (archive(windows=np.zeros(3, np.float64)), "float64"),
        (archive(windows=np.zeros(3, np.int32)), "int32"),
        (archive(windows=np.zeros(3, ">f4")), ">f4"),
        (archive(windows=np.array(["a"])), "<U1"),
        (zipped("windows.npy", b""), "cannot be read"),
        (zipped("windows.npy", b"\x93NUMPY\x03\x00" + b" " * 20), "format (3, 0)"),
        (zipped("windows.npy", header("|O", "(1,)") + b"cos\nsystem\n(S'true'\ntR."), "object"),
        (zipped("windows.npy", header("<f4", "(-1,)") + b"\0" * 4), "not those of"),
        (zipped("windows.npy", header("<f4", "(-1, -1)") + b"\0" * 4), "not those of"),
        (zipped("windows.npy", header("<f4", "(2,)") + b"\0" * 4), "not those of"),
        (zipped("windows.npy", header("<f4", f"({2**40}, {2**40})")), "not those of"),
        (zipped("windows.npy", header("<f4", "((1,),)")), "cannot be read"),
        (zipped("windows.npy", header("<f4", "(1,)" + " " * 2000) + b"\0" * 4), "cannot be read"),
        (zipped("windows.npy", b"", times=40), "40 files"),
    ],
)
def test_anything_else_is_one_sentence(body: bytes, says: str) -> None:
    with pytest.raises(InputError, match=r"numpy\.savez") as refused:
        npz.read(body)
    assert says in str(refused.value)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zipped("windows.npy", b"\0" * 2**22, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2**13
    with pytest.raises(InputError, match="at most 1 MiB unpacked"):
        npz.read(bomb, limit=2**20)
    lies = bomb.replace(struct.pack("<I", 2**22), struct.pack("<I", 100))  # says that it is small
    with pytest.raises(InputError):
        npz.read(lies, limit=2**20)


@given(st.binary(max_size=400), st.integers(0, 500), st.integers(0, 30))
def test_damage_never_escapes(noise: bytes, at: int, drop: int) -> None:
    good = archive(windows=np.zeros((2, 3), np.float32))
    for body in (noise, good[:at] + noise[:8] + good[at + drop :], b"PK\x03\x04" + noise + b"PK\x05\x06" + noise):
        with suppress(InputError):
            assert npz.read(body).dtype == np.float32
