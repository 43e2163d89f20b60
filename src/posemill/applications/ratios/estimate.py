"""Estimate of a body's segment lengths and ratios from the sketch of its poses."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from posemill.applications.mocap.capture import unprojected
from posemill.applications.mocap.points import Floats
from posemill.applications.ratios.likelihood import (
    GRID,
    INDEPENDENT_S,
    Evidence,
    blurred,
    measured,
    projected,
)
from posemill.applications.ratios.params import RatiosParams
from posemill.applications.ratios.posterior import SAMPLES, Posterior, sample
from posemill.applications.ratios.segments import (
    OF_HEIGHT,
    OF_HEIGHT_SHARE,
    OF_HEIGHT_SPREAD,
    RATIOS,
    SEGMENTS,
    Segment,
    end_variance,
    vectors,
)
from posemill.applications.ratios.sketch import Sketch

LEARNED = 0.25  # share of the build's variance that frames must remove, or the value would be the average person's
TOO_SHORT = 2.5  # standard deviations of what is usual: a segment that looks shorter is foreshortened all the time
CHUNK_S, MOST_CHUNKS, LEAST_OF_CHUNK = 4.0, 12, 5  # people turn, and every few seconds are a view of their own
PERSPECTIVE = 0.025  # a limb nearer to the camera than the body looks longer; 2-D keypoints do not show it
DEPTH_ERROR = 0.01  # the same with z, for an unknown field of view
SCALE_WINDOW_S = 3.0
SCALE_CHANGES = 0.15  # a person whose size changes by less than this stays at one distance
OFFSET_FREEDOM = 4.0  # weight of the expected offset of keypoints against what left and right differ by
QUANTILES = (0.025, 0.5, 0.975)


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its 95 % interval; reason: why it is not measured (value None then)."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Estimates of one person. ratios and asymmetries (left over right, 1 = alike) by name; lengths_m by segment."""

    ratios: Mapping[str, Value]
    asymmetries: Mapping[str, Value]
    lengths_m: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Lengths of segments: evidence by segment and side, and why others have none; size: usual length unit, pixels."""

    sides: Mapping[str, Mapping[str, Evidence]]
    reasons: Mapping[str, str]
    size: float


def estimate(sketch: Sketch, params: RatiosParams, width_px: int, height_px: int) -> Estimate:
    """Estimate ratios, asymmetries and, with a scale, lengths of a person; the same sketch, the same result."""
    if not sketch.points:
        nothing = Value(None, reason="no pose was seen")
        return Estimate(dict.fromkeys(RATIOS, nothing), {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # medians of segments that were never seen
        seen = _look(sketch, params, width_px, height_px)
    planar = sketch.points[0].shape[-1] == 2
    offset = _offset(seen, params, planar)
    evidence, reasons = {}, dict(seen.reasons)
    for name, sides in seen.sides.items():
        both = Evidence(
            sum((e.log for e in sides.values()), np.zeros(len(GRID))), sum(e.frames for e in sides.values())
        )
        if planar and _foreshortened(name, both):
            reasons[name] = "it is foreshortened in all frames: turn, or move it through the picture's plane"
            continue
        evidence[name] = blurred(both, _common_error(name, len(sides), offset, planar))
    posterior = sample(evidence) if evidence else Posterior({}, {})
    for name, learned in posterior.learned.items():
        if learned < LEARNED:
            reasons[name] = "the views do not show it: the answer would be that of the average person"
    ratios = {name: _ratio(posterior, above, below, reasons, params) for name, (above, below) in RATIOS.items()}
    return Estimate(ratios, _asymmetries(seen, offset, planar, params), _lengths(posterior, reasons, seen, params))


def _look(sketch: Sketch, params: RatiosParams, width_px: int, height_px: int) -> _Seen:
    times_s, points = sketch.arrays()
    noise = sketch.noise()
    size = _usual_size(points)
    if not size > 0:  # NaN, or all keypoints in one place
        return _Seen({}, dict.fromkeys(SEGMENTS, "neither trunk, thighs nor shanks were seen"), 1.0)
    points = _one_scale(times_s, points, size)
    if points.shape[-1] == 3:
        focal_px = width_px / 2 / float(np.tan(np.radians(params.field_deg) / 2))
        center = np.array([(width_px - 1) / 2, (height_px - 1) / 2])
        # with the person one unit high, metres are standing heights
        unit = unprojected(points, np.full(len(points), size / 1.7), focal_px, center)
        points = unit * (size / 1.7) * (1, -1, -1)
    sides: dict[str, dict[str, Evidence]] = {}
    reasons: dict[str, str] = {}
    span_s = max(sketch.last_s - sketch.first_s, 0.1)
    for name, segment in SEGMENTS.items():
        for side in segment.sides:
            vector = vectors(points, segment, side)
            found = _evidence(vector, segment, noise, size, span_s, params)
            if isinstance(found, Evidence):
                sides.setdefault(name, {})[side] = found
            else:
                reasons[name] = found
    return _Seen(sides, {name: why for name, why in reasons.items() if name not in sides}, size)


def _evidence(
    vector: Floats, segment: Segment, noise: Floats, size: float, span_s: float, params: RatiosParams
) -> Evidence | str:
    """Evidence of a segment's vectors (T, D), or why there is none."""
    variance = end_variance(segment) * noise**2
    length = np.linalg.norm(vector, axis=-1)
    known = np.isfinite(length)
    if known.sum() < params.min_frames:
        return f"it was seen in {int(known.sum())} frames, {params.min_frames} are needed"
    # noise across a segment makes it longer on average
    across = variance.sum() - (vector**2 * variance).sum(-1) / np.maximum(length, 1e-9) ** 2
    length = np.sqrt(np.maximum(length**2 - across, (0.3 * length) ** 2))
    expected = segment.share * size
    if vector.shape[-1] == 2:
        count = int(np.clip(round(span_s / CHUNK_S), 1, MOST_CHUNKS))
        chunks = [part for part in np.array_split(length, count) if np.isfinite(part).sum() >= LEAST_OF_CHUNK]
        return projected(
            [part[np.isfinite(part)] for part in chunks],
            expected,
            float(np.sqrt(variance[:2].mean())),
            segment.tilt_deg,
            PERSPECTIVE,
            span_s / count / INDEPENDENT_S,
        )
    flat = known & (np.abs(vector[:, 2]) <= params.max_depth_share * length)
    if flat.sum() < params.min_frames:
        return f"it points at the camera in all but {int(flat.sum())} frames, {params.min_frames} are needed"
    return measured(length[flat], expected)


