"""Files of erased media outside of DVC: of the store, posemill's home, caches, and the workspace."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from posemill.erasure.needles import Needles
from posemill.settings import Settings
from posemill.store.files import as_unavailable
from posemill.store.filesystems import open_filesystem

# not of this project's data: programs, git's own (it is searched by itself), the database (searched by its rows)
_SKIPPED = frozenset({".git", ".venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"})
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LOCKS = ("run.lock", "stage.lock")


class StoreFiles:
    """All files of the store, on any fsspec URL, by their path within it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, root = open_filesystem(url)
        self._root = root.rstrip("/")

    def paths(self) -> list[str]:
        """Return the paths of all files; one listing."""
        with as_unavailable(f"the store {self.url} does not answer"):
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(self._root)
            except FileNotFoundError:
                return []
        return sorted(str(path).removeprefix(self._root + "/") for path in found)

    def of(self, digests: Collection[str], paths: Collection[str] | None = None) -> list[str]:
        """Return the files that are named by one of these digests."""
        wanted = set(digests)
        return [path for path in (self.paths() if paths is None else paths) if wanted & set(_DIGEST.findall(path))]

    def digest(self, path: str) -> str:
        """Return the SHA-256 of a file."""
        total = hashlib.sha256()
        with (
            as_unavailable(f"the store {self.url} does not answer"),
            self._fs.open(f"{self._root}/{path}", "rb") as file,
        ):
            while block := file.read(1 << 20):
                total.update(block)
        return total.hexdigest()

    def read(self, path: str) -> bytes:
        """Return the content of a file; none of one that is gone by now."""
        with as_unavailable(f"the store {self.url} does not answer"):
            try:
                return bytes(self._fs.cat_file(f"{self._root}/{path}"))
            except FileNotFoundError:
                return b""

    def remove(self, path: str) -> bool:
        """Remove a file; False for one that is gone."""
        with as_unavailable(f"{path} of the store {self.url} cannot be removed"):
            try:
                self._fs.rm_file(f"{self._root}/{path}")
            except FileNotFoundError:
                return False
        return True


def copies(digests: Collection[str], settings: Settings) -> Iterator[Path]:
    """Yield uploads that wait for feedback, and local copies of a remote store's files."""
    folder = settings.home / "uploads"
    cache = Path(tempfile.gettempdir()) / f"posemill-cache-{os.getuid()}"
    for digest in digests:
        for path in (folder / digest, cache / digest[:2] / digest):
            if path.is_file():
                yield path


def workspace_files(settings: Settings) -> Iterator[Path]:
    """Yield the files of the workspace and posemill's home, without database, store, programs and DVC's cache."""
    left_out = {settings.home / "postgres", settings.home / "erasures", settings.workspace / ".dvc" / "cache"}
    with suppress(ValueError):
        left_out.add(Path(settings.store_url.removeprefix("file://")).resolve())
    roots = [settings.workspace]
    if not settings.home.is_relative_to(settings.workspace):
        roots.append(settings.home)
    for root in roots:
        for folder, names, files in os.walk(root):
            here = Path(folder)
            names[:] = sorted(n for n in names if n not in _SKIPPED and here / n not in left_out)
            yield from (here / name for name in sorted(files) if (here / name).is_file() and name not in _LOCKS)


def generated(path: Path, settings: Settings) -> bool:
    """True for a file that posemill or DVC made and can make again: under build/, .dvc/tmp/ or posemill's home."""
    root = settings.workspace
    made = (root / "build", root / ".dvc" / "tmp", settings.home)
    kept = (settings.home / "keys", settings.home / "erasures", settings.home / "bentoml")
    return any(path.is_relative_to(f) for f in made) and not any(path.is_relative_to(f) for f in kept)


def is_medium(path: Path, digests: Collection[str]) -> bool:
    """True if the bytes of a file are those of a medium."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() in digests


def found_in(path: Path, needles: Needles) -> bool:
    """True if a file is, names or holds what the needles name. One that is gone is no matter."""
    try:
        return needles.in_text(path.name) or is_medium(path, needles.digests) or needles.in_file(path)
    except OSError:
        return False


def remove_folder(path: Path) -> bool:
    """Remove a file, or a folder with all that is in it; False if it is gone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return True
    with suppress(FileNotFoundError):
        path.unlink()
        return True
    return False
