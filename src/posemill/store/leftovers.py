"""Temporary files that killed writes leave in a store or backup: found by their names and age, and removed.

Every write goes to a temporary name first (media.py, filesystems.py, atomic.py); whoever is killed there cannot remove
it. The bytes may be those of a video, so that they must not outlive it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from posemill.store.files import as_unavailable
from posemill.store.filesystems import is_local, open_filesystem, remove_quietly

AGE = timedelta(days=1)  # since the last byte was written: a writer that lives writes more often
_TEMPORARY = re.compile(r".+\.[0-9a-f]{8}\.part(\.[A-Za-z0-9]{1,10})?")
_CHANGED = ("mtime", "LastModified", "last_modified", "updated", "created")  # names of the time, by file system


def find_leftovers(url: str, now: datetime | None = None) -> list[str]:
    """Return the paths of temporary files that nobody wrote to for `AGE`, as the store's file system names them.

    Errors: Unavailable where the store does not answer.
    """
    fs, root = open_filesystem(url)
    oldest = (now or datetime.now(UTC)) - AGE
    with as_unavailable(f"the store {url} does not answer"):
        listed = _local(root) if is_local(fs) else _remote(fs, root)
        return sorted(path for path, changed in listed if changed < oldest)


def remove_leftovers(url: str, now: datetime | None = None) -> int:
    """Remove them and return how many they were. One that cannot be removed stays for the next time."""
    fs, _ = open_filesystem(url)
    found = find_leftovers(url, now)
    for path in found:
        remove_quietly(fs, path)
    return len(found)


def _local(root: str) -> Iterator[tuple[str, datetime]]:
    for folder, _, names in os.walk(root):
        for name in filter(_TEMPORARY.fullmatch, names):
            path = os.path.join(folder, name)
            try:
                yield path, datetime.fromtimestamp(os.lstat(path).st_mtime, UTC)
            except FileNotFoundError:  # its writer has ended it
                continue


def _remote(fs: Any, root: str) -> Iterator[tuple[str, datetime]]:
    fs.invalidate_cache()
    for path, about in fs.find(root, detail=True).items():
        if _TEMPORARY.fullmatch(str(path).rsplit("/", 1)[1]):
            changed = next((about[name] for name in _CHANGED if name in about), None)
            if isinstance(changed, int | float):
                changed = datetime.fromtimestamp(changed, UTC)
            if isinstance(changed, datetime):
                yield str(path), changed if changed.tzinfo else changed.replace(tzinfo=UTC)