def _usual_size(points: Floats) -> float:
    """Standing height in the keypoints' unit, roughly: upper quantiles of trunk, thighs and shanks."""
    votes = []
    for name in OF_HEIGHT:
        lengths = [np.linalg.norm(vectors(points, SEGMENTS[name], s), axis=-1) for s in SEGMENTS[name].sides]
        known = np.concatenate(lengths)
        known = known[np.isfinite(known)]
        if len(known):
            votes.append(float(np.quantile(known, 0.85)) / SEGMENTS[name].share)
    return float(np.median(votes)) if votes else float("nan")


def _one_scale(times_s: Floats, points: Floats, size: float) -> Floats:
    """Points scaled so that the person is equally far away in all frames; as they are where the distance stays."""
    votes = np.stack(
        [
            np.linalg.norm(vectors(points, SEGMENTS[name], side), axis=-1) / SEGMENTS[name].share / size
            for name in ("trunk", "thigh", "shank", "upper_arm")
            for side in SEGMENTS[name].sides
        ],
        -1,
    )
    vote = np.nanquantile(votes, 0.75, axis=-1)
    low, high = np.searchsorted(times_s, [times_s - SCALE_WINDOW_S / 2, times_s + SCALE_WINDOW_S / 2])
    slow = np.array([np.nanmedian(vote[a:b]) for a, b in zip(low.tolist(), high.tolist(), strict=True)])
    if np.ptp(np.nanquantile(slow, (0.1, 0.9))) < SCALE_CHANGES:
        return points
    return np.asarray(points / np.where(np.isfinite(slow), slow, 1.0)[:, None, None])


def _offset(seen: _Seen, params: RatiosParams, planar: bool) -> Floats:
    """Samples (S,) of the keypoints' constant error in standing heights: as expected, corrected by left and right.

    Bones of both sides are equally long within a per cent, so what their lengths differ by is error.
    """
    squares, count = 0.0, 0.0
    for name, sides in seen.sides.items():
        if len(sides) == 2:
            left, right = (e.best for e in sides.values())
            apart = max((left - right) ** 2 - (2 * PERSPECTIVE**2 if planar else 0.0), 0.0)
            squares += apart * SEGMENTS[name].share ** 2 / 4  # two ends on each side
            count += 1
    freedom = OFFSET_FREEDOM + count
    scale = OFFSET_FREEDOM * params.keypoint_offset_body_lengths**2 + squares
    return np.asarray(np.sqrt(scale / np.random.default_rng(1).chisquare(freedom, SAMPLES)))


