"""Main subject: among all people of a clip, the one who moves, is large, central and there throughout."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.features.subject_traits import Traits, scores
from posemill.pose.geometry import box_size
from posemill.pose.track import MediumTracks, PoseTrack

PIECE_REACH = 1.0  # pieces of one person lie at most so many body sizes apart


def main_subject(tracks: MediumTracks, start_s: float = 0.0, end_s: float = float("nan")) -> PoseTrack | None:
    """Return the main subject's poses with start_s <= time < end_s (NaN = to the end); None where there is no person.

    Whoever stands by, passes by, hangs on the wall as a picture or is a mirror image scores low, and is taken only
    where there is nobody else. Confidence plays no part: a bystander who stands still is often seen best. Pieces of the
    same person, which a tracker lost and found again, are joined. A track of a single pose counts where no other is
    longer, as in a picture.
    """
    end = tracks.duration_s + 1.0 if np.isnan(end_s) else end_s
    found = [track.between(start_s, end) for track in tracks.tracks]
    pieces = [t for t in found if len(t) > 1] or [t for t in found if len(t)]
    if not pieces:
        return None
    length = max(min(end, tracks.duration_s) - start_s, 1e-6)
    people = [Traits.of(p, length, tracks.width_px, tracks.height_px) for p in pieces]
    order = np.argsort(scores(people), kind="stable")[::-1]
    subject: PoseTrack = pieces[order[0]]
    for i in order[1:]:
        subject = _joined(subject, pieces[i])
    return subject


def _middle(xy: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean seen keypoint a frame, (T, 2); NaN in a frame without any."""
    known = ~np.isnan(xy[..., 0])
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(xy, axis=1) / known.sum(1)[:, None], np.float64)


def _joined(subject: PoseTrack, piece: PoseTrack) -> PoseTrack:
    """Join a piece before or after the subject's track, if it is as large and close enough to be the same person."""
    if piece.time_s[0] > subject.time_s[-1]:
        first, second = subject, piece
    elif piece.time_s[-1] < subject.time_s[0]:
        first, second = piece, subject
    else:
        return subject
    near = [_middle(first.xy[-5:]), _middle(second.xy[:5])]
    size = [float(np.median(box_size(t.xy).max(-1))) for t in (first, second)]
    away = float(np.linalg.norm(np.nanmean(near[0], 0) - np.nanmean(near[1], 0)))
    if not away < PIECE_REACH * max(size) or not 0.5 < size[0] / max(size[1], 1e-6) < 2:
        return subject
    rows = _ROWS if first.z is None else (*_ROWS, "z")
    both: dict[str, Any] = {f: np.concatenate([getattr(first, f), getattr(second, f)]) for f in rows}
    return replace(subject, **both)


_ROWS = ("frame", "time_s", "xy", "confidence", "state")
