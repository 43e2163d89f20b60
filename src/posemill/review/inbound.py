"""Import of annotations as keypoint corrections: all of a file, or nothing of it."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, RowMapping

from posemill.errors import InputError
from posemill.formats.frames import Annotations
from posemill.formats.label_studio_annotators import AnnotationChoice
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks
from posemill.review.activity_answers import activity_answers
from posemill.review.labelled import Labelled
from posemill.review.ranking import rows_within
from posemill.store.corrections import Correction, add_corrections
from posemill.store.proposals import label_item
from posemill.store.reviews import answer, review_items
from posemill.untrusted import untrusted

LARGEST = 1 << 30  # bytes of a file in an archive
MOVED_PX = 0.05  # less is rounding on the way
SHOWN = 12  # faults named in one message


@dataclass(frozen=True, slots=True)
class Imported:
    """Result of an import. frames: that were looked at; keypoints: that were moved, hidden or placed in them.

    items_done are those in which something was corrected, items_dismissed those that are right as they were; of items
    that ask for an activity, those whose clip got one (clips_labelled), and those that show none of them.
    notes   what was passed over: skipped tasks, annotations that a newer one replaces.
    """

    frames: int
    keypoints: int
    corrections_added: int
    corrections_changed: int
    items_done: int
    items_dismissed: int
    clips_labelled: int = 0
    notes: tuple[str, ...] = ()


def read(path: Path, points: Skeleton, choice: AnnotationChoice | None = None) -> Annotations:
    """Read a file of any of the three formats, known by what is in it, or an archive with one.

    choice  which annotation counts where a task of Label Studio has several; the other formats have one.
    Errors: InputError when it is none of them, or not as it was exported.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    with untrusted(str(path)):  # what tools write has no schema
        return _read_zipped(path, points, choice) if zipfile.is_zipfile(path) else _read(path, points, choice)


def _read(path: Path, points: Skeleton, choice: AnnotationChoice | None) -> Annotations:
    with path.open("rb") as file:
        start = file.read(512).lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")  # some write a byte order mark first
    options: dict[str, Any] = {}
    if start.startswith(b"<"):
        from posemill.formats.cvat import read_annotations
    elif start.startswith(b"["):
        from posemill.formats.label_studio import read_annotations

        options["choice"] = choice
    elif start.startswith(b"{"):
        from posemill.formats.coco import read_annotations
    else:
        raise InputError(f"{path} is neither CVAT's XML nor JSON of Label Studio or COCO")
    if choice is not None and choice.annotator is not None and not options:
        raise InputError(f"{path} does not say who annotated it: --annotator is for exports of Label Studio")
    return read_annotations(path, points, **options)


def _read_zipped(path: Path, points: Skeleton, choice: AnnotationChoice | None) -> Annotations:
    """The one XML or JSON file of an archive, as CVAT exports it."""
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        found = [entry for entry in archive.infolist() if entry.filename.lower().endswith((".xml", ".json"))]
        if len(found) != 1 or found[0].file_size > LARGEST:
            raise InputError(
                f"{path}: expected one XML or JSON file below {LARGEST} bytes in it, found {len(found)}: unpack it"
            )
        file = Path(folder) / path.stem
        file.write_bytes(archive.read(found[0]))
        return _read(file, points, choice)


def import_answers(
    connection: Connection,
    labelled: Labelled,
    path: Path,
    annotated_by: str,
    choice: AnnotationChoice | None = None,
) -> Imported:
    """Import an annotated file as corrections; the transaction is the caller's.

    A keypoint counts as corrected when it is elsewhere than in our tracks, or seen in one of the two only. A person
    that a frame no longer has is not to be seen there. Open items of which a frame was looked at are
    done; dismissed, when nothing of them was changed. A clip whose activity was asked gets what the file says of its
    person, see review/activity_answers.py.

    choice  see `read`.
    Errors: InputError that names every medium, frame, person and keypoint that is not known; nothing is then written.
    """
    answers = read(path, labelled.labeller.estimator.skeleton, choice)
    rows = _rows(labelled, answers)
    asked = review_items(connection, media=_looked_at(labelled, answers), kind="activity") if answers.people else []
    labels = activity_answers(asked, answers, lambda item: _frames(labelled, item))
    if answers.faults:
        raise InputError(f"{path}: nothing was imported, since {_listed(answers.faults)}")
    outcome = add_corrections(connection, rows, annotated_by)
    done, right = _closed(connection, labelled, answers, rows)
    reply = {"file": path.name}
    answer(connection, done, "done", annotated_by=annotated_by, reply=reply)
    answer(connection, right, "dismissed", annotated_by=annotated_by, reply=reply)
    for item, activity in labels:
        label_item(connection, item, activity, annotated_by, reply)
    named = sum(activity is not None for _, activity in labels)
    return Imported(
        frames=len(answers.people),
        keypoints=len(rows),
        corrections_added=outcome.added,
        corrections_changed=outcome.changed,
        items_done=len(done) + named,
        items_dismissed=len(right) + len(labels) - named,
        clips_labelled=named,
        notes=tuple(dict.fromkeys(answers.notes)),
    )


