"""Files that belong to a backup: of the workspace, of posemill's home, and of the store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.settings import Settings
from posemill.store.exchange import FOLDER
from posemill.store.files import as_unavailable
from posemill.store.filesystems import open_filesystem

# made again by tools, or no files of this project; git's own come as a bundle
_MADE_AGAIN = frozenset(
    {
        ".git",
        ".venv",
        "node_modules",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
        ".import_linter_cache",
    }
)
# the database comes as tables; networks are exported again; whoever has a private key signs in its owner's name
_OF_HOME = ("postgres", "cache/networks", "keys")
_OF_DVC = ("tmp", "config.local")  # locks and state of this machine, and secrets


@dataclass(frozen=True, slots=True)
class Source:
    """A file to back up: where it belongs, and where it is now (a path, or one of the store's file system)."""

    place: str
    path: str
    at: str
    size: int
    modified: float
    mode: int = 0o644
    link: str | None = None


def workspace_files(settings: Settings) -> Iterator[Source]:
    """Files of the workspace and of posemill's home, but what is made again and what the database keeps."""
    home, root = settings.home, settings.workspace
    skipped = {home, *(root / ".dvc" / name for name in _OF_DVC)}
    store = _local(settings.store_url)
    yield from _files("workspace", root, skipped | ({store} if store else set()))
    yield from _files("home", home, {home / name for name in _OF_HOME} | ({store} if store else set()))


def store_files(settings: Settings) -> tuple[Any, list[Source]]:
    """The file system of the store, and its files: one listing."""
    fs, root = open_filesystem(settings.store_url)
    with as_unavailable(f"the store {settings.store_url} does not answer"):
        try:
            found = fs.find(root, detail=True)
        except FileNotFoundError:
            found = {}
    prefix = root.rstrip("/") + "/"
    sources = [
        Source("store", path.removeprefix(prefix), path, int(info["size"] or 0), _modified(info))
        for path, info in found.items()
        if not path.endswith(".part") and not path.startswith(f"{prefix}{FOLDER}/")
    ]
    return fs, sources


def _files(place: str, root: Path, skipped: set[Path]) -> Iterator[Source]:
    for folder, names, files in os.walk(root):
        here = Path(folder)
        names[:] = sorted(n for n in names if n not in _MADE_AGAIN and here / n not in skipped)
        links = [n for n in names if (here / n).is_symlink()]
        for name in sorted([*files, *links]):
            path = here / name
            if path in skipped or not (path.is_symlink() or path.is_file()):
                continue  # sockets and pipes
            about = path.lstat()
            link = os.readlink(path) if path.is_symlink() else None
            relative = path.relative_to(root).as_posix()
            size = 0 if link is not None else about.st_size
            yield Source(place, relative, str(path), size, about.st_mtime, about.st_mode & 0o777, link)


def _local(url: str) -> Path | None:
    """The folder of a store on this machine."""
    if "://" in url and not url.startswith("file://"):
        return None
    return Path(url.removeprefix("file://")).resolve()


def _modified(info: dict[str, Any]) -> float:
    """Time of the last change of a file of the store; 0 in an object store without times: its name is its content's."""
    value = info.get("mtime", info.get("LastModified", info.get("last_modified", 0.0)))
    return float(value.timestamp()) if hasattr(value, "timestamp") else float(value or 0.0)
