"""A client's disagreement that somebody confirms: a training label, and a scenario that every later model must pass."""

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
    """What became of a judgement. `other` has clips of the same time that say otherwise, one phrase each."""

    medium: str
    clip: int
    activity: str
    scenario: Path
    other: tuple[str, ...]


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
    """Make a label and a regression scenario of judgement `number`. Doing it again changes nothing.

    activity  what it is; None: what the client said.
    media     the file that the client tried, where the service did not keep it.
    new       allows an activity that nothing has had yet.
    Errors: InputError when the activity is not known, or the file is missing or another one.
    """
    said = get_feedback(connection, number)
    name = activity or said["activity"] or (said["predicted"] if said["is_right"] else None)
    if name is None:
        raise InputError(f"judgement {number} does not say what it was: give --activity")
    known = _activities(connection)
    if name not in known and not new:
        raise InputError(f"nothing here is called {name!r}: give --new to begin with it, or one of {', '.join(known)}")
    digest = _bytes(settings, said, media)
    add_medium(connection, MediumRow(digest, DATASET, said["upload_name"] or digest[:12], annotated_by))
    clip = _clip(connection, said, digest, name, annotated_by)
    scenario = settings.workspace / REGRESSIONS / f"judgement-{number}.yaml"
    if said["review_item_id"] is not None:
        attach_medium(connection, said["review_item_id"], medium_id(connection, digest), clip)
        answer = {"feedback": number, "activity": name, "clip": clip, "scenario": scenario.name}
        close_item(connection, said["review_item_id"], "done", answer, annotated_by)
    replace_file(scenario, _scenario(said, digest, name, annotated_by).encode())
    return Confirmed(digest, clip, name, scenario, _others(connection, said, digest, clip, name))


def dismiss(connection: Connection, number: int, annotated_by: str) -> None:
    """Say that a disagreement is none: the service was right, or nobody can tell."""
    said = get_feedback(connection, number)
    if said["state"] != "open":
        raise InputError(f"judgement {number} has nothing open: it is {said['state'] or 'right'}")
    close_item(connection, said["review_item_id"], "dismissed", {"feedback": number}, annotated_by)


def _bytes(settings: Settings, said: RowMapping, media: Path | None) -> str:
    """The digest of the file that was judged; its bytes are in the store afterwards."""
    store, digest = MediaStore(settings.store_url), said["upload_digest"]
    if media is None:
        if digest is None or not store.has(digest):
            raise InputError(
                f"the service did not keep {said['upload_name'] or 'the file'} (POSEMILL_KEEP_UPLOADS=1 makes it): "
                "give it with --media FILE"
            )
        return str(digest)
    if not media.is_file():
        raise InputError(f"there is no file {media}")
    if digest is not None and (found := digest_of(media)) != digest:
        raise InputError(f"{media} is not what was judged: its digest is {found[:12]}, {digest[:12]} was tried")
    from posemill.video.sandboxed import probe_sandboxed

    probe_sandboxed(media)
    return store.put(media)


def _clip(connection: Connection, said: RowMapping, digest: str, activity: str, annotated_by: str) -> int:
    """The number of the clip that says so now; one of the same stretch that said otherwise is ended."""
    stretch = round(said["start_s"] or 0.0, 3), None if said["end_s"] is None else round(said["end_s"], 3)
    add_clip(connection, ClipRow(digest, annotated_by, *stretch, activity=activity))
    held = [row for row in clips(connection, medium=digest) if (row["start_s"], row["end_s"]) == stretch]
    return correct_clip(connection, held[0]["clip"], annotated_by, activity=activity)


def _others(connection: Connection, said: RowMapping, digest: str, clip: int, activity: str) -> tuple[str, ...]:
    start, end = said["start_s"] or 0.0, said["end_s"] or float("inf")
    rows = [row for row in clips(connection, medium=digest) if row["clip"] != clip and row["activity"] != activity]
    rows = [row for row in rows if row["start_s"] < end and (row["end_s"] or float("inf")) > start]
    return tuple(f"clip {row['clip']} says {row['activity']} from {row['start_s']:g} s" for row in rows)


def _activities(connection: Connection) -> list[str]:
    """Everything that clips or models are called by."""
    c, v = schema.clip.c, schema.model_version.c
    named = set(connection.scalars(select(c.activity).where(c.activity.is_not(None)).distinct()))
    for classes in connection.scalars(select(v.classes)):
        named |= set(classes or ())
    return sorted(named)


def _scenario(said: RowMapping, digest: str, activity: str, annotated_by: str) -> str:
    import yaml

    stretch = {name: round(said[name], 3) for name in ("start_s", "end_s") if said[name] is not None}
    scenario: dict[str, Any] = {
        "name": f"judgement {said['feedback']}: {activity}, not {said['predicted']}",
        "medium": digest,
        "person": "any",
        "expect": [{"activity": activity, **stretch}],
        "note": f"{said['client'] or 'a client'} on {said['added_at']:%Y-%m-%d}, receipt {said['provenance'].get('id')}"
        + (f": {said['comment']}" if said["comment"] else ""),
    }
    if said["is_right"]:
        scenario["name"] = f"judgement {said['feedback']}: {activity}"
    content = {"owner": annotated_by, "tolerance_s": None, "min_overlap": 0.5, "scenarios": [scenario]}
    head = "# Made by `posemill uat confirm`. The activity may go on before and after, so its ends are not checked.\n"
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
