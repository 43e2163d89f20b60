"""Choice of the annotation that counts of every Label Studio task: nobody's work is replaced without a word.

Label Studio keeps all annotations of a task, by whoever made them, with those that were skipped (`was_cancelled`) or
left empty. One is taken: the newest of the one annotator who has something to say. Where several annotators say
different things, or an empty annotation would replace one that is not, nobody is chosen and the fault says who said
what, when, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_NAMES = ("email", "username", "first_name", "last_name")


@dataclass(frozen=True, slots=True)
class AnnotationChoice:
    """Rules for tasks with more than one annotation.

    annotator    name, e-mail address or number of the one annotator whose annotations count; None = whoever it is.
    allow_empty  an annotation without a region says that nobody is in the frame, whatever was there before.
    """

    annotator: str | None = None
    allow_empty: bool = False


@dataclass(slots=True)
class TaskLog:
    """Sentences about the tasks: faults, which stop the import, and notes, which do not."""

    faults: list[str]
    notes: list[str]


def choose(task: dict[str, Any], where: str, choice: AnnotationChoice, log: TaskLog) -> dict[str, Any] | None:
    """Return the annotation that counts; None where there is none, or (with a fault) where it must be chosen.

    where  the task in words, such as "task 12 (frame 3 of medium 0f3a…)".
    """
    annotations = [a for a in task.get("annotations", []) if isinstance(a, dict)]
    finished = [a for a in annotations if not a.get("was_cancelled")]
    log.notes += [f"{where} was skipped by {_who(a)}" for a in annotations if a.get("was_cancelled")]
    if not finished and task.get("drafts"):
        log.notes.append(f"{where} has a draft that was not submitted: it is not read")
    if choice.annotator is not None:
        others = [a for a in finished if not is_annotator(a.get("completed_by"), choice.annotator)]
        finished = [a for a in finished if a not in others]
        if others and not finished:
            log.notes.append(f"{where} is not read: it was annotated by {_listed(others)} only")
    if not finished:
        return None
    return _newest(_by_annotator(finished), task, where, choice, log)


def _newest(
    groups: Sequence[list[dict[str, Any]]], task: dict[str, Any], where: str, choice: AnnotationChoice, log: TaskLog
) -> dict[str, Any] | None:
    newest = [group[-1] for group in groups]
    if any(_content(a) != _content(newest[0]) for a in newest):
        log.faults.append(
            f"{where} was annotated by {_listed(newest)}, and they do not say the same: choose one with --annotator, "
            "or delete the others there"
        )
        return None
    chosen = max(newest, key=_time)
    if len(newest) > 1:
        log.notes.append(f"{where}: {_listed(newest)} say the same")
    own = next(group for group in groups if chosen in group)
    if _regions(chosen) or choice.allow_empty:
        if len(own) > 1 and _content(own[-2]) != _content(chosen):
            log.notes.append(f"{where}: {_said(chosen)} replaces {_listed(own[:-1])}")
        return chosen
    if kept := [a for a in own if _regions(a)]:
        before = _said(kept[-1])
    elif _predicted(task) and chosen.get("parent_prediction") is None:
        before = "the predicted keypoints"
    else:
        return chosen  # everybody was deleted by hand, or nobody was there
    log.faults.append(
        f"{where}: {_said(chosen)} would hide everybody and replace {before}: delete it there, or, if nobody is to be "
        "seen in that frame, give --allow-empty"
    )
    return None


def is_annotator(completed_by: Any, wanted: str) -> bool:
    """True where that annotator (a number, or an object with e-mail address and names) is the wanted one.

    Examples:
        >>> is_annotator(7, "7"), is_annotator({"id": 7, "email": "anna@example.org"}, "Anna@example.org")
        (True, True)
    """
    names = {str(completed_by)}
    if isinstance(completed_by, dict):
        parts = [str(completed_by[name]) for name in _NAMES if completed_by.get(name)]
        full = f"{completed_by.get('first_name') or ''} {completed_by.get('last_name') or ''}".strip()
        names = {str(completed_by.get("id")), *parts, full, *(p.partition("@")[0] for p in parts if "@" in p)} - {""}
    return wanted.strip().casefold() in {name.casefold() for name in names}


def _by_annotator(annotations: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Annotations of every annotator, oldest first; annotators by their newest."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for annotation in sorted(annotations, key=_time):
        said_by = annotation.get("completed_by")
        key = str(said_by.get("id", said_by)) if isinstance(said_by, dict) else str(said_by)
        groups.setdefault(key, []).append(annotation)
    return sorted(groups.values(), key=lambda group: _time(group[-1]))


def _time(annotation: dict[str, Any]) -> tuple[str, int]:
    number = annotation.get("id")
    written = annotation.get("updated_at") or annotation.get("created_at") or ""
    return str(written), number if isinstance(number, int) else 0


def _regions(annotation: dict[str, Any]) -> list[dict[str, Any]]:
    """Regions that say something of a person; choices and texts of a whole task do not."""
    kinds = ("keypointlabels", "rectanglelabels")
    return [region for region in annotation.get("result") or [] if region.get("type") in kinds]


def _content(annotation: dict[str, Any]) -> list[str]:
    """Content of the regions, whatever their ids and order."""
    return sorted(
        repr((r.get("type"), r.get("meta", {}).get("text"), sorted(r.get("value", {}).items(), key=lambda kv: kv[0])))
        for r in _regions(annotation)
    )


def _predicted(task: dict[str, Any]) -> bool:
    return any(prediction.get("result") for prediction in task.get("predictions", []) if isinstance(prediction, dict))


def _said(annotation: dict[str, Any]) -> str:
    return f"the annotation of {_listed([annotation])}"


def _listed(annotations: Sequence[dict[str, Any]]) -> str:
    """Annotations as a text: by whom, how much and when."""
    texts = []
    for annotation in annotations:
        regions = len(_regions(annotation))
        written = annotation.get("updated_at") or annotation.get("created_at")
        facts = [f"{regions} regions" if regions else "empty", *([str(written)] if written else [])]
        texts.append(f"{_who(annotation)} ({', '.join(facts)})")
    return " and ".join(texts)


def _who(annotation: dict[str, Any]) -> str:
    said_by = annotation.get("completed_by")
    if isinstance(said_by, dict):
        name = next((str(said_by[key]) for key in _NAMES[:2] if said_by.get(key)), "")
        return f"annotator {said_by.get('id')}" + (f" ({name})" if name else "")
    return "an annotator without a name" if said_by is None else f"annotator {said_by}"
