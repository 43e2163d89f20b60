"""Register a file: its bytes in the store, its rows in the database. The one way in for every source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from posemill.pose.track import MediumTracks
from posemill.store import catalog
from posemill.store.media import MediaStore
from posemill.store.track_file import medium_bytes


def register_video(
    conn: Connection,
    store: MediaStore,
    path: Path,
    *,
    dataset: str,
    source: str,
    activity: str | None = None,
    subject: str | None = None,
    camera: str | None = None,
    split: str | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    annotated_by: str,
    truth: MediumTracks | None = None,
) -> str:
    """Store a video, add its medium and one clip (the whole of it, or start_s..end_s); returns its digest.

    truth: its exact keypoints; `medium` in it is replaced by the digest. The same file again changes nothing.
    """
    digest = store.put(path)
    catalog.add_medium(conn, catalog.MediumRow(digest, dataset, source, annotated_by))
    clip = catalog.ClipRow(digest, annotated_by, start_s or 0.0, end_s, activity, subject, camera, split)
    catalog.add_clip(conn, clip)
    if truth is not None:
        register_ground_truth(conn, store, digest, truth, origin=dataset, annotated_by=annotated_by)
    return digest


def register_ground_truth(
    conn: Connection, store: MediaStore, medium: str, truth: MediumTracks, *, origin: str, annotated_by: str
) -> str:
    """Store exact keypoints of a medium as a track file; returns that file's digest."""
    digest = store.put_bytes(medium_bytes(replace(truth, medium=medium)))
    catalog.add_ground_truth(conn, medium, digest, truth.skeleton.name, origin, annotated_by)
    return digest
