"""From a receipt to the rows and media that trained the model, link by link; a link that is missing is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, RowMapping

from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store.lineage import clip_rows, corrected_keypoints
from posemill.store.media import MediaStore
from posemill.uat.bentos import bentos
from posemill.uat.locks import find_lock, has_commit
from posemill.uat.receipts import resolve
from posemill.uat.training_lineage import training_lineage

if TYPE_CHECKING:
    import polars as pl

FILES = {  # digest in the package → the file that DVC tracks
    "snapshot": "build/snapshot/snapshot.json",
    "clips": "build/validate/clips.parquet",
    "windows_index": "build/prepare/index.parquet",
    "weights": "build/train/network.safetensors",
    "labeller": "build/label/labeller.json",
}


@dataclass(frozen=True, slots=True)
class Link:
    """One step of the way: what was looked for, whether it is there, and where or why not."""

    name: str
    found: bool
    says: str


@dataclass(slots=True)
class Trace:
    """The way from a receipt to its data. `clips` has a row a clip of training and test, by number."""

    bento: str | None
    version: dict[str, Any]
    links: list[Link] = field(default_factory=list)
    clips: list[dict[str, Any]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether no link is missing."""
        return all(link.found for link in self.links)

    def add(self, name: str, found: object, says: str) -> None:
        """One more link."""
        self.links.append(Link(name, bool(found), says))


def trace(connection: Connection, settings: Settings, given: str) -> Trace:
    """Follow a receipt (see receipts.resolve) as far as it leads.

    Errors: InputError when no model version fits; every later gap is a link that is not found.
    """
    answered = resolve(connection, settings.home, given)
    version = answered.version
    digests: Mapping[str, str] = version["digests"]
    out = Trace(
        answered.bento, {k: version[k] for k in ("id", "bento_tag", "stage", "added_at", "added_by", "digests")}
    )
    out.add(
        "model version", True, f"{version['id']}, {version['stage']}, packaged {version['added_at']:%Y-%m-%d %H:%M}"
    )
    _bento(out, settings.home, digests)
    _code(out, settings.workspace, digests.get("code"))
    _lock(out, settings.workspace, digests)
    _rows(out, connection, settings, version)
    return out


def _bento(out: Trace, home: Path, digests: Mapping[str, str]) -> None:
    tags = [b.tag for b in bentos(home) if b.digests.get("model") == digests.get("model")]
    out.add("bento", tags, ", ".join(tags) or "this workspace's store has no bento of that model any more")


def _code(out: Trace, root: Path, code: str | None) -> None:
    commit = (code or "").removesuffix("-changed")
    if not commit:
        out.add("code", False, "it was packaged outside a git repository")
    elif not has_commit(root, commit):
        out.add("code", False, f"commit {commit[:12]} is not in this repository: `git fetch`")
    elif code != commit:
        out.add("code", False, f"commit {commit[:12]}, with changes that were never committed")
    else:
        out.add("code", True, f"commit {commit}")


def _lock(out: Trace, root: Path, digests: Mapping[str, str]) -> None:
    """dvc.lock and the files that it names."""
    wanted = {path: digests[name] for name, path in FILES.items() if name in digests and name != "labeller"}
    lock = find_lock(root, wanted)
    if lock is None:
        says = "no dvc.lock, now or in git's history, has these files: `git fetch`, then `dvc fetch --all-commits`"
        out.add("dvc.lock", False, says)
        return
    out.add("dvc.lock", True, f"commit {lock.commit}" if lock.commit else "as it lies there")
    for name, path in FILES.items():
        if path in lock.files:
            out.add(path, True, f"{digests[name][:12]} in {lock.files[path]}")
        elif path in lock.absent:
            out.add(path, False, f"{digests[name][:12]} is not in DVC's cache here: `dvc fetch`")


def _rows(out: Trace, connection: Connection, settings: Settings, version: RowMapping) -> None:
    try:
        table = training_lineage(settings, version["digests"])
    except InputError as exc:
        out.add("lineage", False, str(exc))
        return
    out.add("lineage", True, f"{len(table)} clips of {table['medium'].n_unique()} media")
    known = clip_rows(connection, table["clip"].to_list())
    out.clips = [_clip(row, known.get(row["clip"])) for row in table.iter_rows(named=True)]
    lost = [str(row["clip"]) for row in out.clips if row["now"] in ("no such row", "another clip")]
    out.add("rows", not lost, _some(lost, "clips are not in this database") or f"all {len(out.clips)} clips are there")
    _media(out, connection, MediaStore(settings.store_url), table, version)


def _media(out: Trace, connection: Connection, store: MediaStore, table: pl.DataFrame, version: RowMapping) -> None:
    media = sorted(set(table["medium"].to_list()))
    lost = [medium[:12] for medium in media if not store.has(medium)]
    says = _some(lost, f"media are not in {store.url}")
    out.add("media", not lost, says or f"all {len(media)} are in {store.url}")
    corrected = corrected_keypoints(connection, media, version["added_at"])
    out.add("corrections", True, f"{corrected} keypoints were corrected by people when it was packaged")


def _clip(row: Mapping[str, Any], known: RowMapping | None) -> dict[str, Any]:
    """A clip as it trained the model, and what the database says of it now."""
    told: Mapping[Any, Any] = known or {}
    if known is None:
        now = "no such row"
    elif known["medium"] != row["medium"]:
        now = "another clip"  # a database that was set up anew counts from 1 again
    elif known["valid_to"] is not None:
        now = f"ended by {known['closed_by']}"
    else:
        now = "holds"
    out = {name: told.get(name) for name in ("source", "uri", "annotated_at", "added_by", "added_at")}
    return {**row, **out, "now": now}


def _some(lost: list[str], what: str) -> str:
    """`3 of what: a, b, c`; empty where nothing is lost."""
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    return f"{len(lost)} {what}: {', '.join(lost[:5])}{more}" if lost else ""
