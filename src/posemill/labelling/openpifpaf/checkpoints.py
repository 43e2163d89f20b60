"""Weights for OpenPifPaf networks: the embedded ones, official ones (downloaded once), or a file.

An official checkpoint is a pickled network. PyTorch's restricted loader reads it: only the classes that such a
network consists of are allowed, everything else is refused before anything of it runs.
"""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from posemill.errors import CheckpointError, Unavailable
from posemill.labelling.openpifpaf.fields import posenet_shell
from posemill.labelling.openpifpaf.library import openpifpaf
from posemill.labelling.posenet import EMBEDDED_SHA256, WEIGHTS, load_posenet

EMBEDDED = "posenet"
# Those for COCO's 17 keypoints whose file name carries the start of its digest.
OFFICIAL = ("shufflenetv2k16", "shufflenetv2k30", "mobilenetv2", "mobilenetv3small", "mobilenetv3large", "resnet50")
TIMEOUT_S = 60

_ALLOWED = {
    "numpy._core.multiarray._reconstruct", "numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype",
}  # fmt: skip
_ALLOWED_PACKAGES = ("torch.nn.modules.", "openpifpaf.network.", "torchvision.models.", "torchvision.ops.")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network ready to run, and what identifies it."""

    name: str
    sha256: str
    shell: Any


def load_checkpoint(name: str, sha256: str | None, cache: Path) -> Checkpoint:
    """`posenet` (embedded), an official name, or a path.

    Errors: CheckpointError for a wrong digest, format or skeleton, or a name that is none; Unavailable when an
    official checkpoint cannot be downloaded.
    """
    if name == EMBEDDED:
        digest = _checked(WEIGHTS, sha256 or EMBEDDED_SHA256)
        return Checkpoint(name, digest, posenet_shell(load_posenet()))
    path = _download(name, cache) if name in OFFICIAL else Path(name)
    if not path.is_file():
        known = ", ".join((EMBEDDED, *OFFICIAL))
        raise CheckpointError(f"no checkpoint {name}: label.checkpoint should be a file, or one of {known}")
    return Checkpoint(name, _checked(path, sha256), _unpickle(path))


def _checked(path: Path, expected: str | None) -> str:
    """The file's SHA-256, which must be the expected one."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is not None and digest != expected:
        raise CheckpointError(
            f"{path}: SHA-256 should be {expected}, came as {digest}; the file is damaged or another one: "
            "replace it, or correct label.checkpoint_sha256"
        )
    return digest


def _download(name: str, cache: Path) -> Path:
    """The official checkpoint, in the cache; fetched once, under its name only when it is whole."""
    url: str = openpifpaf.CHECKPOINT_URLS[name]
    path = cache / url.rsplit("/", 1)[1]
    if not path.is_file():
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, part.open("wb") as file:
                while block := answer.read(1 << 20):
                    file.write(block)
            _check_prefix(part, path.stem.rsplit("-", 1)[1])
            os.replace(part, path)
        except OSError as exc:
            raise Unavailable(
                f"checkpoint {name} cannot be downloaded from {url} ({exc}); put the file at {path}, or use the "
                f"embedded one: label.checkpoint: {EMBEDDED}"
            ) from exc
        finally:
            part.unlink(missing_ok=True)
    _check_prefix(path, path.stem.rsplit("-", 1)[1])
    return path


def _check_prefix(path: Path, prefix: str) -> None:
    digest = _checked(path, None)
    if not digest.startswith(prefix):
        raise CheckpointError(
            f"{path}: SHA-256 should start with {prefix}, came as {digest}; the download was cut off or is another "
            "file: delete it and try again"
        )


def _unpickle(path: Path) -> Any:
    """The network in an OpenPifPaf checkpoint, through the restricted loader; CheckpointError if it is none."""
    try:
        wanted = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals(list(_allowed(path, wanted))):
            shell = torch.load(path, map_location="cpu", weights_only=True)["model"]
    except CheckpointError:
        raise
    except Exception as exc:  # a damaged pickle can raise anything
        raise CheckpointError(
            f"{path} is not an OpenPifPaf checkpoint: {type(exc).__name__}: {str(exc)[:200]}"
        ) from exc
    if not isinstance(shell, openpifpaf.network.nets.Shell):
        raise CheckpointError(f"{path} holds a {type(shell).__name__}, not an OpenPifPaf network")
    openpifpaf.network.model_migration.model_migration(shell)
    _check_heads(path, shell)
    return shell.eval()


def _allowed(path: Path, names: Iterable[str]) -> Iterable[Any]:
    """The classes by those names; CheckpointError for any that a network has no use for."""
    import numpy as np

    yield from (np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Int64DType)  # never listed, yet asked for
    refused = []
    for name in names:
        module, _, attribute = name.rpartition(".")
        if name in _ALLOWED:
            yield (getattr(import_module(module), attribute), name)
        elif (found := _network_class(module, attribute)) is not None:
            yield (found, name)
        else:
            refused.append(name)
    if refused:
        raise CheckpointError(
            f"{path} is refused: a network needs no {', '.join(sorted(refused))}; loading it could run foreign code"
        )


def _network_class(module: str, name: str) -> type | None:
    """A layer or a description of a head, from the packages that networks are made of; else None."""
    headmeta = openpifpaf.headmeta
    if module != headmeta.__name__ and not f"{module}.".startswith(_ALLOWED_PACKAGES):
        return None
    found = getattr(import_module(module), name, None)
    return found if isinstance(found, type) and issubclass(found, torch.nn.Module | headmeta.Base) else None


def _check_heads(path: Path, shell: Any) -> None:
    heads = [type(meta).__name__ for meta in shell.head_metas[:2]]
    if heads != ["Cif", "Caf"]:
        raise CheckpointError(f"{path}: heads should be Cif and Caf, came as {', '.join(heads) or 'none'}")
    if list(shell.head_metas[0].keypoints) != openpifpaf.plugins.coco.constants.COCO_KEYPOINTS:
        raise CheckpointError(
            f"{path} finds {len(shell.head_metas[0].keypoints)} keypoints other than COCO's 17; "
            "posemill labels the skeleton coco-17"
        )
