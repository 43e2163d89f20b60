"""Streams with several activities: alarms that nobody needed, how soon one comes, and how well stretches are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OVERLAPS = (0.1, 0.25, 0.5)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One activity between two moments, seconds."""

    start_s: float
    end_s: float
    activity: str


@dataclass(frozen=True, slots=True)
class Alert:
    """The moment at which a stream's watcher is told; the window that told it began at start_s and ended then."""

    start_s: float
    at_s: float
    activity: str


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """One medium that was watched from end to end: what is known of it, what was found, and when it was told.

    known, found  stretches; what lies outside the known ones is none of the activities.
    """

    duration_s: float
    known: Sequence[Stretch]
    found: Sequence[Stretch]
    alerts: Sequence[Alert]


def alerts(
    spans: NDArray[np.float64], probabilities: NDArray[np.float32], classes: Sequence[str], threshold: float
) -> list[Alert]:
    """One alert whenever the surest activity becomes another one, as soon as a window has ended with it.

    spans (N, 2) seconds, probabilities (N, C). A window whose surest activity is below `threshold` says nothing, and
    the next one may alert again.
    """
    told: list[Alert] = []
    on = -1
    for row in np.argsort(spans[:, 1], kind="stable"):
        best = int(probabilities[row].argmax())
        says = best if probabilities[row, best] >= threshold else -1
        if says not in (-1, on):
            told.append(Alert(float(spans[row, 0]), float(spans[row, 1]), classes[says]))
        on = says
    return told


def matched(found: Sequence[Stretch], known: Sequence[Stretch], overlap: float) -> int:
    """How many found stretches hit a known one of their activity with at least that intersection over union.

    A known stretch is hit once: the same one found in two pieces is one hit and one mistake.
    """
    open_ = list(known)
    hits = 0
    for stretch in found:
        best = max(open_, key=lambda other: overlap_of(stretch, other), default=None)
        if best is not None and overlap_of(stretch, best) >= overlap:
            open_.remove(best)
            hits += 1
    return hits


def overlap_of(a: Stretch, b: Stretch) -> float:
    """Intersection over union in time; 0 for different activities."""
    both = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
    if a.activity != b.activity or both <= 0:
        return 0.0
    return both / (max(a.end_s, b.end_s) - min(a.start_s, b.start_s))


def figures(streams: Sequence[Stream]) -> dict[str, float]:
    """All streams together; empty where none was watched.

    stream_f1_50 and others    F1 of stretches at an intersection over union of 0.5.
    stream_false_alarms_per_hour  alerts of an activity of which no known stretch overlaps the window, an hour watched.
    stream_time_to_alert_s     median, from a known stretch's start to its first alert; NaN without one.
    stream_missed              share of known stretches without an alert.
    """
    if not streams:
        return {}
    delays = [_delay(known, s.alerts) for s in streams for known in s.known]
    came = [delay for delay in delays if delay is not None]
    false = sum(not _needed(alert, s.known) for s in streams for alert in s.alerts)
    hours = sum(s.duration_s for s in streams) / 3600
    return {
        **{f"stream_f1_{round(100 * o)}": _f1(streams, o) for o in OVERLAPS},
        "stream_false_alarms_per_hour": false / hours if hours else float("nan"),
        "stream_time_to_alert_s": float(np.median(came)) if came else float("nan"),
        "stream_missed": (len(delays) - len(came)) / len(delays) if delays else float("nan"),
        "streams": len(streams),
        "stream_hours": hours,
    }


def _f1(streams: Sequence[Stream], overlap: float) -> float:
    hits = sum(matched(s.found, s.known, overlap) for s in streams)
    total = sum(len(s.found) + len(s.known) for s in streams)
    return 2 * hits / total if total else float("nan")


def _needed(alert: Alert, known: Sequence[Stretch]) -> bool:
    return any(s.activity == alert.activity and s.start_s < alert.at_s and alert.start_s < s.end_s for s in known)


def _delay(known: Stretch, told: Sequence[Alert]) -> float | None:
    """Seconds from the stretch's start to its first alert; None where none came."""
    own = [a.at_s for a in told if _needed(a, [known])]
    return min(own) - known.start_s if own else None
