"""SHA-256 digests of files, and the git commit: the provenance of a package."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path


def of_file(path: Path) -> str | None:
    """SHA-256 of a file, hex; None if it does not exist."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_files(files: Mapping[str, Path]) -> dict[str, str | None]:
    """Digests of several files, by name; see of_file."""
    return {name: of_file(path) for name, path in files.items()}


def commit(root: Path) -> str | None:
    """Git commit of `root`, with the suffix "-changed" if tracked files differ; None outside of a repository."""
    try:
        head = _git(root, "rev-parse", "HEAD")
        return f"{head}-changed" if _git(root, "status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    finished = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True, timeout=30)
    return finished.stdout.strip()
