"""Pickles that are larger than they look, or name what they do not hold."""

from __future__ import annotations

import pickle
import struct
from typing import Any

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.formats import unpickle

REDUCE_ARRAY = b"cnumpy\nndarray\n((I8589934592\ntS'O'\ntR."  # 64 GiB of nothing
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I8589934592\ntS'b'\ntR."
NEW_ARRAY = b"\x80\x02cnumpy\nndarray\n(J\x00\x00\x00\x40t\x85\x81."


def doubled(times: int) -> bytes:
    """A list that holds the one before it twice, and so on."""
    value: Any = [1, 2]
    for _ in range(times):
        value = [value, value]
    return pickle.dumps(value)


def itself() -> bytes:
    value: list[Any] = []
    value.append(value)
    return pickle.dumps(value)


def deep() -> bytes:
    return b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b"."


def outside() -> bytes:
    """An array with a field that lies beyond its bytes, which reading it would take from the memory behind."""
    made = pickle.dumps(np.zeros(2, [("a", "<f8")]), 2)
    assert b"K\x00\x86" in made  # (kind, offset)
    return made.replace(b"K\x00\x86", b"K\x7f\x86")


HOSTILE = {
    "a place of gigabytes": (b"\x80\x02]r" + struct.pack("<I", 2**31) + b".", "at a place beyond its own size"),
    "such a place as a text": (b"]p2147483648\n.", "at a place beyond its own size"),
    "bytes of terabytes": (b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".", "it has no end"),
    "an array of gigabytes": (REDUCE_ARRAY, "it makes an array without data"),
    "the same by numpy's own function": (RECONSTRUCT, r"an array of shape \(8589934592,\) without data"),
    "the same by its constructor": (NEW_ARRAY, "it makes an array without data|no readable pickle"),
    "objects": (pickle.dumps(np.array([{}, "a"], object)), "an array of object"),
    "fields outside of an array": (outside(), "it holds an array of|no readable pickle"),
    "a list of billions": (doubled(40), "more than 100 times as large as the file"),
    "a list in itself": (itself(), "a value that holds itself"),
    "depth": (deep(), "too deep|no readable pickle"),
    "no instruction": (b"\x80\x02\xff.", "a byte 255 where an instruction should be"),
    "a cut line": (b"cos", "it ends within a line"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pickle_is_as_large_as_it_looks(name: str) -> None:
    content, says = HOSTILE[name]
    with pytest.raises(InputError, match=says):
        unpickle.loads(content, "set.pkl")


@pytest.mark.parametrize("protocol", range(6))
def test_what_a_file_of_annotations_holds_is_read(protocol: int) -> None:
    rng = np.random.default_rng(0)
    keypoint = rng.uniform(0, 99, (1, 3, 17, 2)).astype(np.float16)
    shape = (240, 320)
    rows = [
        {"frame_dir": "é", "label": np.int64(3), "img_shape": shape, "keypoint": keypoint, "score": np.ones((1, 3))},
        {"frame_dir": "b" * 300, "label": 2**70, "img_shape": shape, "keypoint": keypoint.T, "names": np.array(["a"])},
        {"none": None, "yes": True, "half": 0.5, "bytes": b"a\nb"},
    ]
    read = unpickle.loads(pickle.dumps(rows, protocol), "set.pkl")
    np.testing.assert_equal(read, rows)
