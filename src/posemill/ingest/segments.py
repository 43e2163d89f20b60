"""Activity segments (clips) by annotators: list, add, correct; always with annotator and time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping

from posemill.errors import InputError
from posemill.store import catalog
from posemill.store.clip_fields import CLAIMS


def list_segments(
    conn: Connection,
    *,
    medium: str | None = None,
    dataset: str | None = None,
    history: bool = False,
    after: int | None = None,
    limit: int | None = None,
) -> list[RowMapping]:
    """Return clips of a medium (beginning of its digest), of a dataset, or all; with `history` also closed ones.

    after, limit  a page, see catalog.clips.
    """
    digest = catalog.find_medium(conn, medium)["digest"] if medium else None
    return catalog.clips(conn, [dataset] if dataset else (), medium=digest, history=history, after=after, limit=limit)


def set_segment(
    conn: Connection, medium: str, *, start_s: float, end_s: float | None, annotated_by: str, **claims: str | None
) -> str:
    """Add a segment, or fill in what is empty in it; return `added`, `completed` or `known`.

    Errors: InputError when the same interval is annotated otherwise.
    """
    digest = catalog.find_medium(conn, medium)["digest"]
    _check_interval(start_s, end_s)
    outcome = catalog.add_clip(conn, catalog.ClipRow(digest, annotated_by, start_s, end_s, **claims))
    if outcome.conflicts:
        raise InputError(outcome.conflicts[0])
    return "added" if outcome.added else "completed" if outcome.completed else "known"


def correct(conn: Connection, clip: int, annotated_by: str, **changes: Any) -> int:
    """Correct a clip; return the number of the clip that now holds. See catalog.correct_clip."""
    if not changes:
        options = ", ".join(f"--{name}" for name in ("start", "end", *CLAIMS))
        raise InputError(f"nothing to correct: give at least one of {options.replace('_', '-')}")
    return catalog.correct_clip(conn, clip, annotated_by, **changes)


def _check_interval(start_s: float, end_s: float | None) -> None:
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise InputError(f"a segment needs 0 <= start < end, came {start_s:g} to {end_s}")
