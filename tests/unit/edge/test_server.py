"""The server of the edge runtime: who may ask it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from posemill.edge.runtime import Runtime
from posemill.edge.server import HealthServer
from posemill.edge.stream import Shown

PATHS = ("/", "/health", "/metrics", "/zones", "/zones.js", "/snapshot/door.jpg", "/preview/door", "/nothing")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    shown = Shown(np.zeros((9, 16, 3), np.uint8), {}, {})
    latency = SimpleNamespace(totals=dict)
    stream = SimpleNamespace(config=SimpleNamespace(name="door"), shown=shown, camera="ended", latency=latency)
    health = {"sources": {}, "outputs": {"events": 0, "waiting": 0}}
    runtime = SimpleNamespace(streams=(stream,), health=lambda: health)
    with HealthServer(cast(Runtime, runtime), 0) as server:
        yield server.port


def status(port: int, path: str, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("path", PATHS)
def test_a_page_whose_name_leads_here_sees_nothing(port: int, path: str) -> None:
    """DNS rebinding: else it could read the pictures of the cameras."""
    for host in ("rebound.example", f"rebound.example:{port}", "127.0.0.1.rebound.example", ""):
        assert status(port, path, host) == 421
    for host in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}", "[::1]"):
        assert status(port, path, host) == (404 if path == "/nothing" else 200)
