"""Scale: pixels to metres from a person's standing height, and how it changes as the person comes nearer."""

from __future__ import annotations

import numpy as np

from posemill.applications.mocap.low_pass import best_cutoff, low_pass
from posemill.applications.mocap.points import SIDES, Floats, middle, point
from posemill.errors import InputError

# shank, thigh and trunk (hip to shoulder) as a share of standing height: Drillis and Contini 1966 by way of Winter
OF_HEIGHT = 0.246 + 0.245 + 0.288
SLOW_HZ = (0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)  # cut-offs to choose from: a body's distance changes slowly
PLANAR_QUANTILE = 0.9  # of a segment's projected length, which is never longer than the segment, but for noise


def segment_lengths(points: Floats) -> dict[str, Floats]:
    """Lengths (T,) of the body's long segments, by name, in the unit of the points (T, 18, D)."""
    ends = {"trunk": middle(points, "shoulder") - middle(points, "hip")}
    for side in SIDES:
        for name, first, second in (
            ("thigh", "hip", "knee"),
            ("shank", "knee", "ankle"),
            ("upper_arm", "shoulder", "elbow"),
            ("forearm", "elbow", "wrist"),
        ):
            ends[f"{name}_{side}"] = point(points, f"{side}_{second}") - point(points, f"{side}_{first}")
    return {name: np.linalg.norm(ends_, axis=-1) for name, ends_ in ends.items() if np.isfinite(ends_).any()}


def standing_height(lengths: dict[str, Floats], planar: bool) -> float:
    """Standing height in the unit of the lengths, from trunk and legs.

    planar  projected lengths: their upper quantile stands for the true length, else the median.
    Errors: InputError where the legs were never seen.
    """

    def typical(*names: str) -> float:
        known = [lengths[name] for name in names if name in lengths]
        if not known:
            raise InputError(f"the scale from a person's height needs {names[0]}, which was never seen")
        return float(np.mean([np.nanquantile(v, PLANAR_QUANTILE) if planar else np.nanmedian(v) for v in known]))

    legs = typical("thigh_left", "thigh_right") + typical("shank_left", "shank_right")
    return (legs + typical("trunk")) / OF_HEIGHT


def relative_scale(time_s: Floats, lengths: dict[str, Floats]) -> Floats:
    """Scale (T,) relative to the usual one, from 3-D lengths that all grow together as the person comes nearer."""
    ratios = np.stack([values / np.nanmedian(values) for values in lengths.values()], -1)
    known = np.isfinite(ratios).any(-1)
    if known.sum() < 4:
        return np.ones(len(time_s))
    ratio = np.nanmedian(ratios[known], -1)
    rate_hz = 1 / float(np.median(np.diff(time_s)))
    cutoff_hz = best_cutoff(time_s[known], ratio[:, None, None], rate_hz, SLOW_HZ)
    slow = low_pass(time_s[known], ratio[:, None, None], cutoff_hz)[:, 0, 0]
    return np.asarray(np.interp(time_s, time_s[known], slow), np.float64)
