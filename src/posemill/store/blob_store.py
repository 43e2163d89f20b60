"""Blob store: small files under one fsspec URL, each whole or not there; all names come in one listing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from posemill.errors import InputError
from posemill.store.files import as_unavailable, replace_file
from posemill.store.filesystems import is_local, open_filesystem, write_whole

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")


class BlobStore:
    """Files at `<url>/<kind>/<fingerprint>/<first two of name>/<name>.parquet`.

    A put replaces; readers see the old file or the new one. Errors: Unavailable when the store is full or away.
    """

    def __init__(self, url: str, kind: str) -> None:
        self.url = url
        self._fs, root = open_filesystem(url)
        self._root = f"{root.rstrip('/')}/{kind}"
        self._local = is_local(self._fs)

    def put(self, fingerprint: str, name: str, content: bytes) -> None:
        """Store a file; a killed or failed put leaves nothing under its name."""
        path = self.location(fingerprint, name)
        if self._local:
            replace_file(Path(path), content)
            return
        with as_unavailable(f"{name} cannot be stored in {self.url}"):
            write_whole(self._fs, path, content)

    def get(self, fingerprint: str, name: str) -> bytes | None:
        """Return the file's bytes, or None when there is none."""
        with as_unavailable(f"the store {self.url} does not answer"):
            try:
                return bytes(self._fs.cat_file(self.location(fingerprint, name)))
            except FileNotFoundError:
                return None

    def has(self, fingerprint: str, name: str) -> bool:
        """True if the file is there."""
        with as_unavailable(f"the store {self.url} does not answer"):
            self._fs.invalidate_cache()
            return bool(self._fs.exists(self.location(fingerprint, name)))

    def names(self, fingerprint: str, beginning: str = "") -> set[str]:
        """Return the names of all files of that fingerprint (that begin so): one listing, however many there are."""
        folder = f"{self._root}/{checked(fingerprint)}"
        if beginning:
            folder = f"{folder}/{checked(beginning)[:2]}"
        with as_unavailable(f"the store {self.url} does not answer"):
            self._fs.invalidate_cache()
            listed = _local_names(folder) if self._local else self._remote_names(folder)
            names = (name.removesuffix(".parquet") for name in listed if name.endswith(".parquet"))
            # a put that was killed leaves a temporary name behind, which begins with a dot
            return {name for name in names if name.startswith(beginning) and _NAME.fullmatch(name)}

    def fingerprints(self) -> list[str]:
        """Return the fingerprints of which there are files, in order."""
        with as_unavailable(f"the store {self.url} does not answer"):
            self._fs.invalidate_cache()
            try:
                listed: Any = self._fs.ls(self._root, detail=False)
            except FileNotFoundError:
                return []
        names = (str(path).rstrip("/").rsplit("/", 1)[1] for path in listed)
        return sorted(name for name in names if _NAME.fullmatch(name))

    def location(self, fingerprint: str, name: str) -> str:
        """Path of the file, as the file system of the store names it."""
        return f"{self._root}/{checked(fingerprint)}/{checked(name)[:2]}/{name}.parquet"

    def _remote_names(self, folder: str) -> Iterator[str]:
        try:
            listed: Any = self._fs.find(folder)
        except FileNotFoundError:
            return
        for path in listed:
            yield str(path).rsplit("/", 1)[1]


def checked(name: str) -> str:
    """Return the name, if it can be part of a file name. Errors: InputError."""
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot be part of a file name in the store: letters, digits, '.', '_' and '-' only")
    return name


def _local_names(folder: str) -> Iterator[str]:
    """As fsspec finds them, ten times faster: it asks the disk for the size of every file."""
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _local_names(entry.path)
            else:
                yield entry.name
