"""Labelled windows of rendered people without pixels: performed, filmed, seen through a pose network, and cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.features.pipeline import FeaturePipeline
from posemill.pose.geometry import seen
from posemill.pose.track import PoseTrack
from posemill.synth.body import Body, rig
from posemill.synth.catalogue import CATALOGUE, CLASSES, EVENTS, FALL, OTHER
from posemill.synth.filming import RATES, film, seen_by_network, track_of
from posemill.synth.motion import Style, finish, wander
from posemill.synth.performances import Interval
from posemill.synth.rotation import Floats, about
from posemill.synth.variation import uneven_time, vary

PARTS: Mapping[str, float] = MappingProxyType({"train": 1.0, "validation": 0.06, "test": 0.08})
FILMS_EACH = 1  # cameras that film one performance
WINDOWS_EACH = 3  # cut out of one film
LEAST_SEEN = 4  # keypoints of half of the poses of a window
VARIED = 1.35  # times the usual variation of a motion
SHORT = 0.25  # share of the windows that are cut short
LOST = 0.15  # share of the films in which the person is not found while moving most quickly
_EVENT_SEEN, _STATE_SEEN, _DONE_SEEN, _MOST_ELSE = 0.6, 0.75, 0.5, 0.12
STROKES = tuple(name for name, recipe in CATALOGUE.items() if recipe.stroke)
_STATES = ("stand", "walk", "sit", "lie", "kneel", "crouch", "sit_on_floor")  # what is before and after all others


def rendered_windows(
    part: str, films: int, features: FeaturePipeline, first: int = 0
) -> Iterator[tuple[NDArray[np.float32], list[int]]]:
    """Yield a film's windows (N, T, K, 3) in pixels and positions in CLASSES (-1: none of them).

    films  number of films; every activity has its share of them, in random order.
    first  seed of the first performance: others give other people.
    """
    names = list(CATALOGUE)
    weights = np.array([CATALOGUE[name].weight for name in names])
    order = np.random.default_rng([7 + first, *part.encode()])
    for number in range(first, first + films // FILMS_EACH):
        name = names[int(order.choice(len(names), p=weights / weights.sum()))]
        rng = np.random.default_rng([number, *part.encode()])
        for track, intervals in filmed(name, rng):
            yield cut_and_labelled(track, intervals, features, rng)


def filmed(name: str, rng: np.random.Generator, films: int = FILMS_EACH) -> Iterator[tuple[PoseTrack, list[Interval]]]:
    """Yield the tracks of one performance of an activity by some random person, as several cameras see it.

    Examples:
        >>> track, intervals = next(filmed("squat", np.random.default_rng(0)))
        >>> intervals[0][2]
        'squat'
    """
    recipe = CATALOGUE[name]
    duration, speed = rng.uniform(2.6, 4.6), np.exp(rng.uniform(*np.log(recipe.speed)))
    fps = 60.0
    time_s = np.arange(round(duration * fps)) / fps
    style, way = Style.random(rng), recipe.ways[int(rng.integers(len(recipe.ways)))]
    performed = way(uneven_time(time_s, speed, rng, 0.4 if name == FALL else 1.0), style, rng)
    vary(performed.motion, rng, VARIED)
    finish(performed.motion, style, rng)
    points = _turned(rig(Body.random(rng), performed.motion).keypoints(), time_s, rng)
    intervals = [(start / speed, end / speed, what) for start, end, what in performed.intervals]
    if recipe.stroke:
        intervals = [(*_quick_part(points, time_s), name)]
    for _ in range(films):
        rate = float(rng.choice(RATES))
        rows = np.unique(np.round(np.arange(rng.uniform(0, 1) / rate, duration - 1 / fps, 1 / rate) * fps).astype(int))
        footage = film(points[rows], time_s[rows], rng, recipe.cut)
        found, confidence = seen_by_network(footage, time_s[rows], rate, rng)
        if rng.uniform() < LOST:
            quick = float(time_s[int(_speed(points).argmax())]) + rng.normal(0, 0.3)
            gone = np.abs(time_s[rows] - quick) < rng.uniform(0.05, 0.5)
            found[gone], confidence[gone] = np.nan, 0.0
        yield track_of(found, confidence, time_s[rows]), intervals


def _turned(points: Floats, time_s: Floats, rng: np.random.Generator) -> Floats:
    """Turn some people slowly about their own upright axis: few stay as they stood before the camera."""
    if rng.uniform() < 0.65:
        return points
    angle = np.deg2rad(wander(rng, time_s, rng.uniform(2, 25), rng.uniform(2.0, 5.0)))
    middle = points.mean(1, keepdims=True) * (1, 0, 1)
    return np.asarray(np.einsum("tij,tkj->tki", about(1, angle), points - middle) + middle)


def _quick_part(points: Floats, time_s: Floats) -> tuple[float, float]:
    """Return from when to when a motion is quickest."""
    speed = _speed(points)
    quick = time_s[1:][speed > 0.5 * np.quantile(speed, 0.98)]
    return float(quick[0]) - 0.15, float(quick[-1]) + 0.15


def _speed(points: Floats) -> Floats:
    """(T - 1,) mean way of the keypoints against the body's middle from one frame to the next."""
    apart = points - points.mean(1, keepdims=True)
    return np.asarray(np.linalg.norm(np.diff(apart, axis=0), axis=-1).mean(1))


