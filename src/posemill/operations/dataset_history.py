"""Dataset versions from where they are kept: commits of dvc.lock with DVC's cache, build/, models, the database.

Commits and build/ have a version's own table of clips. Where DVC's cache lacks it, and for models whose build was never
committed, the version is reconstructed from the database, whose clips are closed and never changed.
"""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from sqlalchemy import Connection, RowMapping

from posemill.operations.dataset_versions import Clip, Place, Version
from posemill.stages.workspace import Workspace
from posemill.store.clips import clips as clips_of
from posemill.store.versions import model_versions

if TYPE_CHECKING:
    import polars as pl

LOCK, TABLE = "dvc.lock", "clips.parquet"
GIT_S = 60.0
SECOND = timedelta(seconds=1)  # git cuts its times to seconds: what was said in that second is in the commit


@dataclass(frozen=True, slots=True)
class _Known:
    """A version as it is kept.

    clips    None where only its time is known.
    checked  digest of the table of validated clips, by which models know it; "" = unknown.
    """

    at: datetime
    source: str
    clips: dict[Place, Clip] | None
    checked: str = ""


def dataset_versions(connection: Connection, inputs: Workspace, datasets: tuple[str, ...] = ()) -> list[Version]:
    """Return all versions there are, in no order; `posemill.operations.dataset_versions.steps` orders and merges them.

    datasets  only clips of these; none = all that the snapshot selects.
    """
    selected = datasets or _selected(inputs)
    history = [row for row in clips_of(connection, selected, history=True) if row["medium"] is not None]
    known = [*_committed(inputs.root), *_built(inputs)]
    by_digest = {each.checked for each in known if each.checked}
    models = [row for row in model_versions(connection) if (row["digests"] or {}).get("clips") not in by_digest]
    named = _models_of(model_versions(connection))
    versions = [
        _version(each, history, selected, named.get(each.checked, ())) for each in known if _has_clips(each, history)
    ]
    versions += [
        Version(row["added_at"], (f"model {row['bento_tag']}",), clips_at(history, row["added_at"]), exact=False)
        for row in models
    ]
    return [*versions, Version(datetime.now(UTC), ("database",), clips_at(history))]


def clips_at(history: Iterable[RowMapping], when: datetime | None = None) -> dict[Place, Clip]:
    """Return the clips that held at a time of the database's clock, of rows with `annotated_at` and `valid_to`.

    when  None = now, whatever the clocks of this machine and of the database say.
    """
    return {
        _place(row["medium"], row["start_s"], row["end_s"]): _clip(row)
        for row in history
        if (row["valid_to"] is None if when is None else _held(row, when))
    }


def _held(row: RowMapping, when: datetime) -> bool:
    return bool(row["annotated_at"] <= when and (row["valid_to"] is None or row["valid_to"] > when))


def _version(each: _Known, history: list[RowMapping], datasets: tuple[str, ...], models: tuple[str, ...]) -> Version:
    sources = (each.source, *(f"model {tag}" for tag in models))
    if each.clips is None:
        return Version(each.at, sources, clips_at(history, each.at + SECOND), exact=False)
    kept = {place: clip for place, clip in each.clips.items() if not datasets or clip.dataset in datasets}
    return Version(each.at, sources, kept)


def _has_clips(each: _Known, history: list[RowMapping]) -> bool:
    return each.clips is not None or bool(clips_at(history, each.at + SECOND))


def _models_of(rows: Iterable[RowMapping]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if digest := (row["digests"] or {}).get("clips"):
            found[digest] = (*found.get(digest, ()), row["bento_tag"])
    return found


def _selected(inputs: Workspace) -> tuple[str, ...]:
    from posemill.params.section import load_section
    from posemill.params.snapshot import SnapshotParams

    return tuple(load_section(inputs.params, "snapshot", SnapshotParams).datasets) if inputs.params.is_file() else ()


def _built(inputs: Workspace) -> Iterator[_Known]:
    """The version in build/, if there is one."""
    table, checked = inputs.output("ingest") / TABLE, inputs.output("validate") / TABLE
    if table.is_file():
        at = datetime.fromtimestamp(table.stat().st_mtime, UTC)
        yield _Known(at, "build/", read_clips(table), _digest(checked))


def _committed(root: Path) -> Iterator[_Known]:
    """Every commit of the current branch that changed dvc.lock, the oldest first."""
    listed = _git(root, "log", "--first-parent", "--reverse", "--format=%H%x09%cI%x09%s", "--", LOCK)
    cache = _cache(root) if listed else root
    for line in (listed or "").splitlines():
        commit, at, subject = line.split("\t", 2)
        lock = _git(root, "show", f"{commit}:{LOCK}")
        if lock is None:  # the commit removed it
            continue
        stages = (yaml.safe_load(lock) or {}).get("stages", {})
        table, checked = (_cached(stages.get(stage, {}), cache, f"build/{stage}") for stage in ("ingest", "validate"))
        clips = read_clips(table) if table is not None else None
        digest = _digest(checked) if checked is not None else ""
        yield _Known(datetime.fromisoformat(at), f"commit {commit[:8]} {subject}", clips, digest)


def _cached(stage: dict[str, Any], cache: Path, output: str) -> Path | None:
    """The table in DVC's cache; None where it was not fetched, or the stage was not locked."""
    entry = next((e for e in stage.get("outs", []) if e.get("path") == output), None)
    listing = _object(cache, (entry or {}).get("md5", ""))
    if listing is None:
        return None
    files = {each["relpath"]: each["md5"] for each in json.loads(listing.read_text())}
    return _object(cache, files.get(TABLE, ""))


def _object(cache: Path, md5: str) -> Path | None:
    path = cache / "files" / "md5" / md5[:2] / md5[2:]
    return path if md5 and path.is_file() else None


def _cache(root: Path) -> Path:
    """DVC's cache; the place that `dvc cache dir` says, where it was moved."""
    default = root / ".dvc" / "cache"
    config = [root / ".dvc" / name for name in ("config", "config.local")]
    if not any("cache" in path.read_text() for path in config if path.is_file()):
        return default
    said = _run(root, "dvc", "cache", "dir")
    return Path(said.strip()) if said else default


def read_clips(table: Path) -> dict[Place, Clip]:
    """Read a table of clips as the ingest stage writes it."""
    import polars as pl

    return {_place(row["medium"], row["start_s"], row["end_s"]): _clip(row) for row in _rows(pl.read_parquet(table))}


def _rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    return table.to_dicts()


def _place(medium: str, start_s: float, end_s: float | None) -> Place:
    to_the_end = end_s is None or math.isnan(end_s)
    return Place(medium, round(start_s, 3), math.inf if to_the_end else round(float(end_s or 0.0), 3))


def _clip(row: Any) -> Clip:
    return Clip(row["activity"], row["subject"], row["split"], row["dataset"])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _git(root: Path, *arguments: str) -> str | None:
    return _run(root, "git", *arguments)


def _run(root: Path, *command: str) -> str | None:
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=GIT_S)
    except (OSError, subprocess.SubprocessError):  # no git, no repository, no commit yet
        return None
    return done.stdout
