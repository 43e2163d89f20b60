"""Events: activities that are over within seconds, such as a fall, and name a clip wherever they happen in it.

A clip of ten seconds with a fall in it is mostly lying there: the mean over its windows would say so. An event is read
where it is most probable instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

EVENTS = "events"  # key of calibration.json: activity → least probability
RUN = 2  # windows in a row whose mean must reach it


def events_of(fields: Mapping[str, Any]) -> dict[str, float]:
    """Return the events of a calibration.json and their least probabilities.

    Examples:
        >>> events_of({"temperature": 1.0, "events": {"fall": 0.6}})
        {'fall': 0.6}
    """
    return {str(name): float(least) for name, least in fields.get(EVENTS, {}).items()}


def event_windows(
    probabilities: NDArray[np.float32], classes: Sequence[str], events: Mapping[str, float]
) -> slice | None:
    """Return the windows (N, C) of the most probable event that reaches its least probability; None without one.

    Examples:
        >>> rows = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.9, 0.1]], np.float32)
        >>> event_windows(rows, ["lie", "fall"], {"fall": 0.6})
        slice(1, 3, None)
    """
    size = min(RUN, len(probabilities))
    best: tuple[float, int] | None = None
    for name, least in events.items():
        if not size or name not in classes:
            continue
        means = np.convolve(probabilities[:, classes.index(name)], np.ones(size) / size, "valid")
        at = int(means.argmax())
        if means[at] >= least and (best is None or means[at] > best[0]):
            best = (float(means[at]), at)
    return None if best is None else slice(best[1], best[1] + size)
