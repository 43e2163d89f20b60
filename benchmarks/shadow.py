"""What a challenger in shadow, and traces, cost the clients of a service: latency of requests with and without.

python benchmarks/shadow.py [--rounds 6] [--seconds 5] [--clients 1 8] [--json]

Servers of the same bento (the model that comes with posemill) run at the same time on loopback and are asked in turn,
by http_load.py in a process of its own: plain, with itself as a challenger in shadow, and a second plain one, whose
ratio to the first says how much of a difference is noise. With --traces one more exports traces to an endpoint that
only reads them. Ratios are medians over the rounds; below 1.1 at p50 and 1.2 at p99 is what is wanted of the shadow.
With --json the last line is one flat JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import timeit
import urllib.request
from collections import defaultdict
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from posemill.packaging import bento
from posemill.prediction.model import ActivityModel
from posemill.prediction.packaged import PACKAGED
from posemill.serving import tensors
from posemill.serving.server import serving
from posemill.telemetry import trace

HERE = Path(__file__).resolve().parent
WANTED = {"shadow_p50_ratio": 1.1, "shadow_p99_ratio": 1.2}
WINDOWS = 8


def load(url: str, body: Path, clients: int, seconds: float) -> dict[str, float]:
    """Figures of http_load.py."""
    parts = urlsplit(url)
    command = [sys.executable, str(HERE / "http_load.py"), str(parts.hostname), str(parts.port), str(body)]
    options = ["--clients", str(clients), "--seconds", str(seconds), "--header", f"Content-Type: {tensors.MEDIA_TYPE}"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    assert set(figures.pop("statuses")) == {"200"}  # type: ignore[call-overload]
    return figures


class Reads(BaseHTTPRequestHandler):
    """An OTLP endpoint that reads spans and forgets them."""

    def do_POST(self) -> None:
        """Answer 200."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def metrics(url: str) -> dict[str, float]:
    """The shadow's own counts."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    wanted = {f"posemill_shadow_{name}_total": name for name in ("answers", "dropped", "failures")}
    return {wanted[name]: float(value) for name, _, value in (line.partition(" ") for line in lines) if name in wanted}


def span_ns() -> float:
    """Nanoseconds of a span where nothing is exported."""

    def once() -> None:
        with trace.span("model", windows=1):
            pass

    return min(timeit.repeat(once, number=20_000, repeat=5)) / 20_000 * 1e9


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--traces", action="store_true", help="measure traces too; needs the extra `telemetry`")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures: dict[str, float] = {"span_off_ns": span_ns()}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        tags = bento.build(PACKAGED, HERE.parent, Path(folder) / "home")
        tag, env = tags["activity"], bento.environment(Path(folder) / "home")
        body = Path(folder) / "body.safetensors"
        shape = (WINDOWS, *ActivityModel.packaged().features.shape)
        windows = np.random.default_rng(0).uniform(0.1, 0.9, shape).astype(np.float32)
        body.write_bytes(tensors.write({tensors.NAME: windows}))
        sides = {"plain": {}, "shadow": {"POSEMILL_SHADOW": tag}, "again": {}}
        if args.traces:
            collector = ThreadingHTTPServer(("127.0.0.1", 0), Reads)
            threading.Thread(target=collector.serve_forever, daemon=True).start()
            sides["traces"] = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}"}
        urls = {name: stack.enter_context(serving(tag, env | more)).url for name, more in sides.items()}
        for url in urls.values():
            load(url, body, 1, 1.0)
        for clients in args.clients:
            seen: dict[str, list[dict[str, float]]] = defaultdict(list)
            for round_ in range(args.rounds):
                names = list(urls) if round_ % 2 else list(urls)[::-1]
                for name in names:
                    seen[name].append(load(urls[name], body, clients, args.seconds))
            for name, rows in seen.items():
                for figure in ("p50_ms", "p99_ms"):
                    here = np.array([row[figure] for row in rows])
                    plain = np.array([row[figure] for row in seen["plain"]])
                    figures[f"{name}_{figure}_{clients}"] = float(np.median(here))
                    if name != "plain":
                        ratio = float(np.median(here / plain))
                        figures[f"{name}_{figure.removesuffix('_ms')}_ratio_{clients}"] = ratio
                p50, p99 = (figures[f"{name}_{figure}_ms_{clients}"] for figure in ("p50", "p99"))
                print(f"{clients} clients, {name:7}  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms")
        figures |= {f"shadow_{name}": count for name, count in metrics(urls["shadow"]).items()}
    for name, most in WANTED.items():
        figures[name] = max(figures[f"{name}_{clients}"] for clients in args.clients)
        print(f"{name} {figures[name]:.3f}, wanted at most {most}")
    print(f"a span where nothing is exported: {figures['span_off_ns']:.0f} ns")
    if args.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
