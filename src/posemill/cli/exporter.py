"""`posemill exporter`: metrics of the workspace for Prometheus."""

from __future__ import annotations

import os
import signal
import threading

import click


@click.command()
@click.option("--port", default=9464, show_default=True, type=click.IntRange(1, 65535))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 = all.")
def exporter(port: int, host: str) -> None:
    """Show Prometheus what /metrics of a service cannot know, until Ctrl-C.

    \b
    Chunks that wait for labelling, quarantine, drift, the gate, free disk space and, where PREFECT_API_URL is set, flow
    runs and workers. It has no keys: let only Prometheus reach it.
      posemill exporter --port 9464
      curl http://127.0.0.1:9464/metrics
    """
    from posemill.errors import Unavailable
    from posemill.operations.exporter.server import serve
    from posemill.settings import Settings

    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    click.echo(f"metrics on http://{host}:{port}/metrics (Ctrl-C stops it)", err=True)
    try:
        serve(Settings.from_env(), os.environ.get("PREFECT_API_URL"), host, port, ended)
    except OSError as exc:
        raise Unavailable(f"port {port} of {host} cannot be used ({exc}): choose another with --port") from exc
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
