"""What is to be added: files with what is said about them, from a folder or a manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.store import catalog
from posemill.store.media import MediaStore

if TYPE_CHECKING:
    from sqlalchemy import Engine

BATCH = 50  # files whose rows are committed together: a stopped `add` goes on from there when repeated


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, or one stretch of it. `source` is the name under which people know the file."""

    path: Path
    source: str
    start_s: float = 0.0
    end_s: float | None = None
    activity: str | None = None
    subject: str | None = None
    camera: str | None = None
    split: str | None = None


@dataclass(slots=True)
class Added:
    """What adding did. Counts of media and clips; `completed` clips learnt something that was left open before."""

    files: int = 0
    media_added: int = 0
    media_known: int = 0
    clips_added: int = 0
    clips_completed: int = 0
    conflicts: tuple[str, ...] = ()


def add_entries(
    engine: Engine, store: MediaStore, entries: Sequence[Entry], *, dataset: str, said_by: str,
    advance: Callable[[], object] = lambda: None,
) -> Added:  # fmt: skip
    """Put every file into the store once, then its medium and clips into the database, in batches."""
    grouped = [(path, list(rows)) for path, rows in groupby(sorted(entries, key=lambda e: str(e.path)), _path)]
    total = Added()
    for start in range(0, len(grouped), BATCH):
        media, clips = [], []
        for path, rows in grouped[start : start + BATCH]:
            digest = store.put(path)
            media.append(catalog.MediumRow(digest, dataset, rows[0].source, said_by))
            clips += [catalog.ClipRow(medium=digest, said_by=said_by, **_claims(row)) for row in rows]
            advance()
        with engine.begin() as connection:
            fresh = catalog.add_media(connection, media)
            outcome = catalog.add_clips(connection, clips)
        total.files += len(media)
        total.media_added += fresh
        total.media_known += len(media) - fresh
        total.clips_added += outcome.added
        total.clips_completed += outcome.completed
        total.conflicts += outcome.conflicts
    return total


def _path(entry: Entry) -> Path:
    return entry.path


def _claims(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in catalog.ClipRow.__slots__ if name not in ("medium", "said_by")}
