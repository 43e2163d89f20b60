"""edge.json: what an exported folder holds, and the digest of every file in it. Standard library only.

The launcher checks the digests before it imports anything else of the folder, so a damaged copy is told and not run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from posemill.errors import CheckpointError

FILE, FORMAT = "edge.json", "posemill-edge-1"
UNLISTED = (".venv", "__pycache__")  # folders that install.sh and Python make
LIBRARY = "lib"  # of the folder: nothing there runs that is not listed


def digest_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, content: dict[str, Any]) -> str:
    """Write edge.json with the digests of all files of the folder; returns its own digest."""
    files = {str(path.relative_to(folder)): digest_of(path) for path in _files(folder)}
    path = folder / FILE
    path.write_text(json.dumps({"format": FORMAT, **content, "files": files}, indent=1) + "\n")
    return digest_of(path)


def read_manifest(folder: Path, expected: str | None = None) -> dict[str, Any]:
    """Read and check an exported folder.

    expected  the digest that edge.json itself must have, as `posemill export edge` printed it; None = any.
    Errors: CheckpointError that names what is missing, changed, or does not belong there.
    """
    path = folder / FILE
    if not path.is_file():
        raise CheckpointError(f"no {path}: this is no folder that `posemill export edge` wrote")
    if expected is not None and (found := digest_of(path)) != expected:
        raise CheckpointError(f"{path}: SHA-256 should be {expected}, is {found}: copy the export again")
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        files: dict[str, str] = content["files"]
        if content["format"] != FORMAT:
            raise CheckpointError(f"{path}: expected format {FORMAT}, came {content['format']!r}: export again")
    except (KeyError, TypeError, ValueError) as exc:
        raise CheckpointError(f"{path} is damaged ({exc!r}): copy the export again") from exc
    if faults := _faults(folder, files):
        raise CheckpointError(
            f"{folder} was changed after the export: {'; '.join(faults[:5])}"
            f"{f' and {len(faults) - 5} more' if len(faults) > 5 else ''}: copy the export again"
        )
    return content


def _faults(folder: Path, files: dict[str, str]) -> list[str]:
    faults = []
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{name} is missing")
        elif (found := digest_of(path)) != expected:
            faults.append(f"{name} should have SHA-256 {expected[:12]}…, has {found[:12]}…")
    there = (str(path.relative_to(folder)) for path in _files(folder / LIBRARY, folder))
    return faults + [f"{name} does not belong there" for name in there if name not in files]


def _files(folder: Path, root: Path | None = None) -> Iterable[Path]:
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(root or folder).parts
        if path.is_file() and path.name != FILE and not any(part in UNLISTED for part in inner):
            yield path
