"""Quality metrics of tracks and clips, one row each, that expectations check as columns. numpy over whole tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.params.validate import ValidateParams
from posemill.pose.skeleton import Skeleton

if TYPE_CHECKING:
    import pandas as pd

_NEIGHBOUR_S = 0.25  # poses further apart than this may differ in anything
_JUMP_OF_BODY = 0.25  # a change of length below this share of the body is noise on a short bone
_NAN = float("nan")
_CORNERS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """Quality metrics of one track. NaN where it cannot be measured, which no expectation counts as a fault.

    poses                   how many; NaN in a medium of a single frame, which cannot have more than one.
    infinite, half_seen     number of keypoints with an infinite coordinate, and with only one of x and y.
    confidence_min, _max    over all keypoints; confidence_unseen: the largest where the keypoint is not seen.
    time_step_s, frame_step the smallest step from one pose to the next.
    seen_keypoints          in the median pose; seen_share: of all poses times keypoints.
    outside_share           of the seen keypoints, those outside the picture by more than the tolerance.
    bone_jump_share         of the pairs of neighbouring poses, those in which a bone jumps in length.
    bone_ratio              the longest bone (median over time) over the trunk at its least foreshortened.
    body_px                 median over time of the longer side of the box around the person.
    """

    medium: str
    person: int
    poses: float
    infinite: int
    half_seen: int
    confidence_min: float
    confidence_max: float
    confidence_unseen: float
    time_step_s: float
    frame_step: float
    seen_keypoints: float
    seen_share: float
    outside_share: float
    bone_jump_share: float
    bone_ratio: float
    body_px: float


def track_facts(
    medium: str,
    person: int,
    frame: NDArray[np.int32],
    time_s: NDArray[np.float64],
    xy: NDArray[np.float32],
    confidence: NDArray[np.float32],
    size_px: tuple[int, int],
    skeleton: Skeleton,
    params: ValidateParams,
    still: bool = False,
) -> TrackFacts:
    """Measure one track; arrays as in PoseTrack, but nothing about them is taken for granted.

    size_px  width and height of the upright picture.
    still    the medium has a single frame.
    """
    seen = np.asarray(np.isfinite(xy).all(-1))
    clean = np.where(seen[..., None], xy, np.nan).astype(np.float64)
    lengths = bone_lengths(clean, skeleton)
    body = body_px(clean)
    return TrackFacts(
        medium=medium,
        person=person,
        poses=_NAN if still else len(frame),
        infinite=int(np.isinf(xy).any(-1).sum()),
        half_seen=int((np.isnan(xy).any(-1) & ~np.isnan(xy).all(-1)).sum()),
        confidence_min=_extreme(np.min, confidence),
        confidence_max=_extreme(np.max, confidence),
        confidence_unseen=_extreme(np.max, confidence[~seen]),
        time_step_s=_extreme(np.min, np.diff(time_s)),
        frame_step=_extreme(np.min, np.diff(frame)),
        seen_keypoints=_extreme(np.median, seen.sum(-1)),
        seen_share=float(seen.mean()) if seen.size else 0.0,
        outside_share=_outside(clean, seen, size_px, params.image_tolerance),
        bone_jump_share=_jumps(lengths, time_s, body, params.bone_jump_ratio),
        bone_ratio=_ratio(clean, lengths, skeleton),
        body_px=body,
    )


def bone_lengths(xy: NDArray[np.float64], skeleton: Skeleton) -> NDArray[np.float64]:
    """(T, K, 2) pixels → (T, E) lengths of the skeleton's edges, pixels; NaN where an end is not seen."""
    parent, child = skeleton.edge_index.T
    return np.asarray(np.linalg.norm(xy[:, parent] - xy[:, child], axis=-1))


def body_px(xy: NDArray[np.float64]) -> float:
    """Median over time of the longer side of the box around the seen keypoints; NaN where nothing is seen."""
    seen = ~np.isnan(xy[..., 0])
    some = seen.sum(-1) >= 2
    if not some.any():
        return _NAN
    side = np.nanmax(xy[some], axis=1) - np.nanmin(xy[some], axis=1)
    return float(np.median(side.max(-1)))


def clip_facts(clips: pd.DataFrame, media: pd.DataFrame, labelled: pd.DataFrame, poses: pd.Series[int]) -> pd.DataFrame:
    """Add to the clips what their suite checks.

    clips, media  ingest's tables; labelled  label's media table; poses  by clip: poses of accepted tracks inside it.
    Adds medium_kind and medium_status (null where the medium is not in that table), length_s, beyond_end_s (how far
    the clip reaches over its medium's end) and poses (NaN where the medium is not labelled, which is a fault already,
    and where it has a single frame with somebody in it).
    """
    by_medium = media.set_index("medium")
    duration = clips["medium"].map(by_medium["duration_s"]).astype("float64")
    status = clips["medium"].map(labelled.set_index("medium")["status"])
    end = clips["end_s"].astype("float64").fillna(duration)
    still = clips["medium"].map(by_medium["frames"]) == 1
    accepted = clips["clip"].map(poses).fillna(0).astype("float64")
    return clips.assign(
        medium_kind=clips["medium"].map(by_medium["kind"]),
        medium_status=status,
        length_s=end - clips["start_s"],
        beyond_end_s=end - duration,
        poses=accepted.where(status.isin(["labelled", "imported"]) & ~(still & (accepted > 0))),
    )


def _extreme(function: np.ufunc | object, values: NDArray[np.generic]) -> float:
    return float(function(values)) if values.size else _NAN  # type: ignore[operator]


def _outside(xy: NDArray[np.float64], seen: NDArray[np.bool_], size_px: tuple[int, int], tolerance: float) -> float:
    if not seen.any():
        return _NAN
    size = np.array(size_px, np.float64)
    outside = np.asarray(((xy < -tolerance * size) | (xy > (1 + tolerance) * size)).any(-1))
    return float(outside[seen].mean())


def _jumps(lengths: NDArray[np.float64], time_s: NDArray[np.float64], body: float, ratio: float) -> float:
    """Share of neighbouring poses in which a bone is `ratio` times longer or shorter, and visibly so."""
    near = np.diff(time_s) <= _NEIGHBOUR_S
    before, after = lengths[:-1][near], lengths[1:][near]
    if not len(before) or not np.isfinite(body):
        return _NAN
    low, high = np.minimum(before, after), np.maximum(before, after)
    with np.errstate(invalid="ignore"):
        jumped = (high > ratio * low) & (high - low > _JUMP_OF_BODY * body)
    return float(jumped.any(-1).mean())


def _ratio(xy: NDArray[np.float64], lengths: NDArray[np.float64], skeleton: Skeleton) -> float:
    """Longest median bone over the 90th percentile of the trunk (middle of the shoulders to middle of the hips)."""
    if not set(_CORNERS) <= set(skeleton.keypoints):
        return _NAN
    corners = [xy[:, skeleton.index(name)] for name in _CORNERS]
    trunk: NDArray[np.float64] = np.asarray(
        np.linalg.norm((corners[0] + corners[1] - corners[2] - corners[3]) / 2, axis=-1)
    )
    measured = np.asarray(np.isfinite(lengths).any(0), bool)
    if not np.isfinite(trunk).any() or not measured.any():
        return _NAN
    longest = float(np.nanmedian(lengths[:, measured], axis=0).max())
    return longest / max(float(np.nanquantile(trunk, 0.9)), 1e-6)
