"""Objects of backups: files by the SHA-256 of their content under one fsspec URL, each whole or not there.

With recipients, objects and descriptions are encrypted with age; names stay the digests of what is in them.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from posemill.encryption import MARK, decrypt, encrypt
from posemill.errors import InputError
from posemill.redacted import redacted
from posemill.store.files import as_unavailable
from posemill.store.filesystems import open_filesystem

_PART = 4 << 20


class ObjectStore:
    """`<url>/objects/<first two>/<digest>` and `<url>/snapshots/<name>.json`.

    recipients  age1…: whoever can read what is written; none = it is not encrypted.
    place, url  its address, and as it may be shown.
    identity    file with AGE-SECRET-KEY-1…, to read what is encrypted.
    Errors: Unavailable where the URL does not answer or is full; InputError for encrypted content without an identity.
    """

    def __init__(self, url: str, recipients: Sequence[str] = (), identity: Path | None = None) -> None:
        self._recipients, self._identity = tuple(recipients), identity

        self.place, self.url = url, shown_url(url)
        self._fs, root = open_filesystem(url)
        self._root = root.rstrip("/")
        self._known: set[str] | None = None

    @property
    def encrypts(self) -> bool:
        """True if what is written is encrypted."""
        return bool(self._recipients)

    @property
    def reads(self) -> bool:
        """True if there is an identity to read encrypted content with."""
        return self._identity is not None

    def put(self, path: Path, digest: str) -> bool:
        """Store a file under its digest; False if it is there already."""
        if digest in self._digests():
            return False
        with as_unavailable(f"{path} cannot be backed up to {self.url}"), self._sealed(path) as sealed:
            self._whole(sealed, self._object(digest))
        self._digests().add(digest)
        return True

    def fetch(self, digest: str, target: Path) -> None:
        """Write the object to a file. Errors: InputError where it is missing, or its content is another one."""
        target.parent.mkdir(parents=True, exist_ok=True)
        if not self._get(self._object(digest), target):
            raise InputError(f"the backup {self.url} is incomplete: object {digest} is missing")
        if file_digest(target) != digest:
            raise InputError(f"the backup {self.url} is damaged: object {digest} has another content")

    def fault(self, digest: str) -> str | None:
        """Return a sentence about an object that is missing or damaged; None for one that is as it was."""
        with TemporaryDirectory(prefix="posemill-backup-") as folder:
            try:
                self.fetch(digest, Path(folder) / "object")
            except InputError as exc:
                return str(exc)
        return None

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
        with (
            as_unavailable(f"the snapshot cannot be written to {self.url}"),
            TemporaryDirectory(prefix="posemill-backup-") as folder,
        ):
            plain = Path(folder) / "snapshot.json"
            plain.write_bytes(content)
            with self._sealed(plain) as sealed:
                self._whole(sealed, self._snapshot(name))

    def snapshot(self, name: str) -> bytes:
        """Return the description of a snapshot. Errors: InputError for a name that is none."""
        with TemporaryDirectory(prefix="posemill-backup-") as folder:
            path = Path(folder) / "snapshot.json"
            if self._get(self._snapshot(name), path):
                return path.read_bytes()
        raise InputError(f"no snapshot {name} in {self.url}; there are {', '.join(self.snapshots()) or 'none'}")

    def is_encrypted(self) -> bool:
        """True if the newest snapshot is encrypted."""
        names = self.snapshots()
        if not names:
            return False
        with as_unavailable(f"the backup {self.url} does not answer"), self._fs.open(self._snapshot(names[-1])) as file:
            return bool(file.read(len(MARK)) == MARK)

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

    @contextmanager
    def _sealed(self, path: Path) -> Iterator[Path]:
        """The file as it is stored: itself, or encrypted."""
        if not self._recipients:
            yield path
            return
        with TemporaryDirectory(prefix="posemill-backup-") as folder:
            sealed = Path(folder) / "sealed"
            encrypt(path, sealed, self._recipients)
            yield sealed

    def _get(self, source: str, target: Path) -> bool:
        """Copy a stored file here, decrypted; False if there is none."""
        with as_unavailable(f"the backup {self.url} does not answer"):
            try:
                with self._fs.open(source, "rb") as stored, target.open("wb") as file:
                    first = stored.read(_PART)
                    file.write(first)
                    shutil.copyfileobj(stored, file, _PART)
            except FileNotFoundError:
                return False
        if first.startswith(MARK):
            if self._identity is None:
                raise InputError(
                    f"the backup {self.url} is encrypted: name the file with your age identity, --identity FILE"
                )
            sealed = target.rename(target.with_name(f"{target.name}.age"))
            try:
                decrypt(sealed, target, self._identity)
            finally:
                sealed.unlink()
        return True

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
    """Return a URL for sentences and records: without a password, and without a query, which may hold a signature.

    Examples:
        >>> shown_url("sftp://ann:secret@host/backups")
        'sftp://***@host/backups'
    """
    return redacted(url) if "://" in url else re.split(r"[?#]", url, maxsplit=1)[0]
