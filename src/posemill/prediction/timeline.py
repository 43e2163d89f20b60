"""Timelines: from window probabilities to verdicts, segments and windows of a track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.features.verdict import abstains, clip_probabilities
from posemill.features.verdict import segments as runs
from posemill.prediction.events import event_windows
from posemill.prediction.schema import Segment, Verdict, Window


def verdict(
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
    threshold: float | None = None,
    events: Mapping[str, float] = MappingProxyType({}),
) -> Verdict | None:
    """Return the verdict over all windows (N, C); it abstains below the threshold and with "none of these".

    None without a window.
    events  of which one alone decides, see posemill.prediction.events.
    """
    if not len(probabilities):
        return None
    event = event_windows(probabilities, classes, events)
    of_clip = clip_probabilities(probabilities if event is None else probabilities[event])
    best = int(of_clip.argmax())
    probability = float(of_clip[best])
    return Verdict(
        activity=classes[best],
        probability=probability,
        probabilities=_named(of_clip, classes),
        abstained=abstains(classes[best], probability, threshold),
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
            abstained=abstains(classes[int(row.argmax())], float(row.max()), threshold),
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
    return [
        Segment(
            start_s=run.start_s,
            end_s=run.end_s,
            activity=classes[run.best],
            probability=run.probability,
            abstained=abstains(classes[run.best], run.probability, threshold),
        )
        for run in runs(spans, probabilities)
    ]


def _named(row: NDArray[np.float32], classes: Sequence[str]) -> dict[str, float]:
    return {name: float(p) for name, p in zip(classes, row, strict=True)}
