"""Graph files of backends: the embedded one, or one that label.checkpoint names, checked by its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from posemill.errors import CheckpointError
from posemill.estimation.runtimes.graphs import SUFFIXES
from posemill.params.label import LabelParams

WEIGHTS = Path(__file__).parents[1] / "weights"


@dataclass(frozen=True, slots=True)
class GraphFile:
    """A network in a file: its name for people, and the SHA-256 of its bytes (or that they should have)."""

    name: str
    path: Path
    sha256: str


def find_graph_file(params: LabelParams, embedded: GraphFile, more_suffixes: tuple[str, ...] = ()) -> GraphFile:
    """Return the embedded network, by its name or by default, else the file that `params.checkpoint` names.

    Errors: CheckpointError for a name that is no file of those kinds, or another digest than expected.
    """
    name, expected = params.checkpoint, params.checkpoint_sha256
    if name in (embedded.name, LabelParams().checkpoint):  # the default is another backend's: nothing was chosen
        return GraphFile(embedded.name, embedded.path, checked(embedded.path, expected or embedded.sha256))
    path, kinds = Path(name), (*SUFFIXES, *more_suffixes)
    if not path.is_file() or path.suffix not in kinds:
        raise CheckpointError(
            f"no checkpoint {name}: label.checkpoint should be {embedded.name}, or a file ({', '.join(kinds)})"
        )
    return GraphFile(name, path, checked(path, expected))


def checked(path: Path, expected: str | None) -> str:
    """Return the file's SHA-256; CheckpointError if it is not the expected one."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise CheckpointError(f"{path} cannot be read: {exc.strerror}; run `make setup` again") from exc
    if expected is not None and digest != expected:
        raise CheckpointError(
            f"{path}: SHA-256 should be {expected}, came as {digest}; the file is damaged or another one: "
            "replace it, or correct label.checkpoint_sha256"
        )
    return digest
