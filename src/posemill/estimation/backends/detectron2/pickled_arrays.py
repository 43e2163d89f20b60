"""Pickles of numpy arrays, read so that nothing in them can run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from posemill.errors import CheckpointError

# What arrays, scalars and dictionaries of them are pickled with; none of it does more than make one.
_ALLOWED = {
    ("collections", "OrderedDict"),
    ("_codecs", "encode"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}


class _ArraysOnly(pickle.Unpickler):
    """Refuses every name that is not on the list before it is imported."""

    def find_class(self, module: str, name: str) -> Any:
        """See pickle.Unpickler."""
        if (module, name) not in _ALLOWED:
            raise CheckpointError(f"weights need no {module}.{name}; loading it could run foreign code")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_arrays(path: Path) -> Any:
    """Read a pickle of dictionaries, lists, texts, numbers and numpy arrays. CheckpointError for all else."""
    try:
        with path.open("rb") as file:
            return _ArraysOnly(file, encoding="latin1").load()
    except CheckpointError as exc:
        raise CheckpointError(f"{path} is refused: {exc}") from exc
    except Exception as exc:  # a damaged pickle can raise anything
        raise CheckpointError(f"{path} is no pickle of arrays: {type(exc).__name__}: {str(exc)[:200]}") from exc
