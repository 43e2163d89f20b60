"""Features of a descent and what followed: what tells a fall from bending, sitting down and lying down.

One vector a look, in body lengths, seconds and shares, so that it depends on neither the picture's size nor its rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, isnan, log, radians, sin

import numpy as np
from numpy.typing import NDArray

from posemill.applications.fall.descent import Descent, History
from posemill.applications.fall.geometry import BodyGeometry

FEATURES = (
    "head_speed",
    "hip_speed",
    "drop",
    "largest_drop",
    "drop_kept",
    "hip_drop",
    "hips_seen",
    "head_height",
    "hip_height",
    "trunk_level",
    "trunk_upside_down",
    "trunk_before",
    "trunk_midway",
    "thigh_level",
    "box_height",
    "head_above_hips",
    "head_above_ankles",
    "ankles_seen",
    "moved_before",
    "moved_across",
    "motion",
    "descent_s",
    "longest_gap_s",
    "out_of_bed",
    "upright_before",
    "keypoints_before",
    "upright_now",
    "box_width",
    "length_now",
    "descended_s",
    "beds_drawn",
    "from_bed",
    "out_of_bed_across",
    "out_of_bed_down",
    "activity_known",
    "activity_most",
    "activity_now",
)
RECENT_S, BEFORE_S, GAPS_S = 0.5, 1.0, 1.5
USUAL_GAP_S = 0.15  # between the poses of a slow camera
_LIMIT = 4.0
FASTEST, LONGEST_S = 1.0, 2.5  # body lengths a second, seconds: beyond, more says nothing; people who act fall slowly


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Circumstances of a descent besides the body's own geometry.

    largest_drop   body lengths, of the descent so far.
    out_of_bed     True where it began by leaving a bed zone.
    beds_drawn     True where there are bed zones.
    from_bed_px    distance of the hips to the nearest bed zone; 0 within and without any.
    from_place_px  (x, y) way of the hips from where they lay in bed; zeros for who was in none.
    activity_most, activity_now  probability of a fall after the activity model, so far and now; None without one.
    """

    largest_drop: float
    out_of_bed: bool = False
    beds_drawn: bool = False
    from_bed_px: float = 0.0
    from_place_px: tuple[float, float] = (0.0, 0.0)
    activity_most: float | None = None
    activity_now: float | None = None


def measure(history: History, descent: Descent, around: Circumstances) -> NDArray[np.float32]:
    """Return the features (F,) float32 of a body after a descent; keypoints not seen count as 0, and are flagged.

    Args:
        history: of the body.
        descent: its way down.
        around: what else is known of the descent.
    """
    samples, length, largest_drop = history.samples, descent.length_px, around.largest_drop
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
        min(descent.speed, FASTEST),
        min(_fastest(after, "hip_y") / length, FASTEST),
        drop,
        largest_drop,
        drop / max(largest_drop, 0.1),
        (hip - descent.hip_top_y) / length,
        _share_seen(recent, "hip_y"),
        (descent.floor_y - head) / length,
        (descent.floor_y - hip) / length,
        _mean(sin(radians(s.trunk_deg)) for s in recent),
        _mean(-cos(radians(s.trunk_deg)) for s in recent),
        _mean(s.trunk_deg / 90 for s in before),
        midway.trunk_deg / 90,
        _mean(s.thigh_deg / 90 for s in recent),
        _mean(s.bottom_px - s.top_px for s in recent) / length,
        (hip - head) / length,
        (ankle - head) / length,
        _share_seen(recent, "ankle_y"),
        _across(before) / length,
        abs(_mean(s.hip_x for s in recent) - start.hip_x) / length,
        min(history.motion(), FASTEST),
        min(reached.time_s - start_s, LONGEST_S),
        _gap_s([s for s in samples if s.time_s >= now_s - GAPS_S]),
        float(around.out_of_bed),
        _mean(_in_order(s) for s in earlier),
        _mean(s.seen for s in earlier),
        _mean(_in_order(s) for s in recent),
        _mean(s.right_px - s.left_px for s in recent) / length,
        _mean(s.length_px for s in recent) / length,
        min(now_s - start_s, LONGEST_S),
        float(around.beds_drawn),
        around.from_bed_px / length,
        around.from_place_px[0] / length,
        around.from_place_px[1] / length,
        float(around.activity_most is not None),
        _log_odds(around.activity_most),
        _log_odds(around.activity_now),
    )
    return np.clip(np.nan_to_num(np.array(values, np.float32), nan=0.0), -_LIMIT, _LIMIT)


def _log_odds(probability: float | None) -> float:
    if probability is None:
        return 0.0
    return log(max(probability, 1e-3) / max(1 - probability, 1e-3)) / 2


def _mean(values: Iterable[float]) -> float:
    known = [float(value) for value in values if not isnan(value)]
    return sum(known) / len(known) if known else float("nan")


def _share_seen(samples: Sequence[BodyGeometry], name: str) -> float:
    return sum(not isnan(getattr(s, name)) for s in samples) / max(len(samples), 1)


def _across(samples: Sequence[BodyGeometry]) -> float:
    places = [s.hip_x for s in samples if not isnan(s.hip_x)]
    return max(places) - min(places) if places else 0.0


def _fastest(samples: Sequence[BodyGeometry], name: str) -> float:
    """Largest speed down, pixels a second, over about a quarter of a second."""
    known = [(s.time_s, getattr(s, name)) for s in samples if not isnan(getattr(s, name))]
    best = 0.0
    for n, (time_s, y) in enumerate(known):
        for later_s, later_y in known[n + 1 : n + 5]:
            if later_s - time_s >= 0.19:
                best = max(best, (later_y - y) / (later_s - time_s))
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
