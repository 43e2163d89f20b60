"""Metrics of the workspace: outcome of the gate, drift of the last comparison, free disk space."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from posemill.settings import Settings
from posemill.stages.workspace import Workspace


class WorkspaceMetrics:
    """Reads build/ and asks the disks at every scrape. What was not made yet has no series."""

    def __init__(self, settings: Settings) -> None:
        self._workspace = Workspace(settings.workspace)
        places = {"workspace": settings.workspace, "home": settings.home}
        if "://" not in settings.store_url:
            places["store"] = Path(settings.store_url)
        self._places: Mapping[str, Path] = places

    def collect(self) -> Iterator[Any]:
        """Yield families of prometheus_client."""
        yield from self._disks()
        yield from self._gate()
        yield from self._drift()

    def _disks(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        free = GaugeMetricFamily("posemill_disk_free_bytes", "Free disk space by place.", labels=["place"])
        size = GaugeMetricFamily("posemill_disk_size_bytes", "Size of the disk by place.", labels=["place"])
        for place, path in self._places.items():
            if path.exists():
                usage = shutil.disk_usage(path)
                free.add_metric([place], float(usage.free))
                size.add_metric([place], float(usage.total))
        yield free
        yield size

    def _gate(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        path = self._workspace.output("package") / "result.json"
        if (found := _read(path)) is not None:
            passed = found.get("refused") is None
            yield GaugeMetricFamily("posemill_gate_passed", "1 if the last model passed its gate.", value=float(passed))
            yield _written("posemill_package_timestamp_seconds", "When the last model was judged.", path)

    def _drift(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        path = self._workspace.output("monitor") / "monitor.json"
        if (found := _read(path)) is None:
            return
        passed = float(bool(found.get("passed")))
        yield GaugeMetricFamily("posemill_drift_passed", "1 if no figure is past its limit.", value=passed)
        yield _written("posemill_drift_timestamp_seconds", "When live data were compared last.", path)
        for measure in ("psi", "ks"):
            family = GaugeMetricFamily(
                f"posemill_drift_{measure}", f"{measure.upper()} of live data against training data.", labels=["figure"]
            )
            for row in found.get("rows", ()):
                if row.get(measure) is not None:
                    family.add_metric([row["figure"]], float(row[measure]))
            yield family


def _written(name: str, says: str, path: Path) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, says, value=path.stat().st_mtime)


def _read(path: Path) -> dict[str, Any] | None:
    """Return a JSON file; None where there is none, or it is being written."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content
