"""Latency of the stages of a source: the newest times, their percentiles, and totals for Prometheus."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

STAGES = ("decode", "wait", "pose", "track", "features", "prediction", "applications", "events", "frame_to_verdict")
NEWEST = 512  # times of a stage that percentiles are of


class StageLatency:
    """Times of every stage, seconds. Safe to use from several threads."""

    def __init__(self) -> None:
        self._newest: dict[str, deque[float]] = {stage: deque(maxlen=NEWEST) for stage in STAGES}
        self._count, self._sum_s = dict.fromkeys(STAGES, 0), dict.fromkeys(STAGES, 0.0)
        self._lock = threading.Lock()

    def add(self, stage: str, seconds: float) -> None:
        """Count one time."""
        with self._lock:
            self._newest[stage].append(seconds)
            self._count[stage] += 1
            self._sum_s[stage] += seconds

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Time a block."""
        begin = time.perf_counter()
        yield
        self.add(stage, time.perf_counter() - begin)

    def percentiles_ms(self) -> dict[str, dict[str, float]]:
        """Return p50 and p95 of the newest times of every stage that ran, milliseconds."""
        with self._lock:
            newest = {stage: list(times) for stage, times in self._newest.items() if times}
        return {
            stage: {f"p{q}": round(float(np.percentile(times, q)) * 1000, 2) for q in (50, 95)}
            for stage, times in newest.items()
        }

    def totals(self) -> dict[str, tuple[int, float]]:
        """Return count and sum in seconds of every stage since the start."""
        with self._lock:
            return {stage: (self._count[stage], self._sum_s[stage]) for stage in STAGES}
