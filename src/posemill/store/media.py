"""Media store: files by the SHA-256 of their bytes, on any fsspec URL.

A name is final only when its bytes are complete and checked: writing goes to a temporary name beside it first.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from posemill.errors import InputError, Unavailable, UnreadableMedia
from posemill.store.files import as_unavailable, replace_file
from posemill.store.filesystems import is_local, open_filesystem, remove_quietly, write_whole

_BLOCK = 1 << 20
_NOTE = ".gone"  # behind the name of a file that was discarded


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class MediaStore:
    """Content-addressed files: `put` one, `fetch` it back by digest. Putting the same bytes twice changes nothing."""

    def __init__(self, url: str, cache: Path | None = None) -> None:
        self.url = url
        self._fs, root = open_filesystem(url)
        self._root = root.rstrip("/")
        self._local = is_local(self._fs)
        self._cache = cache or Path(tempfile.gettempdir()) / f"posemill-cache-{os.getuid()}"

    def put(self, path: Path) -> str:
        """Store a file and return its digest. A file of that name with other bytes, a damaged one, is replaced.

        Errors: Unavailable when the store is full or away; what was under the final name is then as it was.
        """
        digest = digest_of(path)
        if not self._holds(digest, path.stat().st_size):
            target = self.location(digest)
            with as_unavailable(f"{path} cannot be stored in {self.url}"):
                self._fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
                self._write(path, target, digest)
        return digest

    def put_bytes(self, content: bytes) -> str:
        """Store bytes and return their digest; see `put`."""
        digest = hashlib.sha256(content).hexdigest()
        if not self._holds(digest, len(content)):
            target = self.location(digest)
            if self._local:
                replace_file(Path(target), content)
            else:
                with as_unavailable(f"the store {self.url} does not take a file"):
                    write_whole(self._fs, target, content)
        return digest

    def has(self, digest: str) -> bool:
        """True if the store holds that digest."""
        with as_unavailable(f"the store {self.url} does not answer"):
            return bool(self._fs.exists(self.location(digest)))

    def _holds(self, digest: str, size: int) -> bool:
        """True if these bytes are stored. Of a remote file the size is looked at: reading costs as much as sending."""
        place = self.location(digest)
        if self._local:
            path = Path(place)
            return path.is_file() and path.stat().st_size == size and digest_of(path) == digest
        with as_unavailable(f"the store {self.url} does not answer"):
            try:
                return int(self._fs.size(place)) == size
            except FileNotFoundError:
                return False

    def local_path(self, digest: str) -> Path | None:
        """Return the stored file itself, unchecked; None where it is not there, or the store is remote."""
        path = Path(self.location(digest))
        return path if self._local and path.is_file() else None

    def fetch(self, digest: str, verify: bool = True) -> Path:
        """Return a local file with that digest: the stored file itself, or a checked copy of a remote one.

        Errors: InputError when the store lacks it, or its bytes have another digest; UnreadableMedia for one that was
        discarded.
        """
        path = Path(self.location(digest)) if self._local else self._copy_here(digest)
        if not path.exists():
            if (note := self._note(digest)) is not None:
                raise UnreadableMedia(
                    f"the video of medium {digest[:12]} is gone, it was removed on {note['at'][:10]} ({note['why']}): "
                    "its poses stay as they are; to have it posed anew, add the video again"
                )
            raise InputError(f"the store {self.url} has no file {digest}: add the medium again")
        if verify and self._local:
            _check(path, digest, self.url)
        return path

    def fetch_picture(self, digest: str) -> Path:
        """Return a local file to draw on: the medium, or the copy with blurred faces that stands in for it.

        Errors: as of `fetch`.
        """
        note = None if self.has(digest) else self._note(digest)
        return self.fetch(note["blurred"] if note and note["blurred"] else digest)

    def discard(self, digest: str, why: str, blurred: str | None = None) -> bool:
        """Remove the bytes of a medium for good and leave a note why; False where they were gone already.

        blurred  digest of a stored copy with blurred faces, which stands in for it.
        """
        if not self.has(digest):
            return False
        note = {"why": why, "at": datetime.now(UTC).isoformat(timespec="seconds"), "blurred": blurred}
        place = self.location(digest)
        with as_unavailable(f"{digest} cannot be removed from {self.url}"):
            self._fs.pipe_file(place + _NOTE, json.dumps(note).encode())  # first: without bytes there is a reason
            self._fs.rm_file(place)
        return True

    def _note(self, digest: str) -> dict[str, Any] | None:
        """The note on discarded bytes; None where they never were."""
        with as_unavailable(f"the store {self.url} does not answer"):
            try:
                note: dict[str, Any] = json.loads(self._fs.cat_file(self.location(digest) + _NOTE))
            except (FileNotFoundError, ValueError):
                return None
        return note

    def location(self, digest: str) -> str:
        """Path of the bytes, as the file system of the store names it."""
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise InputError(f"{digest!r} is no SHA-256 in hex")
        return f"{self._root}/media/{digest[:2]}/{digest}"

    def _write(self, path: Path, target: str, digest: str) -> None:
        fresh = f"{target}.{uuid4().hex[:8]}.part"
        try:
            if self._local:
                copy_durably(path, Path(fresh))
                _check(Path(fresh), digest, str(path))  # the source may have changed while it was copied
                os.replace(fresh, target)
            else:
                self._fs.put_file(str(path), fresh)
                if self._fs.size(fresh) != path.stat().st_size:
                    raise Unavailable(f"{path} did not arrive whole in {self.url}: repeat")
                _check(path, digest, str(path))  # it may have changed while it was sent
                self._fs.mv(fresh, target)
        except BaseException:
            remove_quietly(self._fs, fresh)
            raise

    def _copy_here(self, digest: str) -> Path:
        path = self._cache / digest[:2] / digest
        if path.exists() and digest_of(path) == digest:
            return path
        if not self.has(digest):
            return path.with_name(f"{digest}.absent")
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{digest}.{uuid4().hex[:8]}.part")
        try:
            with as_unavailable(f"the store {self.url} does not answer"):
                self._fs.get_file(self.location(digest), str(fresh))
            _check(fresh, digest, self.url)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
        return path


def copy_durably(source: Path, target: Path) -> None:
    """Copy a file's bytes and wait until they are on the disk."""
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, _BLOCK)
        writer.flush()
        os.fsync(writer.fileno())


def _check(path: Path, digest: str, where: str) -> None:
    actual = digest_of(path)
    if actual != digest:
        raise InputError(
            f"{where}: expected digest {digest[:16]}…, the bytes have {actual[:16]}…: the file was changed"
        )
