"""A snapshot: what the database, the store and the workspace held at one moment, by digests of objects."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from posemill.errors import InputError

FORMAT = 1
PLACES = ("workspace", "home", "store")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a snapshot.

    place     workspace, home (of posemill) or store.
    path      relative, with slashes.
    digest    of its content, in the object store.
    modified  when it was changed last, as its file system says; equal size and time mean the same content.
    mode      permissions.
    link      what a symbolic link points to; None for a file.
    """

    place: str
    path: str
    digest: str
    size: int
    modified: float
    mode: int = 0o644
    link: str | None = None


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table: CSV with gzip, and its columns in order."""

    name: str
    columns: tuple[str, ...]
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is needed to restore it.

    revision    migration of the database.
    audit_head  newest entry of the audit trail, `number:digest`.
    git         object of a git bundle with all branches, and the branch that was checked out; None outside git.
    """

    created: str
    version: str
    revision: str
    audit_head: str
    tables: tuple[TableRows, ...]
    files: tuple[File, ...]
    git: tuple[str, str] | None = None
    format: int = FORMAT
    objects: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        needed = {table.digest for table in self.tables} | {file.digest for file in self.files if file.link is None}
        object.__setattr__(self, "objects", frozenset(needed | ({self.git[0]} if self.git else set())))

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.files)

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        said = {name: value for name, value in asdict(self).items() if name != "objects"}
        return json.dumps(said, indent=1).encode()

    @classmethod
    def from_bytes(cls, content: bytes, name: str) -> Snapshot:
        """Read it. Errors: InputError for other content, or a newer format."""
        try:
            said: dict[str, Any] = json.loads(content)
            if said["format"] > FORMAT:
                raise InputError(f"snapshot {name} was written by a newer posemill: upgrade, then repeat")
            tables = tuple(TableRows(t["name"], tuple(t["columns"]), t["rows"], t["digest"]) for t in said["tables"])
            files = tuple(File(**file) for file in said["files"])
            git = tuple(said["git"]) if said["git"] else None
            return cls(said["created"], said["version"], said["revision"], said["audit_head"], tables, files, git)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise InputError(f"snapshot {name} is damaged: {exc}") from exc