def cut_and_labelled(
    track: PoseTrack, intervals: list[Interval], features: FeaturePipeline, rng: np.random.Generator
) -> tuple[NDArray[np.float32], list[int]]:
    """Cut windows of the usual length, and some of shorter clips; those of unclear activity are left out."""
    if len(track) < 4:
        return np.zeros((0, *features.shape), np.float32), []
    usual = features.window.duration_s
    length = np.where(rng.uniform(size=WINDOWS_EACH) < SHORT, rng.uniform(0.3, 1.0, WINDOWS_EACH) * usual, usual)
    first, last = float(track.time_s[0]), float(track.time_s[-1])
    length = np.minimum(length, last - first)
    starts = first + rng.uniform(size=WINDOWS_EACH) * np.maximum(last - first - length, 0)
    spans = [(start, start + long) for start, long in zip(starts.tolist(), length.tolist(), strict=True)]
    known = {span: label for span in spans if (label := label_of(*span, intervals)) is not None}
    whole = np.array([span for span in known if span[1] - span[0] >= usual - 1e-9]).reshape(-1, 2)
    short = [span for span in known if span[1] - span[0] < usual - 1e-9]  # padded: before and after nobody is seen
    parts = [(features.windows_at(track, whole))] + [features.windows(track, *span) for span in short]
    spans_of = [parts[0][1], *(np.array([span] * len(part[0])) for span, part in zip(short, parts[1:], strict=True))]
    windows = np.concatenate([part for part, _ in parts])
    kept = np.concatenate([each.reshape(-1, 2) for each in spans_of])
    count = seen(windows[..., :2]).sum(-1)
    enough = np.array([np.median(one[one > 0]) >= LEAST_SEEN for one in count], bool)  # one keypoint has no size
    return windows[enough], [_number(known[start, end]) for start, end in kept[enough].tolist()]


def label_of(start: float, end: float, intervals: list[Interval]) -> str | None:
    """Return the activity of a window; None where it is unclear.

    That is an event or a stroke that is mostly in it, something done for half of it, or a state that fills it.
    """
    length = end - start
    states: dict[str, float] = {}
    best: tuple[float, str] | None = None
    events = 0.0
    for begin, finish_s, name in intervals:
        inside = max(0.0, min(end, finish_s) - max(start, begin))
        if name not in EVENTS and name not in STROKES:
            states[name] = states.get(name, 0.0) + inside
            continue
        events += inside
        share = inside / max(min(finish_s - begin, length), 1e-6)
        if share >= _EVENT_SEEN and inside > 0.2 * length and (best is None or inside > best[0]):
            best = (inside, name)
    if best is not None:
        return best[1]
    if events > _MOST_ELSE * length:
        return None
    least = {name: (_STATE_SEEN if name in _STATES else _DONE_SEEN) * length for name in states}
    return next((name for name, inside in states.items() if inside >= least[name]), None)


def _number(name: str) -> int:
    return -1 if name == OTHER else CLASSES.index(name)
