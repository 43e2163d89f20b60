"""HTTP server of the exporter."""

from __future__ import annotations

import threading
from typing import Any

from posemill.operations.exporter.database import DatabaseMetrics
from posemill.operations.exporter.prefect_server import PrefectMetrics
from posemill.operations.exporter.workspace import WorkspaceMetrics
from posemill.settings import Settings


def registry(settings: Settings, prefect_url: str | None) -> Any:
    """Return a registry of prometheus_client with everything that the exporter shows.

    prefect_url  of Prefect's API; None: nothing of flow runs.
    """
    from prometheus_client import CollectorRegistry

    collected = CollectorRegistry()
    for collector in (DatabaseMetrics(settings), WorkspaceMetrics(settings)):
        collected.register(_Once(collector))
    if prefect_url:
        collected.register(_Once(PrefectMetrics(prefect_url)))
    return collected


def serve(settings: Settings, prefect_url: str | None, host: str, port: int, until: threading.Event) -> None:
    """Answer /metrics until the event is set. Errors: OSError where the port is taken."""
    from prometheus_client import start_http_server

    server, thread = start_http_server(port, host, registry(settings, prefect_url))
    try:
        until.wait()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Once:
    """A collector that is not asked when it is registered: a registry would, and wait for what may be away."""

    def __init__(self, collector: Any) -> None:
        self.collect = collector.collect

    def describe(self) -> list[Any]:
        return []
