"""Register a file: its bytes in the store, its rows in the database. The one way in for every source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

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
    annotated_by: str,
    ground_truth: MediumTracks | None = None,
    privacy: str | None = None,
    **fields: Any,
) -> str:
    """Store a video, add its medium and one clip; return its digest. The same file again changes nothing.

    ground_truth  its exact keypoints; `medium` in it is replaced by the digest.
    privacy       what becomes of it once it is posed, see catalog.MediumRow.
    fields        clip fields by name (store/clip_fields.py), such as activity; without start_s and end_s the clip is
                  the whole video.
    """
    digest = store.put(path)
    catalog.add_medium(conn, catalog.MediumRow(digest, dataset, source, annotated_by, privacy=privacy))
    catalog.add_clip(conn, catalog.ClipRow(digest, annotated_by, **fields))
    if ground_truth is not None:
        register_ground_truth(conn, store, digest, ground_truth, origin=dataset, annotated_by=annotated_by)
    return digest


def register_ground_truth(
    conn: Connection, store: MediaStore, medium: str, ground_truth: MediumTracks, *, origin: str, annotated_by: str
) -> str:
    """Store exact keypoints of a medium as a track file; return that file's digest."""
    digest = store.put_bytes(medium_bytes(replace(ground_truth, medium=medium)))
    catalog.add_ground_truth(conn, medium, digest, ground_truth.skeleton.name, origin, annotated_by)
    return digest
