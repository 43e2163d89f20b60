"""Windows as safetensors: the binary form that posemill's own client sends.

A header of JSON and plain numbers after it: nothing to unpack and no code to run, read by the library itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError

MEDIA_TYPE = "application/x-safetensors"
NAME = "windows"
_HEADER = 4096  # bytes; a header of megabytes with a million empty tensors would take seconds
_WANTED = f"the body should be safetensors with one tensor `{NAME}` of float32 or float16"


def read(body: bytes) -> NDArray[np.float32]:
    """Return the tensor `windows`, any shape, float32; NaN = not seen.

    Errors: InputError says what the body lacks.

    >>> read(write({"windows": np.zeros((1, 2), np.float16)}))
    array([[0., 0.]], dtype=float32)
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if int.from_bytes(body[:8], "little") > _HEADER:
        raise InputError(f"{_WANTED}; its header is larger than {_HEADER} bytes, or it is another kind of file")
    try:
        loaded = load(body)
    except (SafetensorError, ValueError, TypeError, KeyError, OverflowError) as exc:
        raise InputError(f"{_WANTED}; this one cannot be read: {exc}") from None
    if NAME not in loaded:
        raise InputError(f"{_WANTED}; this one has {', '.join(sorted(loaded)) or 'none'}")
    windows = loaded[NAME]
    if windows.dtype not in (np.float32, np.float16):
        raise InputError(f"{_WANTED}; this one holds {windows.dtype}")
    return np.asarray(windows, np.float32)


def write(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any] | None = None) -> bytes:
    """Return arrays as safetensors; `metadata` are anything that JSON can hold, by name."""
    from safetensors.numpy import save

    dense = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return save(dense, {name: json.dumps(value) for name, value in (metadata or {}).items()} or None)
