"""Trace of an answer: from its provenance to the clips and media that trained the model, with every missing link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, RowMapping

from posemill.errors import InputError
from posemill.redacted import redacted
from posemill.settings import Settings
from posemill.store.lineage import clip_rows, corrected_keypoints
from posemill.store.media import MediaStore
from posemill.uat.bentos import list_bentos
from posemill.uat.locks import find_lock, has_commit
from posemill.uat.provenance import resolve
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
    """One step of a trace: its name, whether it was found, and where or why not."""

    name: str
    found: bool
    says: str


@dataclass(slots=True)
class Trace:
    """Trace from a provenance to its data. `clips` has one row per clip of training and test, by number."""

    bento: str | None
    version: dict[str, Any]
    links: list[Link] = field(default_factory=list)
    clips: list[dict[str, Any]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """True if no link is missing."""
        return all(link.found for link in self.links)

    def add(self, name: str, found: object, says: str) -> None:
        """Append a link."""
        self.links.append(Link(name, bool(found), says))


def trace(connection: Connection, settings: Settings, reference: str) -> Trace:
    """Trace an answer (see provenance.resolve) as far as possible.

    Errors: InputError if no model version matches; every later gap is a link that is not found.
    """
    resolved = resolve(connection, settings, reference)
    version = resolved.version
    digests: Mapping[str, str] = version["digests"]
    out = Trace(
        resolved.bento, {k: version[k] for k in ("id", "bento_tag", "stage", "added_at", "added_by", "digests")}
    )
    out.add(
        "model version", True, f"{version['id']}, {version['stage']}, packaged {version['added_at']:%Y-%m-%d %H:%M}"
    )
    _bento(out, settings, digests)
    _code(out, settings, digests.get("code"))
    _lock(out, settings, digests)
    _rows(out, connection, settings, version)
    return out


def _bento(out: Trace, settings: Settings, digests: Mapping[str, str]) -> None:
    tags = [b.tag for b in list_bentos(settings) if b.digests.get("model") == digests.get("model")]
    out.add("bento", tags, ", ".join(tags) or "the workspace's store no longer has a bento of that model")


def _code(out: Trace, settings: Settings, code: str | None) -> None:
    commit = (code or "").removesuffix("-changed")
    if not commit:
        out.add("code", False, "it was packaged outside of a git repository")
    elif not has_commit(settings, commit):
        out.add("code", False, f"commit {commit[:12]} is not in this repository: `git fetch`")
    elif code != commit:
        out.add("code", False, f"commit {commit[:12]} with uncommitted changes")
    else:
        out.add("code", True, f"commit {commit}")


def _lock(out: Trace, settings: Settings, digests: Mapping[str, str]) -> None:
    """Links to dvc.lock and to the files that it lists."""
    inputs = {path: digests[name] for name, path in FILES.items() if name in digests and name != "labeller"}
    lock = find_lock(settings, inputs)
    if lock is None:
        says = "no dvc.lock, now or in git's history, has these files: `git fetch`, then `dvc fetch --all-commits`"
        out.add("dvc.lock", False, says)
        return
    out.add("dvc.lock", True, f"commit {lock.commit}" if lock.commit else "uncommitted, in the workspace")
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
    out.add("corrections", True, f"{corrected} keypoints had been corrected by reviewers when it was packaged")


def _clip(row: Mapping[str, Any], current: RowMapping | None) -> dict[str, Any]:
    """A clip as it trained the model, with its current state in the database."""
    if current is None:
        now = "no such row"
    elif current["medium"] != row["medium"]:
        now = "another clip"  # a new database numbers its clips from 1 again
    elif current["valid_to"] is not None:
        now = f"ended by {current['closed_by']}"
    else:
        now = "valid"
    columns: Mapping[Any, Any] = current or {}
    out = {name: columns.get(name) for name in ("source", "uri", "annotated_at", "added_by", "added_at")}
    out["uri"] = redacted(out["uri"]) if out["uri"] else None
    return {**row, **out, "now": now}


def _some(lost: list[str], noun: str) -> str:
    """`3 NOUN: a, b, c`; empty if nothing is lost."""
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    return f"{len(lost)} {noun}: {', '.join(lost[:5])}{more}" if lost else ""