def _common_error(name: str, sides: int, offset: Floats, planar: bool) -> float:
    """Standard deviation of an error of the log length that all frames have in common."""
    segment = SEGMENTS[name]
    ends = float(np.median(offset)) * np.sqrt(end_variance(segment) / sides) / segment.share
    return float(np.hypot(ends, 0.0 if planar else DEPTH_ERROR / np.sqrt(2)))


def _foreshortened(name: str, evidence: Evidence) -> bool:
    return evidence.best < -TOO_SHORT * SEGMENTS[name].spread


def _ratio(
    posterior: Posterior, above: Sequence[str], below: Sequence[str], reasons: Mapping[str, str], params: RatiosParams
) -> Value:
    for name in (*above, *below):
        if name in reasons:
            return Value(None, reason=f"{name.replace('_', ' ')}: {reasons[name]}")
    samples = _sum(posterior, above) / _sum(posterior, below)
    return _value(samples, params)


def _sum(posterior: Posterior, names: Sequence[str]) -> Floats:
    """Samples (S,) of the sum of lengths, in standing heights of the usual size."""
    return np.asarray(sum(SEGMENTS[name].share * np.exp(posterior.logs[name]) for name in names))


def _value(samples: Floats, params: RatiosParams) -> Value:
    low, middle, high = np.quantile(samples, QUANTILES).tolist()
    if (high - low) / 2 > params.widest_percent / 100 * middle:
        half = 100 * (high - low) / 2 / middle
        return Value(None, reason=f"the interval is ±{half:.0f} %: more frames or other views are needed")
    return Value(middle, low, high)


def _asymmetries(seen: _Seen, offset: Floats, planar: bool, params: RatiosParams) -> dict[str, Value]:
    """Left over right of every segment that both sides show."""
    rng = np.random.default_rng(2)
    values = {}
    for name, segment in SEGMENTS.items():
        if len(segment.sides) < 2:
            continue
        sides = seen.sides.get(name, {})
        if len(sides) < 2:
            values[name] = Value(None, reason=seen.reasons.get(name, "only one side was seen"))
        elif planar and any(_foreshortened(name, e) for e in sides.values()):
            values[name] = Value(None, reason="it is foreshortened in all frames")
        else:
            logs = [_independent(rng, evidence) for evidence in sides.values()]
            error = offset * np.sqrt(2 * end_variance(segment)) / segment.share
            error = np.hypot(error, PERSPECTIVE * np.sqrt(2) if planar else DEPTH_ERROR)
            values[name] = _value(np.exp(logs[0] - logs[1] + rng.normal(0, error)), params)
    return values


def _independent(rng: np.random.Generator, evidence: Evidence) -> Floats:
    weight = np.exp(evidence.log - evidence.log.max())
    return np.asarray(rng.choice(GRID, SAMPLES, p=weight / weight.sum()) + rng.uniform(-0.0025, 0.0025, SAMPLES))


def _lengths(posterior: Posterior, reasons: Mapping[str, str], seen: _Seen, params: RatiosParams) -> dict[str, Value]:
    """Lengths in metres, where a scale is known; nothing without one."""
    if params.px_per_m is not None:
        per_unit: Floats | float = seen.size / params.px_per_m
    elif params.height_m is not None:
        if lacking := [name for name in OF_HEIGHT if name in reasons or name not in posterior.logs]:
            why = f"the scale from the height needs the {lacking[0]}: {reasons.get(lacking[0], 'it was not seen')}"
            return dict.fromkeys(SEGMENTS, Value(None, reason=why))
        share = OF_HEIGHT_SHARE * np.random.default_rng(3).normal(1, OF_HEIGHT_SPREAD, SAMPLES)
        per_unit = params.height_m * share / _sum(posterior, OF_HEIGHT)
    else:
        return {}
    return {
        name: Value(None, reason=reasons[name])
        if name in reasons
        else _value(_sum(posterior, (name,)) * per_unit, params)
        for name in SEGMENTS
    }
