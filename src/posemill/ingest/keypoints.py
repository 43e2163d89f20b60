"""Keypoint sequences into the store and the database, in bulk. A medium is then a track file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from posemill.errors import InputError
from posemill.ingest.datasets import penn_action
from posemill.ingest.datasets.penn_action import ASSUMED_FPS, DATASET, Sequence
from posemill.store import catalog
from posemill.store.media import MediaStore
from posemill.store.track_file import medium_bytes


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. faults: one sentence for each file that could not be read; the others are in."""

    sequences: int
    media_added: int
    clips_added: int
    frames: int
    conflicts: tuple[str, ...]
    faults: tuple[str, ...]


def import_penn_action(
    conn: Connection, store: MediaStore, files: Iterable[tuple[str, bytes]], *, said_by: str,
    fps: float = ASSUMED_FPS, advance: Callable[[], object] = lambda: None,
) -> Imported:  # fmt: skip
    """Import label files (name, bytes). The same files again change nothing.

    Errors: InputError when no file could be read; the transaction is the caller's.
    """
    media, clips, faults, frames = [], [], [], 0
    for name, content in files:
        try:
            sequence = penn_action.parse(name, content, fps)
        except InputError as exc:
            faults.append(str(exc))
            continue
        finally:
            advance()
        medium, clip = _rows(sequence, store.put_bytes(medium_bytes(sequence.tracks)), said_by, fps)
        media.append(medium)
        clips.append(clip)
        frames += sequence.tracks.frames
    if not media:
        raise InputError(f"none of {len(faults)} files could be read: {'; '.join(faults[:3])}")
    rate = f"no frame rate is given, {fps:g} frames per second assumed"
    catalog.add_dataset(conn, DATASET, said_by, origin=f"Penn Action, keypoints only; {rate}")
    added = catalog.add_media(conn, media)
    outcome = catalog.add_clips(conn, clips)
    return Imported(len(media), added, outcome.added, frames, outcome.conflicts, tuple(faults))


def _rows(sequence: Sequence, digest: str, said_by: str, fps: float) -> tuple[catalog.MediumRow, catalog.ClipRow]:
    tracks = sequence.tracks
    medium = catalog.MediumRow(
        digest=digest, dataset=DATASET, source=f"{sequence.name}.mat", added_by=said_by, kind="keypoints",
        width_px=tracks.width_px, height_px=tracks.height_px, fps=fps, frames=tracks.frames,
        duration_s=tracks.duration_s,
    )  # fmt: skip
    subject = f"{DATASET}/{sequence.name}"
    clip = catalog.ClipRow(digest, said_by, activity=sequence.activity, subject=subject, split=sequence.split)
    return medium, clip
