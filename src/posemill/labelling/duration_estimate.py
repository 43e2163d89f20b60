"""How many frames there are in videos that nobody has measured yet, for a plan: a few are looked at, and speak for all.

Nothing is written: they are measured for good by who labels them.
"""

from __future__ import annotations

from collections.abc import Sequence

from posemill.errors import PosemillError
from posemill.store.media import MediaStore
from posemill.video.probe import probe

LOOKED_AT = 20


def estimate_frames(media: Sequence[str], store: MediaStore, stride: int) -> int | None:
    """Frames to look at in all of them, from the mean of a few; None where none of these is on this machine."""
    few = media[:: max(1, len(media) // LOOKED_AT)][:LOOKED_AT]
    found = [_frames(medium, store) for medium in few]
    known = [frames for frames in found if frames is not None]
    return round(sum(-(-frames // stride) for frames in known) / len(known) * len(media)) if known else None


def _frames(medium: str, store: MediaStore) -> int | None:
    path = store.local_path(medium)
    if path is None:
        return None
    try:
        return probe(path).frames
    except PosemillError:  # goes to quarantine when it is labelled
        return 0
