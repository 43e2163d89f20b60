"""Pickles with nothing but Python's plain values and numpy arrays in them: what is named otherwise is refused.

Nothing in them is run, and they are no larger than they look: a number in a pickle makes its reader take gigabytes for
a table of that size, an array can be named with a shape and no data, and a list that holds the one before it twice, and
so on, is exponentially long for whoever walks over it.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any

import numpy as np

from posemill.errors import InputError

_OLD = "numpy.core.multiarray"  # the name that every numpy knows; numpy 2 writes numpy._core
_NUMPY = {("numpy", "ndarray"), ("numpy", "dtype")} | {
    (module, name)
    for core in ("numpy.core", "numpy._core")
    for module, name in (
        (f"{core}.multiarray", "_reconstruct"),
        (f"{core}.multiarray", "scalar"),
        (f"{core}.numeric", "_frombuffer"),
    )
}


_BYTES = {ord(op.code): op.arg.n if op.arg else 0 for op in pickletools.opcodes}  # of arguments
_LENGTHS = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4,
            pickletools.TAKEN_FROM_ARGUMENT4U: 4, pickletools.TAKEN_FROM_ARGUMENT8U: 8}  # fmt: skip
_STOP, _PUT, _LONG_PUT = pickle.STOP[0], pickle.PUT[0], pickle.LONG_BINPUT[0]
_TWO_LINES = (pickle.GLOBAL[0], pickle.INST[0])
LEAST_SIZE, TIMES = 1_000_000, 100  # what is read may be so large, or so many times its file
KINDS = frozenset("biufcSUmM")  # of arrays: no fields, which a pickle can put outside of the array, and no objects


class _Array:
    """Stands for numpy.ndarray, which would take memory of any shape; arrays begin without any."""

    def __new__(cls, *_: Any) -> Any:
        raise InputError("it makes an array without data")


def _reconstruct(kind: Any, shape: Any, _: Any) -> Any:
    if kind is not _Array or shape != (0,):
        raise InputError(f"it makes an array of shape {str(shape)[:60]} without data")
    return np.ndarray((0,), "b")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NUMPY and (module, name) != ("_codecs", "encode"):
            raise InputError(f"it wants to run {module}.{name}; only plain values and numpy arrays are read")
        if name in ("ndarray", "_reconstruct"):
            return _Array if name == "ndarray" else _reconstruct
        return super().find_class(module, name)


_PythonPickler: Any = pickle._Pickler  # the one in which names can be replaced


class _Writer(_PythonPickler):  # type: ignore[misc]
    def save_global(self, obj: Any, name: str | None = None) -> None:
        if getattr(obj, "__module__", None) == "numpy._core.multiarray":
            self.save(_OLD)
            self.save(obj.__name__)
            self.write(pickle.STACK_GLOBAL)
            self.memoize(obj)
        else:
            super().save_global(obj, name)


def dumps(value: Any) -> bytes:
    """Pickle plain values and numpy arrays so that old and new numpy read them."""
    out = io.BytesIO()
    _Writer(out, protocol=4).dump(value)
    return out.getvalue()


def loads(content: bytes, where: str) -> Any:
    """Read a pickle that names nothing but numpy arrays; nothing in it is run. Errors: InputError otherwise."""
    try:
        _require_small_numbers(content)
        value = _Reader(io.BytesIO(content)).load()
        most = max(LEAST_SIZE, TIMES * len(content))
        if _size(value, {}) > most:
            raise InputError(f"what it holds is more than {TIMES} times as large as the file")
    except InputError as exc:
        raise InputError(f"{where} is not read: {exc}") from exc
    except RecursionError as exc:
        raise InputError(f"{where} is not read: values lie within values too deep") from exc
    except Exception as exc:  # a damaged pickle raises anything
        raise InputError(f"{where} is no readable pickle: {exc}") from exc
    return value


def _require_small_numbers(content: bytes) -> None:
    """Walk over the opcodes: no place in the table of known values and no length is beyond the file's own size."""
    place, end = 0, len(content)
    while place < end:
        code = content[place]
        place += 1
        if code == _STOP:
            return
        size = _BYTES.get(code)
        if size is None:
            raise ValueError(f"it has a byte {code} where an instruction should be")
        if size == pickletools.UP_TO_NEWLINE:
            for _ in range(2 if code in _TWO_LINES else 1):
                begun, place = place, content.find(b"\n", place) + 1
                if not place:
                    raise ValueError("it ends within a line")
            if code == _PUT and not 0 <= int(content[begun : place - 1]) <= end:
                raise InputError("it puts a value at a place beyond its own size")
            continue
        if size < 0:
            width = _LENGTHS[size]
            size = width + int.from_bytes(content[place : place + width], "little")
        elif code == _LONG_PUT and int.from_bytes(content[place : place + 4], "little") > end:
            raise InputError("it puts a value at a place beyond its own size")
        place += size
    raise ValueError("it has no end")


def _size(value: Any, known: dict[int, int]) -> int:
    """Bytes of arrays and number of values, as often as somebody who walks over them meets them."""
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.names is not None or value.dtype.subdtype is not None or value.dtype.kind not in KINDS:
            raise InputError(f"it holds an array of {str(value.dtype)[:60]}, and not of numbers or texts")
        return 1 + int(value.nbytes)
    if not isinstance(value, list | tuple | dict | set | frozenset):
        return 1
    if id(value) not in known:
        known[id(value)] = -1
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(each, known) for each in inner)
    if known[id(value)] < 0:
        raise InputError("it holds a value that holds itself")
    return known[id(value)]
