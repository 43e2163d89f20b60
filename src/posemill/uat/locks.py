"""dvc.lock, now and in git's history: which of its versions has these files, and where DVC keeps them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from posemill.store.media import digest_of

LOCK = "dvc.lock"
VERSIONS = 500  # of dvc.lock that are looked through, the newest first


@dataclass(frozen=True, slots=True)
class Lock:
    """A version of dvc.lock that has the wanted files.

    commit  the newest git commit with it; None: the file as it lies there now.
    files   path in the workspace → a local file with those bytes (in build/ or in DVC's cache).
    absent  paths that it lists, but of which DVC's cache here has no bytes to compare.
    """

    commit: str | None
    files: dict[str, Path]
    absent: tuple[str, ...] = field(default=())


def find_lock(root: Path, wanted: Mapping[str, str]) -> Lock | None:
    """The newest dvc.lock whose package stage was given files with these SHA-256 digests (path → digest); None where
    no version of it has them all. Files that the cache lacks do not speak against a version, but one must be there."""
    cache = _cache(root)
    for commit, text in _versions(root):
        listed = _listed(text)
        if not set(wanted) <= set(listed):
            continue
        places = {path: cache / listed[path][:2] / listed[path][2:] for path in wanted}
        there = {path: place for path, place in places.items() if place.is_file()}
        if there and all(_sha256(str(place)) == wanted[path] for path, place in there.items()):
            return Lock(commit, there, tuple(sorted(set(wanted) - set(there))))
    return None


def has_commit(root: Path, commit: str) -> bool:
    """Whether the repository of `root` knows that commit."""
    return _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def _versions(root: Path) -> Iterator[tuple[str | None, str]]:
    if (root / LOCK).is_file():
        yield None, (root / LOCK).read_text()
    for commit in (_git(root, "log", f"-{VERSIONS}", "--format=%H", "--", LOCK) or "").split():
        text = _git(root, "show", f"{commit}:./{LOCK}")
        if text is not None:
            yield commit, text


def _listed(text: str) -> dict[str, str]:
    """path → MD5 of what the package stage was given."""
    import yaml

    try:
        lock: Any = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return {}
    given = ((lock or {}).get("stages", {}).get("package") or {}).get("deps", [])
    return {d["path"]: d["md5"] for d in given if "md5" in d and not d["md5"].endswith(".dir")}


@lru_cache(maxsize=1024)
def _sha256(path: str) -> str:
    return digest_of(Path(path))


def _cache(root: Path) -> Path:
    """The folder of DVC's cache; the usual one where DVC does not answer."""
    asked = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    folder = Path(asked.stdout.strip()) if asked.returncode == 0 and asked.stdout.strip() else root / ".dvc" / "cache"
    return folder / "files" / "md5"


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
