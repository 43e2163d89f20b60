"""Weights for OpenPifPaf networks: the embedded ones, official ones (downloaded once), or a file."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from posemill.errors import CheckpointError, Unavailable
from posemill.estimation.backends.openpifpaf.heads import POSENET_HEADS, Heads
from posemill.estimation.backends.posenet.network import EMBEDDED_SHA256, WEIGHTS

EMBEDDED = "posenet"
# Those for COCO's 17 keypoints whose file name carries the start of its digest.
OFFICIAL = (
    "shufflenetv2k16",
    "shufflenetv2k30",
    "tshufflenetv2k30",
    "mobilenetv2",
    "mobilenetv3small",
    "mobilenetv3large",
    "resnet50",
)
TIMEOUT_S = 60


@dataclass(frozen=True)
class Checkpoint:
    """A network, what identifies it, and what its decoder must know."""

    name: str
    sha256: str
    heads: Heads
    load: Callable[[], Any]

    @cached_property
    def shell(self) -> Any:
        """OpenPifPaf's network itself, made when it is first asked for: that imports all of OpenPifPaf."""
        return self.load()


def load_checkpoint(name: str, sha256: str | None, cache: Path) -> Checkpoint:
    """`posenet` (embedded), an official name, or a path.

    Errors: CheckpointError for a wrong digest, format or skeleton, or a name that is none; Unavailable when an
    official checkpoint cannot be downloaded.
    """
    if name == EMBEDDED:
        digest = _checked(WEIGHTS, sha256 or EMBEDDED_SHA256)
        return Checkpoint(name, digest, POSENET_HEADS, _embedded)
    path = _download(name, cache) if name in OFFICIAL else Path(name)
    if not path.is_file():
        known = ", ".join((EMBEDDED, *OFFICIAL))
        raise CheckpointError(f"no checkpoint {name}: label.checkpoint should be a file, or one of {known}")
    from posemill.estimation.backends.openpifpaf.pickled import unpickled

    digest, shell = _checked(path, sha256), unpickled(path)
    return Checkpoint(name, digest, Heads.of(shell), lambda: shell)


def _embedded() -> Any:
    from posemill.estimation.backends.openpifpaf.fields import posenet_shell
    from posemill.estimation.backends.posenet.network import load_posenet

    return posenet_shell(load_posenet())


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
    from posemill.estimation.backends.openpifpaf.library import openpifpaf

    url = str(openpifpaf.CHECKPOINT_URLS[name]).replace("http://", "https://", 1)
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
