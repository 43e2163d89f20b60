"""MATLAB files (version 5 to 7.2): numeric arrays and texts by name, parsed from bytes.

Files of strangers, so nothing is executed and no compiled parser is trusted: that of SciPy ends the process at some
damaged files. Structures, cells, sparse and complex arrays, which data sets of poses do not use, are refused.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError

LARGEST = 256 * 2**20  # bytes of one array, however small its compressed form is
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_TEXT, _TEXT_CODES = 4, {1: "utf-8", 2: "utf-8", 16: "utf-8", 4: "utf-16", 17: "utf-16"}
_COMPLEX = 0x0800


def read_arrays(content: bytes, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays of these names that a file has; a text is an array of one string.

    Errors: InputError for another kind of file, and for one that is damaged, or holds something else of these names.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise InputError("no MATLAB file of version 5 to 7.2; save it by save(file, '-v7')")
    try:
        found = (_matrix(data, order, names) for kind, data in _elements(content[_HEADER:], order) if kind == _MATRIX)
        return {name: array for entry in found if entry is not None for name, array in (entry,)}
    except (struct.error, zlib.error, ValueError, KeyError, IndexError) as exc:
        raise InputError(f"a damaged MATLAB file: {type(exc).__name__}: {exc}") from exc


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Type and content of every data element; compressed ones unpacked."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind >> 16:  # a small element: type and size share a word, and the content is beside them
            kind, size, at, step = kind & 0xFFFF, kind >> 16, at + 4, 4
        else:
            at, step = at + 8, size if kind == _COMPRESSED else -(-size // 8) * 8
        if size > len(data) - at or (step == 4 and size > 4):
            raise InputError(f"a damaged MATLAB file: an element of {size} bytes where {len(data) - at} are left")
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            yield from _elements(unpacker.decompress(data[at : at + size], LARGEST), order)
        else:
            yield kind, data[at : at + size]
        at += step


def _matrix(data: bytes, order: str, names: Collection[str]) -> tuple[str, NDArray[Any]] | None:
    """Name and array; None for a name that nobody asked for."""
    parts = _elements(data, order)
    flags = struct.unpack_from(f"{order}I", next(parts, (0, b""))[1])[0]
    shape = tuple(np.frombuffer(next(parts, (0, b""))[1], f"{order}i4").tolist())
    name = next(parts, (0, b""))[1].decode("ascii", "replace")
    if name not in names:
        return None
    kind, values = next(parts, (0, b""))
    if flags & 0xFF == _TEXT:
        encoding = _TEXT_CODES[kind] + ({"<": "-le", ">": "-be"}[order] if kind in (4, 17) else "")
        return name, np.array([values.decode(encoding)])
    if flags & _COMPLEX or flags & 0xFF not in _CLASSES:
        raise InputError(f"{name} should be an array of real numbers or a text")
    if any(n < 0 for n in shape) or math.prod(shape) * np.dtype(_TYPES[kind]).itemsize != len(values):
        raise InputError(f"a damaged MATLAB file: the bytes of {name} are not those of {shape}")
    flat = np.frombuffer(values, f"{order}{_TYPES[kind]}").astype(_CLASSES[flags & 0xFF])
    return name, flat.reshape(shape, order="F")
