"""Foot contacts: which point of a foot stands still on the floor, and when."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from posemill.applications.mocap.params import MocapParams
from posemill.applications.mocap.points import INDEX, SIDES, Floats
from posemill.pose.smooth import butterworth

STEADY_HZ = 3.0  # speeds are judged below this frequency: above it is noise
AROUND_S = 0.8  # the floor is a point's lowest place this long before and after, since cameras are rarely level
SLOWEST = 0.25  # of a foot's usual top speed: who walks fast has a standing foot that is less still, and noise too
DEPTH = 0.5  # weight of the depth's speed, which is the least certain
CUT_S, CUT_M = 0.4, 0.08  # no step is as short as this in both
LEAVING = 1.5  # a contact goes on up to this many times the speed and height at which it begins

Contacts = dict[str, NDArray[np.bool_]]


def contact_points(points: Floats) -> tuple[str, ...]:
    """Names of the points that can stand: heels and toes where the skeleton has them, else the ankles."""
    seen = np.atleast_1d(np.isfinite(points).all(-1).any(0))
    feet = [f"{side}_{part}" for side in SIDES for part in ("heel", "toe") if seen[INDEX[f"{side}_{part}"]]]
    return tuple(feet) or tuple(f"{side}_ankle" for side in SIDES if seen[INDEX[f"{side}_ankle"]])


def find_contacts(time_s: Floats, points: Floats, params: MocapParams) -> Contacts:
    """Detect contacts: slow and near the floor. points (T, 18, 3) metres, Y up → point name → (T,) bool."""
    return {name: _contact(time_s, points[:, INDEX[name]], params) for name in contact_points(points)}


def _contact(time_s: Floats, place: Floats, params: MocapParams) -> NDArray[np.bool_]:
    slow = butterworth(time_s, place[:, None].astype(np.float32), STEADY_HZ)[:, 0].astype(np.float64)
    if len(time_s) < 3:
        return np.zeros(len(time_s), bool)
    speed = np.linalg.norm(np.gradient(slow, time_s, axis=0) * (1, 1, DEPTH), axis=-1)
    known = speed[np.isfinite(speed)]
    limit = max(params.contact_speed_m_s, SLOWEST * float(np.quantile(known, 0.95)) if len(known) else 0.0)
    height = slow[:, 1] - _lowest(slow[:, 1], round(AROUND_S / float(np.median(np.diff(time_s)))))
    share = np.maximum(speed / limit, height / params.contact_height_m)
    share = np.where(np.isnan(share), np.inf, share)
    standing = np.zeros(len(time_s), bool)
    for start, end in runs(share < LEAVING):
        held = np.flatnonzero(share[start:end] < 1)
        if len(held) and time_s[start + held[-1]] - time_s[start + held[0]] >= params.contact_min_s:
            standing[start + held[0] : start + held[-1] + 1] = True
    return _joined(time_s, slow, standing)


def _joined(time_s: Floats, place: Floats, standing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Join contacts that noise has cut: a short time apart, at the same place."""
    joined, stands = standing.copy(), runs(standing)
    for (first, end), (later, last) in pairwise(stands):
        apart = (np.nanmean(place[later:last], 0) - np.nanmean(place[first:end], 0)) * (1, 1, DEPTH)
        if time_s[later] - time_s[end - 1] <= CUT_S and np.linalg.norm(apart) <= CUT_M:
            joined[end:later] = True
    return joined


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of True as (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _lowest(values: Floats, reach: int) -> Floats:
    """Lowest value within `reach` frames; NaN is not counted."""
    from scipy.ndimage import minimum_filter1d

    filled = np.where(np.isnan(values), np.inf, values)
    return np.asarray(minimum_filter1d(filled, 2 * reach + 1, mode="nearest"))
