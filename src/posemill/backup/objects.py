"""Objects of backups: files by the SHA-256 of their content under one fsspec URL, each whole or not there."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from posemill.errors import InputError
from posemill.store.files import as_unavailable

_PART = 4 << 20


class ObjectStore:
    """`<url>/objects/<first two>/<digest>` and `<url>/snapshots/<name>.json`.

    Errors: Unavailable where the URL does not answer or is full.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = shown_url(url)
        self._fs, root = fsspec.core.url_to_fs(url)
        self._root = root.rstrip("/")
        self._known: set[str] | None = None

    def put(self, path: Path, digest: str) -> bool:
        """Store a file under its digest; False if it is there already."""
        if digest in self._digests():
            return False
        with as_unavailable(f"{path} cannot be backed up to {self.url}"):
            self._whole(path, self._object(digest))
        self._digests().add(digest)
        return True

    def fetch(self, digest: str, target: Path) -> None:
        """Write the object to a file. Errors: InputError where it is missing, or its content is another one."""
        target.parent.mkdir(parents=True, exist_ok=True)
        found = hashlib.sha256()
        with as_unavailable(f"the backup {self.url} does not answer"):
            try:
                with self._fs.open(self._object(digest), "rb") as source, target.open("wb") as file:
                    while part := source.read(_PART):
                        found.update(part)
                        file.write(part)
            except FileNotFoundError:
                raise InputError(f"the backup {self.url} is incomplete: object {digest} is missing") from None
        if found.hexdigest() != digest:
            raise InputError(f"the backup {self.url} is damaged: object {digest} has another content")

    def fault(self, digest: str) -> str | None:
        """Return a sentence about an object that is missing or damaged; None for one that is as it was."""
        found = hashlib.sha256()
        with as_unavailable(f"the backup {self.url} does not answer"):
            try:
                with self._fs.open(self._object(digest), "rb") as source:
                    while part := source.read(_PART):
                        found.update(part)
            except FileNotFoundError:
                return f"object {digest} is missing"
        return None if found.hexdigest() == digest else f"object {digest} has another content"

    def remove(self, digest: str) -> None:
        """Remove an object that no snapshot needs any more."""
        with as_unavailable(f"the backup {self.url} does not answer"):
            self._fs.rm_file(self._object(digest))
        self._digests().discard(digest)

    def digests(self) -> set[str]:
        """Return the digests of all objects: one listing."""
        return set(self._digests())

    def put_snapshot(self, name: str, content: bytes) -> None:
        """Store the description of a snapshot, which makes it one."""
        with as_unavailable(f"the snapshot cannot be written to {self.url}"):
            path = self._snapshot(name)
            fresh = f"{path}.{uuid4().hex[:8]}.part"
            self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            self._fs.pipe_file(fresh, content)
            self._fs.mv(fresh, path)

    def snapshot(self, name: str) -> bytes:
        """Return the description of a snapshot. Errors: InputError for a name that is none."""
        with as_unavailable(f"the backup {self.url} does not answer"):
            try:
                return bytes(self._fs.cat_file(self._snapshot(name)))
            except FileNotFoundError:
                known = ", ".join(self.snapshots()) or "none"
                raise InputError(f"no snapshot {name} in {self.url}; there are {known}") from None

    def remove_snapshot(self, name: str) -> None:
        """Remove the description of a snapshot; its objects stay."""
        with as_unavailable(f"the backup {self.url} does not answer"):
            self._fs.rm_file(self._snapshot(name))

    def snapshots(self) -> list[str]:
        """Return the names of all snapshots, the oldest first."""
        return sorted(n.removesuffix(".json") for n in self._names("snapshots") if n.endswith(".json"))

    def _digests(self) -> set[str]:
        if self._known is None:
            self._known = {name for name in self._names("objects") if len(name) == 64}
        return self._known

    def _names(self, folder: str) -> Iterator[str]:
        with as_unavailable(f"the backup {self.url} does not answer"):
            self._fs.invalidate_cache()
            try:
                found: list[Any] = self._fs.find(f"{self._root}/{folder}")
            except FileNotFoundError:
                found = []
        yield from (str(path).rsplit("/", 1)[-1] for path in found)

    def _whole(self, path: Path, target: str) -> None:
        """Copy a file so that it has its name only when it is complete."""
        fresh = f"{target}.{uuid4().hex[:8]}.part"
        self._fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        with path.open("rb") as source, self._fs.open(fresh, "wb") as file:
            shutil.copyfileobj(source, file, _PART)
        self._fs.mv(fresh, target)

    def _object(self, digest: str) -> str:
        return f"{self._root}/objects/{digest[:2]}/{digest}"

    def _snapshot(self, name: str) -> str:
        return f"{self._root}/snapshots/{name}.json"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shown_url(url: str) -> str:
    """Return a URL for sentences and records: without a password.

    Examples:
        >>> shown_url("sftp://ann:secret@host/backups")
        'sftp://***@host/backups'
    """
    return re.sub(r"//[^/@]*@", "//***@", url)
