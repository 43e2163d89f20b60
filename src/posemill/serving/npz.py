"""Windows as a NumPy archive (.npz), for clients that have no safetensors: untrusted, read without pickles.

JSON spells out every number; the same windows are a fifth of its bytes here and are read in a hundredth of its time.
"""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError

MEDIA_TYPE = "application/x-npz"
NAME = "windows"
LIMIT = 64 * 2**20  # bytes of the array, however small its compressed form is
_ENTRIES, _DIRECTORY = 16, 4096  # files in the archive, and bytes of the list of them
_KINDS = ("<f4", "<f2")
_WANTED = f"the body should be an archive of numpy.savez with one array `{NAME}` of float32 or float16"


def read(body: bytes, limit: int = LIMIT) -> NDArray[np.float32]:
    """Return the array `windows` of an archive, any shape, float32; NaN = not seen.

    limit  bytes that it may take unpacked; never more are unpacked, whatever the archive says of itself.
    Errors: InputError says what the archive lacks.
    """
    _require_few(body)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entry = archive.getinfo(f"{NAME}.npy")
            if entry.file_size > limit:
                raise InputError(f"{_WANTED}, at most {limit / 2**20:.0f} MiB unpacked; send it in pieces")
            with archive.open(entry) as file:
                return _array(file.read(limit + 1))
    except InputError:
        raise
    except KeyError:
        raise InputError(f"{_WANTED}; this one has no {NAME}.npy") from None
    except Exception as exc:  # zipfile and NumPy raise what they come across, such as tokens and ends
        raise InputError(f"{_WANTED}; this one cannot be read: {str(exc) or type(exc).__name__}") from None


def write(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return an archive as numpy.savez makes it. Text and dictionaries go in as `text` makes them."""
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def text(content: Any) -> NDArray[np.str_]:
    """Return anything that JSON can hold as an array without dimensions; json.loads(str(array)) is the way back."""
    return np.array(json.dumps(content))


def _require_few(body: bytes) -> None:
    """zipfile lists all files of an archive before it opens any; a list of a million would be a weapon."""
    at = body.rfind(b"PK\x05\x06", max(0, len(body) - 65_557))
    if at < 0 or len(body) < at + 22:
        raise InputError(f"{_WANTED}; what came is no archive, or is cut off")
    entries, directory = struct.unpack_from("<HI", body, at + 10)
    if entries > _ENTRIES or directory > _DIRECTORY or body[max(at - 20, 0) : at].startswith(b"PK\x06\x07"):
        raise InputError(f"{_WANTED}; this one says that it has {entries} files")


def _array(raw: bytes) -> NDArray[np.float32]:
    file = io.BytesIO(raw)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise InputError(f"{_WANTED}; its format {version} is another")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = header(file, max_header_size=1024)
    if dtype.str not in _KINDS:
        raise InputError(f"{_WANTED}; this one holds {dtype}")
    if math.prod(shape) * dtype.itemsize != len(raw) - file.tell() or any(n < 0 for n in shape):
        raise InputError(f"{_WANTED}; its bytes are not those of {shape}")
    flat = np.frombuffer(raw, dtype, offset=file.tell())
    shaped = flat.reshape(shape[::-1]).T if by_columns else flat.reshape(shape)
    return np.asarray(shaped, np.float32)
