"""Confirmed feedback: a client's correction becomes a training label and a regression scenario for later models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store import schema
from posemill.store.catalog import ClipRow, MediumRow, add_clip, add_medium, clips, correct_clip
from posemill.store.feedback import attach_medium, close_item, get_feedback
from posemill.store.files import replace_file
from posemill.store.media import MediaStore, digest_of
from posemill.store.media_rows import medium_id

DATASET = "uat"
REGRESSIONS = Path("acceptance") / "regressions"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Label and scenario made of feedback. `conflicts`: overlapping clips with another activity, one phrase each."""

    medium: str
    clip: int
    activity: str
    scenario: Path
    conflicts: tuple[str, ...]


def confirm(
    connection: Connection,
    settings: Settings,
    number: int,
    *,
    activity: str | None,
    media: Path | None,
    new: bool,
    annotated_by: str,
) -> Confirmed:
    """Make a label and a regression scenario of feedback `number`. Idempotent.

    activity  the true activity; None: the client's correction.
    media     the uploaded file, if the service did not keep it.
    new       allow an activity that no clip and no model has yet.
    Errors: InputError if the activity is unknown, or if the file is missing or has another digest.
    """
    feedback = get_feedback(connection, number)
    name = activity or feedback["activity"] or (feedback["predicted"] if feedback["is_right"] else None)
    if name is None:
        raise InputError(f"feedback {number} names no activity: give --activity")
    known = _activities(connection)
    if name not in known and not new:
        raise InputError(f"unknown activity {name!r}: give --new to add it, or one of {', '.join(known)}")
    digest = _media_digest(settings, feedback, media)
    add_medium(connection, MediumRow(digest, DATASET, feedback["upload_name"] or digest[:12], annotated_by))
    clip = _clip(connection, feedback, digest, name, annotated_by)
    scenario = _scenario_file(settings, number)
    if feedback["review_item_id"] is not None:
        attach_medium(connection, feedback["review_item_id"], medium_id(connection, digest), clip)
        answer = {"feedback": number, "activity": name, "clip": clip, "scenario": scenario.name}
        close_item(connection, feedback["review_item_id"], "done", answer, annotated_by)
    replace_file(scenario, _scenario(feedback, digest, name, annotated_by).encode())
    return Confirmed(digest, clip, name, scenario, _conflicts(connection, feedback, digest, clip, name))


def _scenario_file(settings: Settings, number: int) -> Path:
    folder = settings.workspace / REGRESSIONS
    before = folder / f"judgement-{number}.yaml"  # its former name
    return before if before.is_file() else folder / f"feedback-{number}.yaml"


def dismiss(connection: Connection, number: int, annotated_by: str) -> None:
    """Dismiss feedback: the service was right, or nobody can tell."""
    feedback = get_feedback(connection, number)
    if feedback["state"] != "open":
        raise InputError(f"feedback {number} is not open: it is {feedback['state'] or 'right'}")
    close_item(connection, feedback["review_item_id"], "dismissed", {"feedback": number}, annotated_by)


def _media_digest(settings: Settings, feedback: RowMapping, media: Path | None) -> str:
    """Digest of the uploaded file, whose bytes are then in the store."""
    store, digest = MediaStore(settings.store_url), feedback["upload_digest"]
    if media is None:
        if digest is None or not store.has(digest):
            raise InputError(
                f"the service did not keep {feedback['upload_name'] or 'the file'} "
                "(POSEMILL_KEEP_UPLOADS=1 keeps uploads): give it with --media FILE"
            )
        return str(digest)
    if not media.is_file():
        raise InputError(f"there is no file {media}")
    if digest is not None and (actual := digest_of(media)) != digest:
        raise InputError(f"{media} is not the uploaded file: its digest is {actual[:12]}, expected {digest[:12]}")
    from posemill.video.sandboxed import probe_sandboxed

    probe_sandboxed(media)
    return store.put(media)


def _clip(connection: Connection, feedback: RowMapping, digest: str, activity: str, annotated_by: str) -> int:
    """Number of the clip with that activity; a clip of the same interval with another one is closed."""
    end_s = None if feedback["end_s"] is None else round(feedback["end_s"], 3)
    interval = round(feedback["start_s"] or 0.0, 3), end_s
    add_clip(connection, ClipRow(digest, annotated_by, *interval, activity=activity))
    current = [row for row in clips(connection, medium=digest) if (row["start_s"], row["end_s"]) == interval]
    return correct_clip(connection, current[0]["clip"], annotated_by, activity=activity)


def _conflicts(connection: Connection, feedback: RowMapping, digest: str, clip: int, activity: str) -> tuple[str, ...]:
    start, end = feedback["start_s"] or 0.0, feedback["end_s"] or float("inf")
    rows = [row for row in clips(connection, medium=digest) if row["clip"] != clip and row["activity"] != activity]
    rows = [row for row in rows if row["start_s"] < end and (row["end_s"] or float("inf")) > start]
    return tuple(f"clip {row['clip']} is labelled {row['activity']} from {row['start_s']:g} s" for row in rows)


def _activities(connection: Connection) -> list[str]:
    """Activities of all clips and models."""
    c, v = schema.clip.c, schema.model_version.c
    names = set(connection.scalars(select(c.activity).where(c.activity.is_not(None)).distinct()))
    for classes in connection.scalars(select(v.classes)):
        names |= set(classes or ())
    return sorted(names)


def _scenario(feedback: RowMapping, digest: str, activity: str, annotated_by: str) -> str:
    import yaml

    interval = {name: round(feedback[name], 3) for name in ("start_s", "end_s") if feedback[name] is not None}
    scenario: dict[str, Any] = {
        "name": f"feedback {feedback['feedback']}: {activity}, not {feedback['predicted']}",
        "medium": digest,
        "person": "any",
        "expect": [{"activity": activity, **interval}],
        "note": f"{feedback['client'] or 'a client'} on {feedback['added_at']:%Y-%m-%d}, "
        f"provenance {feedback['provenance'].get('id')}" + (f": {feedback['comment']}" if feedback["comment"] else ""),
    }
    if feedback["is_right"]:
        scenario["name"] = f"feedback {feedback['feedback']}: {activity}"
    content = {"owner": annotated_by, "tolerance_s": None, "min_overlap": 0.5, "scenarios": [scenario]}
    head = (
        "# Written by `posemill uat confirm`. The activity may extend beyond the interval: its ends are not checked.\n"
    )
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
