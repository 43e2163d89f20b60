"""Keypoint sequences into the store and the database, in bulk. A medium is then a track file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from posemill.errors import InputError
from posemill.ingest.datasets.sequence import Fault, Found, Sequence
from posemill.ingest.entry import printable
from posemill.ingest.validator import Watch, told
from posemill.store import catalog
from posemill.store.clip_fields import clip_values
from posemill.store.media import MediaStore
from posemill.store.track_file import medium_bytes

Faulty = Literal["quarantine", "refuse"]
STAGE, BY = "ingest", "import"  # the stage that passes over what is set aside here


@dataclass(frozen=True, slots=True)
class Collection:
    """What is to be imported.

    origin   a sentence about where it comes from, kept with the dataset.
    place    its file or folder.
    read     gives its sequences, from the beginning each time.
    motion, nobody, classes  see soundness.Watch.
    """

    dataset: str
    origin: str
    place: Path
    read: Callable[[], Found]
    motion: bool = True
    nobody: bool = False
    classes: Iterable[str] | None = None

    def watch(self) -> Watch:
        """Somebody who looks at its sequences."""
        return Watch(motion=self.motion, nobody=self.nobody, classes=self.classes)

    def address(self, name: str) -> str:
        """Where a sequence is, as a URL."""
        return f"file://{printable(str(self.place.absolute()))}/{printable(name)}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. faults: one sentence for each sequence that was set aside; the others are in."""

    sequences: int
    media_added: int
    clips_added: int
    frames: int
    conflicts: tuple[str, ...]
    faults: tuple[str, ...]


def import_sequences(
    conn: Connection,
    store: MediaStore,
    what: Collection,
    *,
    annotated_by: str,
    faulty: Faulty = "quarantine",
    advance: Callable[[], object] = lambda: None,
) -> Imported:
    """Import a data set. The same again changes nothing; what was set aside and is sound now is taken in.

    faulty  `quarantine`: the sound sequences go in, the others are set aside with their reasons; `refuse`: nothing
            goes in when one is faulty.
    Errors: InputError with all faults by name when it is refused, or when no sequence is sound; the transaction is the
    caller's.
    """
    if faulty == "refuse":
        _refuse(what)
    watch, rows, unread = what.watch(), dict[str, _Row](), list[Fault]()
    for found in what.read():
        advance()
        if isinstance(found, Fault):
            unread.append(found)
            continue
        reason = watch.sequence(found)
        if found.tracks.frames:
            rows[found.name] = _Row(
                found, store.put_bytes(medium_bytes(found.tracks)), annotated_by, what.dataset, reason
            )
        else:
            unread.append(Fault(found.name, reason or "it is empty: no frame"))
    aside = {name: row.reason for name, row in rows.items() if row.reason} | watch.crossing()
    sentences = tuple(fault.sentence() for fault in (*unread, *(Fault(n, r) for n, r in aside.items())))
    if len(aside) == len(rows):
        raise InputError(f"none of {len(sentences)} sequences of {what.place} is sound:{told(sentences)}")
    catalog.add_dataset(conn, what.dataset, annotated_by, origin=what.origin)
    added = catalog.add_media(conn, [row.medium for row in rows.values()])
    outcome = catalog.add_clips(conn, [row.clip for row in rows.values()])
    _set_aside(conn, what, {rows[name].medium.digest: reason for name, reason in aside.items()}, unread, annotated_by)
    sound = {name: row for name, row in rows.items() if name not in aside}
    _take_back(conn, {what.address(name): row.medium.digest for name, row in sound.items()}, annotated_by)
    frames = sum(row.medium.frames or 0 for row in sound.values())
    return Imported(len(sound), added, outcome.added, frames, outcome.conflicts, sentences)


class _Row:
    """A sequence as it goes into the database; its keypoints are in the store by then."""

    __slots__ = ("clip", "medium", "reason")

    def __init__(self, sequence: Sequence, digest: str, annotated_by: str, dataset: str, reason: str | None) -> None:
        tracks, self.reason = sequence.tracks, reason
        self.medium = catalog.MediumRow(
            digest=digest,
            dataset=dataset,
            source=sequence.source or sequence.name,
            added_by=annotated_by,
            kind="keypoints",
            width_px=tracks.width_px,
            height_px=tracks.height_px,
            fps=tracks.frames / tracks.duration_s,
            frames=tracks.frames,
            duration_s=tracks.duration_s,
        )
        fields = clip_values(sequence) | {"subject": sequence.subject or f"{dataset}/{sequence.name}"}
        self.clip = catalog.ClipRow(digest, annotated_by, **fields)


def _refuse(what: Collection) -> None:
    watch, faults, number = what.watch(), list[Fault](), 0
    for number, found in enumerate(what.read(), 1):  # noqa: B007
        reason = found.reason if isinstance(found, Fault) else watch.sequence(found)
        if reason:
            faults.append(Fault(found.name, reason))
    faults += [Fault(name, reason) for name, reason in watch.crossing().items()]
    if faults:
        raise InputError(
            f"{len(faults)} of {number} sequences of {what.place} are faulty, so nothing was imported (`--faulty "
            f"quarantine` takes the others):{told(fault.sentence() for fault in faults)}"
        )


def _set_aside(
    conn: Connection, what: Collection, aside: Mapping[str, str], unread: Iterable[Fault], annotated_by: str
) -> None:
    """aside: digest to reason. What could not be read has no digest, and is known by its address."""
    for digest, reason in aside.items():
        catalog.quarantine_medium(conn, digest, stage=STAGE, reason=printable(reason), added_by=BY)
    for fault in unread:
        row = catalog.add_address(
            conn,
            what.address(fault.name),
            dataset=what.dataset,
            source=printable(fault.name),
            added_by=annotated_by,
            kind="keypoints",
        )
        catalog.quarantine(conn, "medium", stage=STAGE, reason=printable(fault.sentence()), added_by=BY, medium_row=row)


def _take_back(conn: Connection, sound: Mapping[str, str], annotated_by: str) -> None:
    """What an earlier import set aside and is sound now. sound: address to digest."""
    catalog.readable_again(conn, sound, annotated_by)
    digests = set(sound.values())
    for row in catalog.open_quarantine(conn, [STAGE]):
        if row["added_by"] == BY and row["medium"] in digests:
            catalog.resolve_quarantine(conn, row["id"], annotated_by)
