"""Timelines: from window probabilities to verdicts, segments and windows of a track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.features.verdict import clip_probabilities, timeline
from posemill.prediction.schema import Segment, Verdict, Window


def verdict(
    probabilities: NDArray[np.float32], classes: Sequence[str], threshold: float | None = None
) -> Verdict | None:
    """Return the verdict over all windows (N, C); it abstains below the threshold. None without a window."""
    if not len(probabilities):
        return None
    of_clip = clip_probabilities(probabilities)
    best = int(of_clip.argmax())
    probability = float(of_clip[best])
    return Verdict(
        activity=classes[best],
        probability=probability,
        probabilities=_named(of_clip, classes),
        abstained=probability < (threshold or 0),
    )


def windows(
    spans: NDArray[np.float64],
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
    threshold: float | None = None,
) -> list[Window]:
    """Return a row a window from spans (N, 2) in seconds and probabilities (N, C)."""
    return [
        Window(
            start_s=float(start),
            end_s=float(end),
            activity=classes[int(row.argmax())],
            probability=float(row.max()),
            probabilities=_named(row, classes),
            abstained=bool(row.max() < (threshold or 0)),
        )
        for (start, end), row in zip(spans, probabilities, strict=True)
    ]


def segments(
    spans: NDArray[np.float64],
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
    threshold: float | None = None,
) -> list[Segment]:
    """Segment a track by its most probable activity: windows overlap, so every moment gets the verdict of its windows.

    spans (N, 2) seconds, probabilities (N, C). Moments that no window covers are left out.
    """
    edges = np.unique(spans)
    if len(edges) < 2:
        return []
    starts, ends = edges[:-1], edges[1:]
    rows = timeline(probabilities, spans, (starts + ends) / 2)
    known = ~np.isnan(rows).any(1)
    best = np.where(known, np.nan_to_num(rows).argmax(1), -1)
    cuts = np.flatnonzero(np.diff(best, prepend=-2))
    runs = [(i, j) for i, j in zip(cuts, [*cuts[1:], len(best)], strict=True) if best[i] >= 0]
    return [_segment(starts[i:j], ends[i:j], rows[i:j, best[i]], classes[best[i]], threshold) for i, j in runs]


def _segment(
    starts: NDArray[np.float64],
    ends: NDArray[np.float64],
    probability: NDArray[np.float32],
    activity: str,
    threshold: float | None,
) -> Segment:
    mean = float(np.average(probability, weights=ends - starts))
    return Segment(
        start_s=float(starts[0]),
        end_s=float(ends[-1]),
        activity=activity,
        probability=mean,
        abstained=mean < (threshold or 0),
    )


def _named(row: NDArray[np.float32], classes: Sequence[str]) -> dict[str, float]:
    return {name: float(p) for name, p in zip(classes, row, strict=True)}
