"""Prometheus metrics: latency, windows a request, activities and their confidence.

BentoML's own request metrics are off: they keep a series for every path that a stranger makes up, for ever, and a
second server of the same BENTOML_HOME deletes their files. These count in memory, by known endpoint; several workers
add theirs up (shared_metrics.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.serving.served_model import Predicted

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
WINDOWS = tuple(2.0**i for i in range(11))
CONFIDENCE = tuple(i / 10 for i in range(1, 11))


class Histogram:
    """A histogram: how many values were at most each of `edges`, and their sum."""

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges, self.counts, self.sum = np.asarray(edges), np.zeros(len(edges) + 1, np.int64), 0.0

    def add(self, values: NDArray[Any] | float) -> None:
        """Count one value or an array of them."""
        places = np.searchsorted(self.edges, values)
        if np.ndim(places):
            self.counts += np.bincount(places, minlength=len(self.counts))
        else:
            self.counts[places] += 1
        self.sum += float(np.sum(values))

    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus wants them: cumulative, the last without a limit."""
        names = [*(str(float(edge)) for edge in self.edges), "+Inf"]
        return list(zip(names, np.cumsum(self.counts).astype(float), strict=True))


class Metrics:
    """Counts of one service since it was started. Safe to use from several threads.

    classes     activities in output order, of the model whose predictions are counted.
    collectors  of further families, such as those of a challenger.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes, self.activities = tuple(classes), np.zeros(len(classes), np.int64)
        self.collectors: list[Callable[[], Iterator[Any]]] = []
        self.abstained = 0
        self.confidence, self.windows = Histogram(CONFIDENCE), Histogram(WINDOWS)
        self.requests: dict[tuple[str, int], Histogram] = {}
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self.working = 0
        self._lock = Lock()

    def observed(self, answer: Predicted) -> None:
        """Count the predictions of a request, whichever model made them."""
        self.predicted(answer.probabilities, answer.abstained, answer.model.predictor.classes)

    def predicted(
        self,
        probabilities: NDArray[np.float32],
        abstained: NDArray[np.bool_],
        classes: Sequence[str] | None = None,
    ) -> None:
        """(N, C) probabilities of a request's windows, and (N,) where the model abstained.

        classes  of the model, in output order; default: those of these metrics.
        """
        with self._lock:
            self.windows.add(float(len(probabilities)))
            if len(probabilities):
                self._count_activities(probabilities.argmax(1), self.classes if classes is None else tuple(classes))
                self.confidence.add(probabilities.max(1))
                self.abstained += int(abstained.sum())

    def _count_activities(self, best: NDArray[np.intp], classes: tuple[str, ...]) -> None:
        if classes != self.classes:  # of a challenger: counted by name
            new = tuple(name for name in classes if name not in self.classes)
            self.classes += new
            self.activities = np.concatenate([self.activities, np.zeros(len(new), np.int64)])
            best = np.array([self.classes.index(name) for name in classes])[best]
        self.activities += np.bincount(best, minlength=len(self.classes))

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """One more answer of an endpoint."""
        with self._lock:
            self.requests.setdefault((endpoint, status), Histogram(SECONDS)).add(seconds)

    def gauge(self, name: str, says: str, now: Callable[[], float]) -> None:
        """Show a number that somebody else knows, such as the length of a queue."""
        self.gauges[name] = (says, now)

    def collect(self) -> Iterator[Any]:
        """Families of prometheus_client."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        with self._lock:
            requests = HistogramMetricFamily(
                "posemill_request_seconds", "Time to the last byte of an answer.", labels=["endpoint", "status"]
            )
            for (endpoint, status), counts in self.requests.items():
                requests.add_metric([endpoint, str(status)], counts.buckets(), counts.sum)
            yield requests
            for name, says, counts in (
                ("posemill_windows_per_request", "Windows that a request brought.", self.windows),
                ("posemill_confidence", "Probability of the best activity of a window.", self.confidence),
            ):
                yield HistogramMetricFamily(name, says, buckets=counts.buckets(), sum_value=counts.sum)
            predictions = CounterMetricFamily("posemill_predictions", "Windows by activity.", labels=["activity"])
            for activity, count in zip(self.classes, self.activities, strict=True):
                predictions.add_metric([activity], float(count))
            yield predictions
            yield CounterMetricFamily(
                "posemill_abstentions", "Windows on which the model abstained.", value=self.abstained
            )
            yield GaugeMetricFamily("posemill_requests_in_progress", "Requests at work now.", value=self.working)
        for name, (says, now) in self.gauges.items():
            yield GaugeMetricFamily(name, says, value=now())
        for collector in self.collectors:
            yield from collector()

    def text(self) -> bytes:
        """Everything, and this process (memory, open files), in Prometheus' text form."""
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        return generate_latest(registry)
