"""Search of dvc.lock, in the workspace and git's history, for the version that lists given files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from posemill.settings import Settings
from posemill.store.media import digest_of

LOCK = "dvc.lock"
VERSIONS = 500  # newest versions of dvc.lock that are searched


@dataclass(frozen=True, slots=True)
class Lock:
    """A version of dvc.lock that matches the requested digests.

    commit  newest git commit with that version; None: the file in the workspace.
    files   path in the workspace → local file with those bytes, in DVC's cache.
    absent  listed paths whose bytes are missing from DVC's cache, so that they could not be compared.
    """

    commit: str | None
    files: dict[str, Path]
    absent: tuple[str, ...] = field(default=())


def find_lock(settings: Settings, digests: Mapping[str, str]) -> Lock | None:
    """Find the newest dvc.lock whose package stage depended on files with these SHA-256 digests (path → digest).

    Returns None if no version has them all. Files missing from the cache are not compared, but one must be there.
    """
    root = settings.workspace
    cache = _cache(root)
    for commit, text in _versions(root):
        listed = _listed(text)
        if not set(digests) <= set(listed):
            continue
        cached = {path: cache / listed[path][:2] / listed[path][2:] for path in digests}
        cached = {path: copy for path, copy in cached.items() if copy.is_file()}
        if cached and all(_sha256(str(copy)) == digests[path] for path, copy in cached.items()):
            return Lock(commit, cached, tuple(sorted(set(digests) - set(cached))))
    return None


def has_commit(settings: Settings, commit: str) -> bool:
    """True if the workspace's git repository has that commit."""
    return _git(settings.workspace, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def _versions(root: Path) -> Iterator[tuple[str | None, str]]:
    if (root / LOCK).is_file():
        yield None, (root / LOCK).read_text()
    for commit in (_git(root, "log", f"-{VERSIONS}", "--format=%H", "--", LOCK) or "").split():
        text = _git(root, "show", f"{commit}:./{LOCK}")
        if text is not None:
            yield commit, text


def _listed(text: str) -> dict[str, str]:
    """Dependencies of the package stage: path → MD5."""
    import yaml

    try:
        lock: Any = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return {}
    dependencies = ((lock or {}).get("stages", {}).get("package") or {}).get("deps", [])
    return {d["path"]: d["md5"] for d in dependencies if "md5" in d and not d["md5"].endswith(".dir")}


@lru_cache(maxsize=1024)
def _sha256(path: str) -> str:
    return digest_of(Path(path))


def _cache(root: Path) -> Path:
    """Folder of DVC's cache; its default location if DVC fails."""
    reported = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    located = reported.returncode == 0 and reported.stdout.strip()
    folder = Path(reported.stdout.strip()) if located else root / ".dvc" / "cache"
    return folder / "files" / "md5"


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
