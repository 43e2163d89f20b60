"""Pairs of people as one track: a skeleton of twice the keypoints, the person's own and those of a partner.

What two people do together (shaking hands, a push, help to get up) is seen in both. A pair is a track like any other,
so windows, augmentations, networks and exports take it as they are. The partner's keypoints are named `partner_…`, and
are not seen where there is nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posemill.pose.geometry import box_size
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import PoseTrack

PARTNER = "partner_"
REACH = 1.5  # body sizes between two people's middles: an arm's length and a step
ALIKE = 2.5  # times as large as the other, in the picture: then they do not stand beside each other
MIN_SHARED = 0.25  # of the person's poses, in which the partner is seen


def paired(skeleton: Skeleton) -> Skeleton:
    """Return the skeleton of two such people.

    Examples:
        >>> from posemill.pose.skeleton import BODY_12
        >>> both = paired(BODY_12)
        >>> both.name, len(both), both.keypoints[12]
        ('body-12x2', 24, 'partner_left_shoulder')
    """
    other = {k: PARTNER + k for k in skeleton.keypoints}
    return Skeleton(
        f"{skeleton.name}x2",
        (*skeleton.keypoints, *other.values()),
        (*skeleton.edges, *((other[a], other[b]) for a, b in skeleton.edges)),
        (*skeleton.pairs, *((other[a], other[b]) for a, b in skeleton.pairs)),
        skeleton.sigmas * 2,
    )


def is_paired(skeleton: Skeleton) -> bool:
    """Return True for a skeleton of two people."""
    return any(k.startswith(PARTNER) for k in skeleton.keypoints)


def own(skeleton: Skeleton) -> Skeleton:
    """Return the skeleton of one of the two people; of one person, itself."""
    if not is_paired(skeleton):
        return skeleton
    half = len(skeleton) // 2
    mine = set(skeleton.keypoints[:half])
    return Skeleton(
        skeleton.name.removesuffix("x2"),
        skeleton.keypoints[:half],
        tuple(edge for edge in skeleton.edges if mine.issuperset(edge)),
        tuple(pair for pair in skeleton.pairs if mine.issuperset(pair)),
        skeleton.sigmas[:half],
    )


def pair(track: PoseTrack, partner: PoseTrack | None) -> PoseTrack:
    """Return a person's poses with those of a partner in the same frames, as a track of `paired(track.skeleton)`.

    Errors: SkeletonError where the partner lacks a keypoint of the person's.
    """
    t, k = track.xy.shape[:2]
    xy, confidence = np.full((t, 2 * k, 2), np.nan, np.float32), np.zeros((t, 2 * k), np.float32)
    xy[:, :k], confidence[:, :k] = track.xy, track.confidence
    z = None if track.z is None else np.concatenate([track.z, np.full((t, k), np.nan, np.float32)], 1)
    if partner is not None:
        partner = partner.to(track.skeleton)
        _, here, there = np.intersect1d(track.frame, partner.frame, return_indices=True)
        xy[here, k:], confidence[here, k:] = partner.xy[there], partner.confidence[there]
        if z is not None and partner.z is not None:
            z[here, k:] = partner.z[there]
    return replace(track, skeleton=paired(track.skeleton), xy=xy, confidence=confidence, z=z)


def with_partner(track: PoseTrack, others: Iterable[PoseTrack]) -> PoseTrack:
    """Return a person's poses with those of whoever is nearest, see `partner_of`; nobody is not seen."""
    return pair(track, partner_of(track, others))


def partner_of(track: PoseTrack, others: Iterable[PoseTrack]) -> PoseTrack | None:
    """Return the person who is nearest while both are seen; None where nobody comes within REACH body sizes.

    Distance is that of the bodies' middles when they are nearest (a tenth of the time), over the larger body. People of
    very different sizes in the picture stand at different depths; pieces of the person's own track are no partner.
    """
    best: tuple[float, PoseTrack] | None = None
    for other in others:
        _, here, there = np.intersect1d(track.frame, other.frame, return_indices=True)
        if len(here) < max(MIN_SHARED * len(track), 1) or np.array_equal(track.xy[here], other.xy[there], True):
            continue
        sizes = [float(np.median(box_size(xy).max(-1))) for xy in (track.xy[here], other.xy[there])]
        if min(sizes) <= 0 or max(sizes) > ALIKE * min(sizes):
            continue
        away = np.linalg.norm(_middle(track, here) - _middle(other, there), axis=-1)
        known = away[~np.isnan(away)]
        if not len(known):
            continue
        nearest = float(np.quantile(known, 0.1)) / max(sizes)
        if nearest <= REACH and (best is None or nearest < best[0]):
            best = nearest, other
    return None if best is None else best[1]


def _middle(track: PoseTrack, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean seen keypoint (T, 2 or 3) of rows; NaN in one without any."""
    points = track.xy if track.z is None else np.concatenate([track.xy, track.z[..., None]], -1)
    known = ~np.isnan(points[rows, :, 0])
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(points[rows], axis=1) / known.sum(1)[:, None], np.float64)
