"""Event metrics on streams with several activities: false alarms, time to alert, and F1 of intervals by overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OVERLAPS = (0.1, 0.25, 0.5)


@dataclass(frozen=True, slots=True)
class Interval:
    """One activity between two moments, seconds."""

    start_s: float
    end_s: float
    activity: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert raised at `at_s`, the end of the window that began at `start_s`."""

    start_s: float
    at_s: float
    activity: str


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """One medium that was watched from end to end.

    true       intervals of the ground truth; what lies outside them is none of the activities.
    predicted  intervals that the model found.
    alerts     raised while it was watched.
    """

    duration_s: float
    true: Sequence[Interval]
    predicted: Sequence[Interval]
    alerts: Sequence[Alert]


def raise_alerts(
    spans: NDArray[np.float64], probabilities: NDArray[np.float32], classes: Sequence[str], threshold: float
) -> list[Alert]:
    """Raise an alert whenever the top-1 activity becomes another one, as soon as a window has ended with it.

    spans (N, 2) seconds, probabilities (N, C). A window whose top-1 probability is below the rejection threshold gives
    none, and the next one may alert again.
    """
    alerts: list[Alert] = []
    current = -1
    for row in np.argsort(spans[:, 1], kind="stable"):
        best = int(probabilities[row].argmax())
        activity = best if probabilities[row, best] >= threshold else -1
        if activity not in (-1, current):
            alerts.append(Alert(float(spans[row, 0]), float(spans[row, 1]), classes[activity]))
        current = activity
    return alerts


def count_matches(predicted: Sequence[Interval], true: Sequence[Interval], overlap: float) -> int:
    """Count predicted intervals that match a true one of their activity with at least that temporal IoU.

    A true interval is matched once: the same one predicted in two pieces is one hit and one mistake.
    """
    unmatched = list(true)
    hits = 0
    for interval in predicted:
        best = max(unmatched, key=lambda other: temporal_iou(interval, other), default=None)
        if best is not None and temporal_iou(interval, best) >= overlap:
            unmatched.remove(best)
            hits += 1
    return hits


def temporal_iou(a: Interval, b: Interval) -> float:
    """Return the intersection over union in time; 0 for different activities.

    Examples:
        >>> temporal_iou(Interval(0, 2, "walk"), Interval(1, 3, "walk"))
        0.3333333333333333
    """
    both = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    if a.activity != b.activity or both <= 0:
        return 0.0
    return both / (max(a.end_s, b.end_s) - min(a.start_s, b.start_s))


def stream_metrics(streams: Sequence[Stream]) -> dict[str, float]:
    """Compute the metrics of all streams together; empty where none was watched.

    stream_f1_50 and others    F1 of intervals at a temporal IoU of 0.5.
    stream_false_alarms_per_hour  alerts of an activity of which no true interval overlaps the window, an hour watched.
    stream_time_to_alert_s     median, from a true interval's start to its first alert; NaN without one.
    stream_missed              share of true intervals without an alert.
    """
    if not streams:
        return {}
    delays = [_time_to_alert(interval, s.alerts) for s in streams for interval in s.true]
    alerted = [delay for delay in delays if delay is not None]
    false = sum(not _is_true(alert, s.true) for s in streams for alert in s.alerts)
    hours = sum(s.duration_s for s in streams) / 3600
    return {
        **{f"stream_f1_{round(100 * o)}": _f1(streams, o) for o in OVERLAPS},
        "stream_false_alarms_per_hour": false / hours if hours else float("nan"),
        "stream_time_to_alert_s": float(np.median(alerted)) if alerted else float("nan"),
        "stream_missed": (len(delays) - len(alerted)) / len(delays) if delays else float("nan"),
        "streams": len(streams),
        "stream_hours": hours,
    }


def _f1(streams: Sequence[Stream], overlap: float) -> float:
    hits = sum(count_matches(s.predicted, s.true, overlap) for s in streams)
    total = sum(len(s.predicted) + len(s.true) for s in streams)
    return 2 * hits / total if total else float("nan")


def _is_true(alert: Alert, true: Sequence[Interval]) -> bool:
    return any(s.activity == alert.activity and s.start_s < alert.at_s and alert.start_s < s.end_s for s in true)


def _time_to_alert(interval: Interval, alerts: Sequence[Alert]) -> float | None:
    """Seconds from the interval's start to its first alert; None where none came."""
    own = [a.at_s for a in alerts if _is_true(a, [interval])]
    return min(own) - interval.start_s if own else None
