"""Duration estimate of videos that nobody has measured yet, from a sample of them, for a plan.

Nothing is written: the worker that labels a video measures it.
"""

from __future__ import annotations

from collections.abc import Sequence

from posemill.errors import PosemillError
from posemill.store.media import MediaStore
from posemill.video.sandboxed import probe_sandboxed

SAMPLE = 20


def estimate_frames(media: Sequence[str], store: MediaStore, stride: int) -> int | None:
    """Estimate the frames to label in all these media from a sample; None where none of it is on this machine."""
    sample = media[:: max(1, len(media) // SAMPLE)][:SAMPLE]
    counts = [_frames(medium, store) for medium in sample]
    known = [frames for frames in counts if frames is not None]
    return round(sum(-(-frames // stride) for frames in known) / len(known) * len(media)) if known else None


def _frames(medium: str, store: MediaStore) -> int | None:
    path = store.local_path(medium)
    if path is None:
        return None
    try:
        return probe_sandboxed(path).frames
    except PosemillError:  # goes to quarantine when it is labelled
        return 0
