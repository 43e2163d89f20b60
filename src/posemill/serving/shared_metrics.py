"""Metrics over several worker processes: each writes its own once a second, whichever is asked adds up all of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from posemill import atomic
from posemill.serving.metrics import Metrics

EVERY_S = 1.0
_LEAST = ("process_start_time_seconds", "process_max_fds")  # of whose values the least is shown; others are added


class SharedMetrics:
    """Metrics of all workers of a service, as text.

    own     of this worker; folder: what the workers share.
    What a worker counted that has ended stays counted; numbers of the moment, such as the length of a queue, are of
    those that run. Other workers' figures are at most EVERY_S old.
    """

    def __init__(self, own: Metrics, folder: Path) -> None:
        self._own, self._folder = own, folder
        self._path = folder / f"metrics-{os.getpid()}.prom"
        self._stop = threading.Event()
        threading.Thread(target=self._keep, name="posemill-metrics", daemon=True).start()

    def text(self) -> bytes:
        """Everything in Prometheus' text form."""
        from prometheus_client import CollectorRegistry, generate_latest

        texts = [(self._own.text(), True), *self._others()]
        registry = CollectorRegistry()
        registry.register(_Families(added(texts)))
        return generate_latest(registry)

    def write(self) -> None:
        """Write this worker's own for the others. A disk that is full is no fault of the service."""
        with suppress(OSError):
            atomic.write_bytes(self._path, self._own.text())

    def close(self) -> None:
        """Write the last figures; they are shown as long as another worker runs."""
        self._stop.set()
        self.write()

    def _keep(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.write()

    def _others(self) -> Iterator[tuple[bytes, bool]]:
        for path in sorted(self._folder.glob("metrics-*.prom")):
            if path != self._path:
                with suppress(OSError):
                    yield path.read_bytes(), _runs(int(path.stem.partition("-")[2]))


class _Families:
    def __init__(self, families: list[Any]) -> None:
        self._families = families

    def collect(self) -> Iterable[Any]:
        return self._families


def added(texts: Iterable[tuple[bytes, bool]]) -> list[Any]:
    """Add up metrics of several workers, in text form, each with whether it runs: families of prometheus_client."""
    from prometheus_client.parser import text_string_to_metric_families
    from prometheus_client.samples import Sample

    families: dict[str, Any] = {}
    sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for text, runs in texts:
        for family in text_string_to_metric_families(text.decode()):
            if not runs and (family.type == "gauge" or family.name.startswith("process_")):
                continue
            families.setdefault(family.name, family)
            known = sums.setdefault(family.name, {})
            for sample in family.samples:
                key = (sample.name, tuple(sample.labels.items()))
                before = known.get(key)
                both = min if sample.name in _LEAST else float.__add__
                known[key] = sample.value if before is None else both(before, sample.value)
    for name, family in families.items():
        family.samples = [Sample(s, dict(labels), value) for (s, labels), value in sums[name].items()]
    return list(families.values())


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's by now: then ours has ended
        return False
    return True
