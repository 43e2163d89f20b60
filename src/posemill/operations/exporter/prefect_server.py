"""Metrics of the Prefect server: flow runs by state, the longest that runs, workers that report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

POOL = "posemill"
RUNNING, LATE = "RUNNING", "Late"
RECENT = timedelta(days=1)
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class PrefectMetrics:
    """Asks the server at every scrape. A server that is away is `posemill_prefect_up 0`, not an error.

    url  of its API, as PREFECT_API_URL.
    """

    def __init__(self, url: str, timeout_s: float = 5.0) -> None:
        self._url, self._timeout_s = url.rstrip("/"), timeout_s

    def collect(self) -> Iterator[Any]:
        """Yield families of prometheus_client."""
        import httpx
        from prometheus_client.core import GaugeMetricFamily

        try:
            with httpx.Client(base_url=self._url, timeout=self._timeout_s) as client:
                families = list(_families(client))
        except (httpx.HTTPError, ValueError, KeyError):
            families = []
        yield GaugeMetricFamily("posemill_prefect_up", "1 if Prefect's server answers.", value=float(bool(families)))
        yield from families


def _families(client: Any) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    runs = GaugeMetricFamily("posemill_flow_runs", "Flow runs by state: at work, and ended in 24 h.", labels=["state"])
    runs.add_metric([RUNNING.lower()], float(_count(client, {"state": {"type": {"any_": [RUNNING]}}})))
    runs.add_metric([LATE.lower()], float(_count(client, {"state": {"name": {"any_": [LATE]}}})))
    since = (datetime.now(UTC) - RECENT).isoformat()
    for state in ENDED:
        ended = {"state": {"type": {"any_": [state]}}, "end_time": {"after_": since}}
        runs.add_metric([state.lower()], float(_count(client, ended)))
    yield runs
    yield GaugeMetricFamily(
        "posemill_flow_run_longest_seconds", "Age of the oldest flow run that is RUNNING.", value=_longest_s(client)
    )
    online = {"workers": {"status": {"any_": ["ONLINE"]}}}
    workers = _post(client, f"/work_pools/{POOL}/workers/filter", online, missing=[])
    yield GaugeMetricFamily(
        "posemill_workers_online", "Workers of the work pool that report.", value=float(len(workers))
    )


def _count(client: Any, flow_runs: dict[str, Any]) -> int:
    return int(_post(client, "/flow_runs/count", {"flow_runs": flow_runs}))


def _longest_s(client: Any) -> float:
    running = {"flow_runs": {"state": {"type": {"any_": [RUNNING]}}}, "sort": "START_TIME_ASC", "limit": 1}
    found = _post(client, "/flow_runs/filter", running)
    started = [run["start_time"] for run in found if run["start_time"]]
    if not started:
        return 0.0
    return (datetime.now(UTC) - datetime.fromisoformat(started[0])).total_seconds()


def _post(client: Any, path: str, body: dict[str, Any], missing: Any = None) -> Any:
    """Return the answer; `missing` where the server knows no such thing."""
    answer = client.post(path, json=body)
    if answer.status_code == 404 and missing is not None:
        return missing
    answer.raise_for_status()
    return answer.json()
