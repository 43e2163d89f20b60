"""Import of keypoint sequences, in bulk; each becomes a medium whose file is a track file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from posemill.errors import InputError
from posemill.ingest.entry import printable
from posemill.ingest.protocol import SplitBy
from posemill.ingest.sequence import Fault, Sequence, SequenceStream, first_of_each_name
from posemill.ingest.validator import DatasetValidator, listed
from posemill.store import catalog
from posemill.store.clip_fields import clip_values
from posemill.store.media import MediaStore
from posemill.store.track_file import medium_bytes

Faulty = Literal["quarantine", "refuse"]
STAGE, BY = "ingest", "import"  # the stage that passes over what is in quarantine by an import


@dataclass(frozen=True, slots=True)
class SequenceSource:
    """A data set of keypoint sequences to import.

    origin   a sentence about where it comes from, kept with the dataset.
    path     its file or folder.
    read     gives its sequences, from the beginning each time.
    require_motion, allow_empty, classes, split_by  see validator.DatasetValidator.
    """

    dataset: str
    origin: str
    path: Path
    read: Callable[[], SequenceStream]
    require_motion: bool = True
    allow_empty: bool = False
    classes: Iterable[str] | None = None
    split_by: SplitBy = "subject"

    def validator(self) -> DatasetValidator:
        """Return a validator that has seen none of its sequences."""
        return DatasetValidator(
            require_motion=self.require_motion,
            allow_empty=self.allow_empty,
            classes=self.classes,
            split_by=self.split_by,
        )

    def address(self, name: str) -> str:
        """URL of a sequence."""
        return f"file://{printable(str(self.path.absolute()))}/{printable(name)}"


@dataclass(frozen=True, slots=True)
class Imported:
    """Result of an import. faults: one sentence for each sequence in quarantine; the others are in."""

    sequences: int
    media_added: int
    clips_added: int
    frames: int
    conflicts: tuple[str, ...]
    faults: tuple[str, ...]


def import_sequences(
    conn: Connection,
    store: MediaStore,
    source: SequenceSource,
    *,
    annotated_by: str,
    faulty: Faulty = "quarantine",
    advance: Callable[[], object] = lambda: None,
) -> Imported:
    """Import a data set. The same again changes nothing; what was in quarantine and is valid now is taken in.

    faulty  `quarantine`: the valid sequences go in, the others to quarantine with their reasons; `refuse`: nothing
            goes in when one is faulty.
    Errors: InputError with all faults by name when it is refused, or when no sequence is valid; the transaction is the
    caller's.
    """
    if faulty == "refuse":
        _refuse(source)
    validator, rows, unread = source.validator(), dict[str, _Row](), list[Fault]()
    for sample in first_of_each_name(source.read()):
        advance()
        if isinstance(sample, Fault):
            unread.append(sample)
            continue
        reason = validator.check_sequence(sample)
        if sample.tracks.frames:
            digest = store.put_bytes(medium_bytes(sample.tracks))
            rows[sample.name] = _Row(sample, digest, annotated_by, source.dataset, reason)
        else:
            unread.append(Fault(sample.name, reason or "it is empty: no frame"))
    invalid = {name: row.reason for name, row in rows.items() if row.reason} | validator.split_leaks()
    sentences = tuple(fault.sentence() for fault in (*unread, *(Fault(n, r) for n, r in invalid.items())))
    if len(invalid) == len(rows):
        raise InputError(f"none of {len(sentences)} sequences of {source.path} is sound:{listed(sentences)}")
    catalog.add_dataset(conn, source.dataset, annotated_by, origin=source.origin)
    added = catalog.add_media(conn, [row.medium for row in rows.values()])
    outcome = catalog.add_clips(conn, [row.clip for row in rows.values()])
    reasons = {rows[name].medium.digest: reason for name, reason in invalid.items()}
    _quarantine(conn, source, reasons, unread, annotated_by)
    valid = {name: row for name, row in rows.items() if name not in invalid}
    _release(conn, {source.address(name): row.medium.digest for name, row in valid.items()}, annotated_by)
    frames = sum(row.medium.frames or 0 for row in valid.values())
    return Imported(len(valid), added, outcome.added, frames, outcome.conflicts, sentences)


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


def _refuse(source: SequenceSource) -> None:
    validator, faults, number = source.validator(), list[Fault](), 0
    for number, sample in enumerate(first_of_each_name(source.read()), 1):  # noqa: B007
        reason = sample.reason if isinstance(sample, Fault) else validator.check_sequence(sample)
        if reason:
            faults.append(Fault(sample.name, reason))
    faults += [Fault(name, reason) for name, reason in validator.split_leaks().items()]
    if faults:
        raise InputError(
            f"{len(faults)} of {number} sequences of {source.path} are faulty, so nothing was imported (`--faulty "
            f"quarantine` takes the others):{listed(fault.sentence() for fault in faults)}"
        )


def _quarantine(
    conn: Connection, source: SequenceSource, reasons: Mapping[str, str], unread: Iterable[Fault], annotated_by: str
) -> None:
    """reasons: by digest. What could not be read has no digest, and is known by its address."""
    for digest, reason in reasons.items():
        catalog.quarantine_medium(conn, digest, stage=STAGE, reason=printable(reason), added_by=BY)
    for fault in unread:
        row = catalog.add_address(
            conn,
            source.address(fault.name),
            dataset=source.dataset,
            source=printable(fault.name),
            added_by=annotated_by,
            kind="keypoints",
        )
        catalog.quarantine(conn, "medium", stage=STAGE, reason=printable(fault.sentence()), added_by=BY, medium_row=row)


def _release(conn: Connection, valid: Mapping[str, str], annotated_by: str) -> None:
    """Take out of quarantine what an earlier import put there and is valid now. valid: address to digest."""
    catalog.release_readable(conn, valid, annotated_by)
    digests = set(valid.values())
    for row in catalog.open_quarantine(conn, [STAGE]):
        if row["added_by"] == BY and row["medium"] in digests:
            catalog.resolve_quarantine(conn, row["id"], annotated_by)
