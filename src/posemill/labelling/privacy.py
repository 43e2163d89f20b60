"""Videos that are kept no longer than their poses need: removed, or replaced by a copy with blurred faces."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select, update

from posemill.labelling.labeller import Labeller
from posemill.pose.track import MediumTracks
from posemill.store import schema
from posemill.store.ledger import database

KEYPOINTS_ONLY, BLUR_FACES = "keypoints-only", "blur-faces"
M = schema.medium.c


def discard_posed(labeller: Labeller, engine: Engine) -> int:
    """Discard the bytes of all media that were added so and are posed; return how many. Killed, the next call goes on.

    Poses, labels and the digest of the video stay. The database knows first, so that ingest does not look for them.
    """
    with database(engine) as connection:
        rows = connection.execute(
            select(M.id, M.digest, M.privacy)
            .where(M.privacy.is_not(None), M.kind == "video", M.digest.is_not(None))
            .order_by(M.id)
        ).all()
    stored = [row for row in rows if labeller.media.has(row.digest)]
    missing = set(labeller.missing([row.digest for row in stored]))
    posed = [row for row in stored if row.digest not in missing]
    for row in posed:
        blurred = _blurred(labeller, row.digest) if row.privacy == BLUR_FACES else None
        change: dict[str, Any] = {"bytes_removed_at": func.now(), "blurred_digest": blurred}
        with database(engine) as connection:
            connection.execute(update(schema.medium).where(M.id == row.id).values(change))
        labeller.media.discard(row.digest, row.privacy, blurred)
    return len(posed)


def _blurred(labeller: Labeller, medium: str) -> str:
    """Store a copy with blurred faces; return its digest."""
    with tempfile.TemporaryDirectory(prefix="posemill-blur-") as folder:
        copy = Path(folder) / "blurred.mp4"
        write_blurred(labeller.labelled(medium), labeller.media.fetch(medium), copy)
        return labeller.media.put(copy)


def write_blurred(tracks: MediumTracks, video: Path, target: Path) -> None:
    """Write a copy of a video with the faces of its tracked people blurred; without sound."""
    from posemill.estimation.faces import FaceBlur
    from posemill.video.encode import VideoWriter
    from posemill.video.sandboxed import probe_sandboxed, read_frames_sandboxed

    about, faces = probe_sandboxed(video), FaceBlur(tracks)
    with VideoWriter(target, about.fps, about.width_px, about.height_px) as writer:
        for frame in read_frames_sandboxed(video):
            writer.write(faces.blur(frame.image, frame.time_s), frame.time_s)
