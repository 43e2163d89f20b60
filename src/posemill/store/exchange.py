"""Exchange of files between a stage and its workers on other machines, through the store that both have.

What is exchanged lasts as long as the run: each run has a folder, which it removes; those of runs that were killed are
removed by a later run, and by every erasure.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from posemill.atomic import atomic_path
from posemill.errors import InputError
from posemill.store.blob_store import checked
from posemill.store.files import as_unavailable
from posemill.store.filesystems import OBJECT_STORES, is_local, open_filesystem, protocols, remove_quietly

FOLDER = "exchange"
_KEPT = timedelta(days=2)  # a run takes less
_DATED = "%Y%m%dT%H%M%S"


class Exchange:
    """Files of one run at `<url>/exchange/<run>/<name>`; a name is there when all of its bytes are.

    Errors: Unavailable when the store is full or away.
    """

    def __init__(self, url: str, run: str) -> None:
        self.url, self.run = url, run
        self._fs, root = open_filesystem(url)
        self._folder = f"{root.rstrip('/')}/{FOLDER}/{checked(run)}"

    def put(self, name: str, path: Path) -> None:
        """Store a file under a name; what was there is replaced."""
        target = f"{self._folder}/{checked(name)}"
        with as_unavailable(f"{name} cannot be stored in {self.url}"):
            if is_local(self._fs):
                with atomic_path(Path(target)) as part:
                    shutil.copyfile(path, part)
                return
            self._fs.makedirs(self._folder, exist_ok=True)
            if protocols(self._fs) & OBJECT_STORES:
                self._fs.put_file(str(path), target)
                return
            fresh = f"{target}.{uuid4().hex[:8]}.part"
            try:
                self._fs.put_file(str(path), fresh)
                self._fs.mv(fresh, target)
            except BaseException:
                remove_quietly(self._fs, fresh)
                raise

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file to `path`, whole or not at all. Errors: InputError where it is not there."""
        with as_unavailable(f"the store {self.url} does not answer"), atomic_path(path) as part:
            try:
                self._fs.get_file(f"{self._folder}/{checked(name)}", str(part))
            except FileNotFoundError as exc:
                raise InputError(
                    f"the store {self.url} has no {FOLDER}/{self.run}/{name}: the run that put it there has ended, or "
                    f"this machine has another store (POSEMILL_STORE_URL)"
                ) from exc

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        remove_quietly(self._fs, f"{self._folder}/{checked(name)}")

    def close(self) -> None:
        """Remove everything of this run."""
        _remove(self._fs, self._folder)


@contextmanager
def exchange(url: str) -> Iterator[Exchange]:
    """Open an exchange for one run; it is removed at the end, as is what runs of more than two days ago left."""
    now = datetime.now(UTC)
    run = Exchange(url, f"{now.strftime(_DATED)}-{uuid4().hex[:12]}")
    _sweep(url, (now - _KEPT).strftime(_DATED))
    try:
        yield run
    finally:
        run.close()


def _sweep(url: str, before: str) -> None:
    fs, root = open_filesystem(url)
    fs.invalidate_cache()
    with as_unavailable(f"the store {url} does not answer"):
        try:
            found: Any = fs.ls(f"{root.rstrip('/')}/{FOLDER}", detail=False)
        except FileNotFoundError:
            return
    for folder in map(str, found):
        if folder.rstrip("/").rsplit("/", 1)[1] < before:
            _remove(fs, folder)


def _remove(fs: Any, folder: str) -> None:
    """Remove a folder that may not be there, from a store that may be away: the next sweep does it otherwise."""
    try:
        fs.rm(folder, recursive=True)
    except Exception:
        return
