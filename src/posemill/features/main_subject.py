"""Main subject: among all people of a clip, the one who moves, is large, central and there throughout."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.pose.geometry import box_size
from posemill.pose.track import MediumTracks, PoseTrack

STEP_S = 0.25  # movement is measured over this time, so that an estimator's jitter counts little
PIECE_REACH = 1.0  # pieces of one person lie at most so many body sizes apart


@dataclass(frozen=True, slots=True)
class _Traits:
    """Traits of a track that make it the main subject; all 0..1 except movement and size (relative)."""

    presence: float
    size: float
    central: float
    movement: float

    def score(self) -> float:
        return self.presence * self.size * self.central * (0.15 + min(self.movement, 1.0))


def main_subject(tracks: MediumTracks, start_s: float = 0.0, end_s: float = float("nan")) -> PoseTrack | None:
    """Return the main subject's poses with start_s <= time < end_s (NaN = to the end); None where there is no person.

    Confidence plays no part: a bystander who stands still is often seen best. Pieces of the same person, which a
    tracker lost and found again, are joined. A track of a single pose counts where no other is longer, as in a picture.
    """
    end = tracks.duration_s + 1.0 if np.isnan(end_s) else end_s
    found = [track.between(start_s, end) for track in tracks.tracks]
    pieces = [t for t in found if len(t) > 1] or [t for t in found if len(t)]
    if not pieces:
        return None
    length = max(min(end, tracks.duration_s) - start_s, 1e-6)
    diagonal = float(np.hypot(tracks.width_px, tracks.height_px))
    centre = np.array([tracks.width_px, tracks.height_px]) / 2
    scores = [_traits(p, length, centre, diagonal).score() for p in pieces]
    order = np.argsort(scores)[::-1]
    subject: PoseTrack = pieces[order[0]]
    for i in order[1:]:
        subject = _joined(subject, pieces[i])
    return subject


def _traits(track: PoseTrack, length_s: float, centre: NDArray[np.float64], diagonal: float) -> _Traits:
    size = float(np.median(box_size(track.xy).max(-1)))
    middle = np.nan_to_num(_middle(track.xy), nan=0.0)
    away = float(np.median(np.linalg.norm(middle - centre, axis=-1))) / (diagonal / 2)
    step = float(np.median(np.diff(track.time_s))) if len(track) > 1 else length_s
    return _Traits(
        presence=min(len(track) * step / length_s, 1.0),
        size=size / diagonal,
        central=1.0 - 0.7 * min(away, 1.0),
        movement=_movement(track, max(size, 1.0)),
    )


def _middle(xy: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean seen keypoint a frame, (T, 2); NaN in a frame without any."""
    known = ~np.isnan(xy[..., 0])
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(xy, axis=1) / known.sum(1)[:, None], np.float64)


def _movement(track: PoseTrack, size_px: float) -> float:
    """Mean speed of keypoints against the body's middle over a quarter second, body sizes a second."""
    if len(track) < 2:
        return 0.0
    lag = max(round(STEP_S / float(np.median(np.diff(track.time_s)))), 1)
    if len(track) <= lag:
        return 0.0
    posture = track.xy - _middle(track.xy)[:, None]
    moved = (
        np.linalg.norm(posture[lag:] - posture[:-lag], axis=-1) / (track.time_s[lag:] - track.time_s[:-lag])[:, None]
    )
    return float(np.nan_to_num(np.nanmean(moved))) / size_px if np.isfinite(moved).any() else 0.0


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
