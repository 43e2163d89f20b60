"""Live data: rows of the prediction log as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.monitoring.reference import FIGURES


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """Statistics of sampled windows, one number each, and of their answers.

    values      figure → (N,) float64, NaN where nothing was seen.
    activities  (N,) prediction of each window.
    confidence  (A,) probability of every answer; latency_ms (A,) NaN where unknown.
    endpoints, clients, bentos  answers by each; first, last  moments of the first and last answer.
    """

    values: Mapping[str, NDArray[np.float64]]
    activities: Sequence[str]
    confidence: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    endpoints: Mapping[str, int]
    clients: Mapping[str, int]
    bentos: Mapping[str, int]
    first: datetime | None
    last: datetime | None

    @property
    def answers(self) -> int:
        """Number of answers."""
        return sum(self.endpoints.values())

    @property
    def windows(self) -> int:
        """Number of sampled windows."""
        return len(self.activities)


def live(rows: Sequence[Mapping[str, Any]]) -> Live:
    """Build it from rows of store.predictions, oldest first. Rows without a summary count as answers only."""
    summaries = [row["prediction"] for row in rows if row["prediction"]]
    return Live(
        values={name: _numbers(v for s in summaries for v in s.get(name, ())) for name in FIGURES},
        activities=[activity for s in summaries for activity in s.get("activities", ())],
        confidence=_numbers(row["confidence"] for row in rows),
        latency_ms=_numbers(row["latency_ms"] for row in rows),
        endpoints=_counted(row["endpoint"] or "unknown" for row in rows),
        clients=_counted(row["client"] or "without a key" for row in rows),
        bentos=_counted(row["bento_tag"] for row in rows),
        first=rows[0]["added_at"] if rows else None,
        last=rows[-1]["added_at"] if rows else None,
    )


def _numbers(values: Any) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], np.float64)


def _counted(names: Any) -> dict[str, int]:
    return dict(Counter(names).most_common())