def _looked_at(labelled: Labelled, answers: Annotations) -> list[str]:
    """Media in the file; without those exported with tracks of another labeller, who numbers people otherwise."""
    now = {labelled.labeller.fingerprint}
    return sorted({medium for medium, _ in answers.people if answers.origins.get(medium, now) == now})


def _closed(
    connection: Connection, labelled: Labelled, answers: Annotations, rows: Sequence[Correction]
) -> tuple[list[int], list[int]]:
    """Open items of which a frame was looked at: those that were corrected, and those that are right as they are."""
    looked_at = _looked_at(labelled, answers)
    corrected = {(row.medium, row.person, row.frame) for row in rows}
    done: list[int] = []
    right: list[int] = []
    for item in review_items(connection, media=looked_at, kind="pose") if looked_at else ():
        frames = _frames(labelled, item)
        if any((item["medium"], frame) in answers.people for frame in frames):
            changed = any((item["medium"], item["person"], frame) in corrected for frame in frames)
            (done if changed else right).append(item["item"])
    return done, right


def _rows(labelled: Labelled, answers: Annotations) -> list[Correction]:
    rows: list[Correction] = []
    by_medium: dict[str, list[int]] = {}
    for medium, frame in answers.people:
        by_medium.setdefault(medium, []).append(frame)
    for medium, frames in by_medium.items():
        if medium not in labelled.rows:
            answers.faults.append(f"medium {medium[:12]} is not known, or not labelled")
            continue
        tracks = _exported(labelled, medium, answers)
        if tracks is not None:
            rows += [row for frame in frames for row in _of_frame(tracks, frame, answers)]
    return rows


def _exported(labelled: Labelled, medium: str, answers: Annotations) -> MediumTracks | None:
    """The tracks that the annotator saw, as the file names say; None (and a fault) when they cannot be had."""
    origins = answers.origins.get(medium, {labelled.labeller.fingerprint})
    if len(origins) > 1:
        answers.faults.append(f"medium {medium[:12]} comes with tracks of {len(origins)} labellers in one file")
        return None
    (origin,) = origins
    found = labelled.tracks_by(medium, origin)
    if found is None or found.skeleton != answers.skeleton:
        answers.faults.append(
            f"medium {medium[:12]} was exported with tracks of labeller {origin[:12]}, "
            + ("which the store does not have" if found is None else f"whose skeleton is {found.skeleton.name}")
        )
        return None
    sizes = answers.sizes.get(medium, set()) - {(found.width_px, found.height_px)}
    if sizes:
        came = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
        answers.faults.append(
            f"medium {medium[:12]} has pictures of {found.width_px}x{found.height_px}, and the file was annotated in "
            f"pictures of {came}: annotate those that were exported, in their own size"
        )
        return None
    return found


def _of_frame(tracks: MediumTracks, frame: int, answers: Annotations) -> list[Correction]:
    """The corrections of one frame; what it says of people who are not there goes to the faults."""
    said = answers.people[tracks.medium, frame]
    where = f"frame {frame} of medium {tracks.medium[:12]}"
    found = {t.person: t.xy[row] for t in tracks.tracks for row in np.flatnonzero(t.frame == frame)}
    answers.faults += [f"{where} has no person {number}" for number in said if number not in found]
    answers.faults += [f"person {number} in {where} is at infinity" for number in said if np.isinf(said[number]).any()]
    if not found and not said:
        answers.faults.append(f"nobody is in {where}")
    unseen = np.full((len(tracks.skeleton), 2), np.nan, np.float32)
    return [
        row for person, xy in found.items() for row in _differences(tracks, frame, person, xy, said.get(person, unseen))
    ]


def _differences(
    tracks: MediumTracks, frame: int, person: int, found: NDArray[np.float32], said: NDArray[np.float32]
) -> list[Correction]:
    hidden = np.isnan(said[:, 0])
    apart = np.linalg.norm(found - said, axis=-1) > MOVED_PX  # NaN is not apart
    changed = apart | (np.isnan(found[:, 0]) != hidden)
    return [
        Correction(
            tracks.medium,
            tracks.labeller,
            tracks.skeleton.name,
            person,
            frame,
            tracks.skeleton.keypoints[k],
            *((None, None) if hidden[k] else (round(float(said[k, 0]), 3), round(float(said[k, 1]), 3))),
        )
        for k in np.flatnonzero(changed).tolist()
    ]


def _frames(labelled: Labelled, item: RowMapping) -> list[int]:
    """Frame numbers of the item's interval."""
    track = next((t for t in labelled.tracks(item["medium"]).tracks if t.person == item["person"]), None)
    return [] if track is None else track.frame[rows_within(track, item["start_s"], item["end_s"])].tolist()


def _listed(faults: Sequence[str]) -> str:
    each = list(dict.fromkeys(faults))
    more = len(each) - SHOWN
    return "; ".join(each[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
