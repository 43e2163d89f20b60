"""Windows as safetensors: there and back, and what is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from packaged import some_windows
from posemill.errors import InputError
from posemill.serving import tensors


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_windows_survive(kind: type) -> None:
    windows = some_windows(3).astype(kind)
    back = tensors.read(tensors.write({"windows": windows[:, ::-1]}))  # also what is not contiguous
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, windows[:, ::-1].astype(np.float32))


def test_metadata_are_json(tmp_path: Path) -> None:
    path = tmp_path / "answer.safetensors"
    path.write_bytes(tensors.write({"best": np.arange(2)}, {"classes": ["a", "b"]}))
    with safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()["classes"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "cannot be read"),
        (b"PK\x03\x04" + bytes(100), "cannot be read|header is larger"),
        (struct.pack("<Q", 10**6) + b"{" * 10**6, "header is larger than 4096 bytes"),
        (tensors.write({"tracks": np.zeros(1, np.float32)}), "this one has tracks"),
        (tensors.write({"windows": np.zeros(1)}), "this one holds float64"),
    ],
)
def test_what_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        tensors.read(body)
