"""A folder of videos by class, such as UCF101's or HMDB51's: `<class>/<video>`, or `train/<class>/<video>` and `test`.

The folder of a video is its activity; a folder train, training, test, val or validation above says the official split
(validation counts as training: posemill chooses its own, by subject). The same bytes under two names are a fault, as
are a class that nobody named and an empty file; whether a video can be decoded is for the ingest stage to find out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine

from posemill.errors import InputError
from posemill.ingest.entry import Added, Entry, add_entries, file_url, printable
from posemill.ingest.folder import LeftOut, scan
from posemill.ingest.keypoints import BY, STAGE, Faulty
from posemill.ingest.sequence import Fault, named_group
from posemill.ingest.validator import DatasetValidator, listed
from posemill.store import catalog
from posemill.store.media import MediaStore, digest_of

_SPLITS = {"train": "train", "training": "train", "val": "train", "validation": "train", "test": "test"}


def video_entries(
    path: Path, *, dataset: str, subject: str | None = None, left_out: LeftOut | None = None
) -> list[Entry]:
    """Return the entries of a folder of videos by class.

    subject   regular expression whose groups in a video's path name the subject.
    left_out  gets what is not taken, and why.

    Errors: InputError when it holds no video, or the expression does not fit a name.
    """
    rows = []
    found = scan([path], activity_from_folder=True)
    if left_out is not None:
        left_out |= found.left_out
    for entry in found.entries:
        parts = entry.source.split("/")[1:-2]
        split = next((_SPLITS[part.lower()] for part in parts if part.lower() in _SPLITS), None)
        name = named_group(subject, entry.source)
        rows.append(replace(entry, split=split, subject=f"{dataset}/{name}" if name else None))
    return rows


def find_faults(
    rows: Iterable[Entry], classes: Iterable[str] | None = None, advance: Callable[[], object] = lambda: None
) -> dict[Entry, str]:
    """Return the faulty entries, each with the reason."""
    validator, faults, by_name = DatasetValidator(classes=classes), dict[Entry, str](), dict[str, Entry]()
    for entry in rows:
        by_name[entry.source] = entry
        reason = _reason(entry, validator)
        if reason:
            faults[entry] = reason
        advance()
    return faults | {by_name[name]: reason for name, reason in validator.split_leaks().items()}


def import_videos(
    engine: Engine,
    store: MediaStore,
    rows: Iterable[Entry],
    faults: dict[Entry, str],
    *,
    dataset: str,
    annotated_by: str,
    faulty: Faulty = "quarantine",
    advance: Callable[[], object] = lambda: None,
) -> Added:
    """Add the valid entries, and put the others into quarantine.

    Errors: InputError when they are refused, or none is valid.
    """
    rows = list(rows)
    sentences = [Fault(entry.source, reason).sentence() for entry, reason in faults.items()]
    if faults and (faulty == "refuse" or len(faults) == len(rows)):
        raise InputError(f"{len(faults)} of {len(rows)} videos are faulty, so nothing was imported:{listed(sentences)}")
    with engine.begin() as connection:
        for entry, reason in faults.items():
            row = catalog.add_address(
                connection, file_url(entry.path), dataset=dataset, source=entry.source, added_by=annotated_by
            )
            catalog.quarantine(connection, "medium", stage=STAGE, reason=printable(reason), added_by=BY, medium_row=row)
    valid = [entry for entry in rows if entry not in faults]
    return add_entries(engine, store, valid, dataset=dataset, annotated_by=annotated_by, advance=advance)


def _reason(entry: Entry, validator: DatasetValidator) -> str | None:
    try:
        if not entry.path.stat().st_size:
            return "it is empty"
        digest = digest_of(entry.path)
    except OSError as exc:
        return f"it cannot be read: {exc.strerror}"
    return validator.check(entry.source, digest, entry.activity, entry.subject, entry.split)
