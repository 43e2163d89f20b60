"""Pickles with nothing but Python's plain values and numpy arrays in them: what is named otherwise is refused."""

from __future__ import annotations

import io
import pickle
from typing import Any

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


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NUMPY and (module, name) != ("_codecs", "encode"):
            raise InputError(f"it wants to run {module}.{name}; only plain values and numpy arrays are read")
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
        return _Reader(io.BytesIO(content)).load()
    except InputError as exc:
        raise InputError(f"{where} is not read: {exc}") from exc
    except Exception as exc:  # a damaged pickle raises anything
        raise InputError(f"{where} is no readable pickle: {exc}") from exc
