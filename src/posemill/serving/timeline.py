"""Timeline of a person: verdict, segments and windows from window probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.features.verdict import clip_probabilities, timeline
from posemill.serving.schemas.activity import Segment, Verdict, Window


def verdict(probabilities: NDArray[np.float32], classes: Sequence[str], below: float | None = None) -> Verdict | None:
    """Verdict over all windows (N, C), abstaining where it is less probable than `below`; None without a window."""
    if not len(probabilities):
        return None
    of_clip = clip_probabilities(probabilities)
    best = int(of_clip.argmax())
    probability = float(of_clip[best])
    return Verdict(
        activity=classes[best],
        probability=probability,
        probabilities=_named(of_clip, classes),
        abstained=probability < (below or 0),
    )


def windows(
    spans: NDArray[np.float64], probabilities: NDArray[np.float32], classes: Sequence[str], below: float | None = None
) -> list[Window]:
    """One row a window, as (N, 2) seconds and (N, C) probabilities give it."""
    return [
        Window(
            start_s=float(start),
            end_s=float(end),
            activity=classes[int(row.argmax())],
            probability=float(row.max()),
            probabilities=_named(row, classes),
            abstained=bool(row.max() < (below or 0)),
        )
        for (start, end), row in zip(spans, probabilities, strict=True)
    ]


def segments(
    spans: NDArray[np.float64], probabilities: NDArray[np.float32], classes: Sequence[str], below: float | None = None
) -> list[Segment]:
    """Segments with one most probable activity: windows overlap, so every moment gets that of its windows.

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
    return [_segment(starts[i:j], ends[i:j], rows[i:j, best[i]], classes[best[i]], below) for i, j in runs]


def _segment(
    starts: NDArray[np.float64],
    ends: NDArray[np.float64],
    probability: NDArray[np.float32],
    activity: str,
    below: float | None,
) -> Segment:
    mean = float(np.average(probability, weights=ends - starts))
    return Segment(
        start_s=float(starts[0]),
        end_s=float(ends[-1]),
        activity=activity,
        probability=mean,
        abstained=mean < (below or 0),
    )


def _named(row: NDArray[np.float32], classes: Sequence[str]) -> dict[str, float]:
    return {name: float(p) for name, p in zip(classes, row, strict=True)}
