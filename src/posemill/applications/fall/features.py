"""Features of a descent and what followed: what tells a fall from bending, sitting down and lying down.

One vector a look, in body lengths, seconds and shares, so that it depends on neither the picture's size nor its rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isnan

import numpy as np
from numpy.typing import NDArray

from posemill.applications.fall.descent import Descent, History
from posemill.applications.fall.geometry import BodyGeometry

FEATURES = (
    "head_speed",
    "hip_speed",
    "rise_speed",
    "drop",
    "largest_drop",
    "drop_kept",
    "hip_drop",
    "hips_seen",
    "head_height",
    "hip_height",
    "top_height",
    "trunk_level",
    "trunk_upside_down",
    "trunk_before",
    "trunk_midway",
    "thigh_level",
    "box_height",
    "box_width",
    "length",
    "head_above_hips",
    "head_above_ankles",
    "ankles_seen",
    "moved_before",
    "moved_across",
    "motion",
    "descent_s",
    "since_start_s",
    "longest_gap_s",
    "size_in_picture",
    "feet_in_picture",
    "out_of_bed",
    "feet_moved_across",
    "feet_moved_down",
    "knee_height",
    "hips_first",
    "stop_s",
    "known_s",
    "upright_before",
    "keypoints_before",
    "confidence_kept",
)
RECENT_S, BEFORE_S, GAPS_S = 0.5, 1.0, 1.5
USUAL_GAP_S = 0.15  # between the poses of a slow camera
_LIMIT = 4.0


def measure(
    history: History, descent: Descent, largest_drop: float, out_of_bed: bool, height_px: float
) -> NDArray[np.float32]:
    """Return the features (F,) float32 of a body after a descent; keypoints not seen count as 0, and are flagged.

    Args:
        history: of the body.
        descent: its way down.
        largest_drop: body lengths, of the descent so far.
        out_of_bed: True where it began in a bed zone.
        height_px: of the picture.
    """
    samples, length = history.samples, descent.length_px
    now_s, start_s = samples[-1].time_s, descent.started_s
    recent = [s for s in samples if s.time_s >= now_s - RECENT_S]
    before = [s for s in samples if start_s - BEFORE_S <= s.time_s <= start_s]
    after = [s for s in samples if s.time_s >= start_s]
    earlier = [s for s in samples if s.time_s <= start_s] or after[:1]
    head, hip, ankle = (_mean(getattr(s, name) for s in recent) for name in ("head_y", "hip_y", "ankle_y"))
    drop = (head - descent.top_y) / length
    low_y = descent.top_y + 0.85 * largest_drop * length
    midway_y = descent.top_y + 0.5 * largest_drop * length
    reached = next((s for s in after if s.head_y >= low_y), after[-1])
    midway = next((s for s in after if s.head_y >= midway_y), after[-1])
    start = before[-1] if before else after[0]
    values = (
        descent.speed,
        _fastest(after, "hip_y", 1.0) / length,
        _fastest([s for s in after if s.time_s >= reached.time_s], "head_y", -1.0) / length,
        drop,
        largest_drop,
        drop / max(largest_drop, 0.1),
        (hip - descent.hip_top_y) / length,
        _share_seen(recent, "hip_y"),
        (descent.floor_y - head) / length,
        (descent.floor_y - hip) / length,
        (descent.floor_y - descent.top_y) / length,
        _mean(np.sin(np.radians(s.trunk_deg)) for s in recent),
        _mean(-np.cos(np.radians(s.trunk_deg)) for s in recent),
        _mean(s.trunk_deg / 90 for s in before),
        midway.trunk_deg / 90,
        _mean(s.thigh_deg / 90 for s in recent),
        _mean(s.bottom_px - s.top_px for s in recent) / length,
        _mean(s.right_px - s.left_px for s in recent) / length,
        _mean(s.length_px for s in recent) / length,
        (hip - head) / length,
        (ankle - head) / length,
        _share_seen(recent, "ankle_y"),
        _across(before) / length,
        abs(_mean(s.hip_x for s in recent) - start.hip_x) / length,
        history.motion(),
        reached.time_s - start_s,
        min(now_s - start_s, 6.0),
        _gap_s([s for s in samples if s.time_s >= now_s - GAPS_S]),
        length / height_px,
        descent.floor_y / height_px,
        float(out_of_bed),
        abs(_mean(s.ankle_x for s in recent) - _mean(s.ankle_x for s in before)) / length,
        (ankle - descent.floor_y) / length,
        (descent.floor_y - _mean(s.knee_y for s in recent)) / length,
        (midway.hip_y - descent.hip_top_y) / length,
        _stop_s(after),
        min(start_s - samples[0].time_s, 4.0),
        _mean(_in_order(s) for s in earlier),
        _mean(s.seen for s in earlier),
        _mean(s.confidence for s in recent) / max(_mean(s.confidence for s in earlier), 0.05),
    )
    return np.clip(np.nan_to_num(np.array(values, np.float32), nan=0.0), -_LIMIT, _LIMIT + 2)


def _mean(values: Iterable[float]) -> float:
    known = [float(value) for value in values if not isnan(value)]
    return sum(known) / len(known) if known else float("nan")


def _share_seen(samples: Sequence[BodyGeometry], name: str) -> float:
    return sum(not isnan(getattr(s, name)) for s in samples) / max(len(samples), 1)


def _across(samples: Sequence[BodyGeometry]) -> float:
    places = [s.hip_x for s in samples if not isnan(s.hip_x)]
    return max(places) - min(places) if places else 0.0


def _fastest(samples: Sequence[BodyGeometry], name: str, sign: float) -> float:
    """Largest speed in that direction, pixels a second, over about a quarter of a second."""
    known = [(s.time_s, getattr(s, name)) for s in samples if not isnan(getattr(s, name))]
    best = 0.0
    for n, (time_s, y) in enumerate(known):
        for later_s, later_y in known[n + 1 : n + 5]:
            if later_s - time_s >= 0.19:
                best = max(best, sign * (later_y - y) / (later_s - time_s))
                break
    return best


def _gap_s(samples: Sequence[BodyGeometry]) -> float:
    """Longest time without a pose, beyond the usual one."""
    gaps = [b.time_s - a.time_s for a, b in pairwise(samples)]
    return max(0.0, max(gaps, default=0.0) - USUAL_GAP_S)


def _in_order(body: BodyGeometry) -> float:
    """1 where head, hips, knees and ankles are above each other, as of who stands, sits or walks."""
    heights = [y for y in (body.head_y, body.hip_y, body.knee_y, body.ankle_y) if not isnan(y)]
    return float(len(heights) > 1 and heights == sorted(heights))


def _stop_s(samples: Sequence[BodyGeometry]) -> float:
    """Seconds from the head's fastest step down until it is slower than a quarter of that: a body hits the floor."""
    known = [s for s in samples if not isnan(s.head_y)]
    speeds = [(b.time_s, (b.head_y - a.head_y) / (b.time_s - a.time_s)) for a, b in pairwise(known)]
    if not speeds:
        return 0.0
    fastest_s, fastest = max(speeds, key=lambda pair: pair[1])
    return next((s - fastest_s for s, speed in speeds if s > fastest_s and speed < 0.25 * fastest), 2.0)
