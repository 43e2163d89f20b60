"""The activity service under more load than it can take: 64 clients who ask twice as often as it can answer.

    python benchmarks/overload.py [--seconds 600] [--clients 64] [--times 2] [--at-work 32] [--json]

A network of the packaged size with random weights, 64 windows a request as npz. `peak` is the most that it answers of
1 to 16 clients who wait for their answers. Then the clients ask at `--times` that rate, and the service lets
`--at-work` requests in at once (POSEMILL_MAX_REQUESTS). Wanted: answers at no less than 95 % of the peak, a bounded
99th percentile of these, refusals (429, 503) in less time than an answer, nothing else, and memory as it was.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import serving as benchmark
from posemill.packaging import bento
from posemill.serving.server import serving

WINDOWS, WAITING, ROUNDS = 64, (1, 2, 4, 8, 16), 4
REFUSED = {"429", "503"}
LEAST_SHARE, GROWTH_MB, OF_AN_ANSWER = 0.95, 32.0, 1.0


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Package, serve, find the peak, then ask too much, in ROUNDS parts between which memory is looked at."""
    package = benchmark.packaged(folder, None)
    body = benchmark.bodies(folder, benchmark.people(WINDOWS))[benchmark.NPZ, WINDOWS]
    home = folder / "home"
    os.environ.pop("BENTOML_HOME", None)
    tags = bento.build(package, benchmark.HERE.parent, home)
    environment = {**bento.environment(home), "POSEMILL_MAX_REQUESTS": str(args.at_work)}
    with serving(tags["activity"], environment) as client:
        port = urlsplit(client.url).port or 0

        def asked(clients: int, seconds: float, *more: str) -> dict[str, Any]:
            options = ("--clients", str(clients), "--seconds", str(seconds), *more)
            return benchmark.asked(port, body, benchmark.NPZ, *options)

        asked(4, 2.0)
        peak = max(asked(clients, args.peak_seconds)["requests_s"] for clients in WAITING)
        memory, parts = [benchmark.memory_mb(port)], []
        for _ in range(ROUNDS):
            parts.append(asked(args.clients, args.seconds / ROUNDS, "--rate", str(args.times * peak)))
            memory.append(benchmark.memory_mb(port))
    return summary(peak, parts, memory)


def summary(peak: float, parts: list[dict[str, Any]], memory: list[float]) -> dict[str, Any]:
    """Figures of all parts together; percentiles are the worst of them."""
    statuses = benchmark.merged(parts)
    seconds = sum(part["seconds"] for part in parts)
    worst: dict[str, float] = {}
    for part in parts:
        for status, p99 in part["p99_ms_by_status"].items():
            worst[status] = max(p99, worst.get(status, 0.0))
    refused = [p99 for status, p99 in worst.items() if status in REFUSED]
    return {
        "peak_s": peak,
        "asked_s": sum(statuses.values()) / seconds,
        "answered_s": statuses.get("200", 0) / seconds,
        "share_of_peak": statuses.get("200", 0) / seconds / peak,
        "p99_answered_ms": worst.get("200"),
        "p99_refused_ms": max(refused, default=None),
        "statuses": statuses,
        "other": sum(n for status, n in statuses.items() if status not in {"200", *REFUSED}),
        "memory_mb": memory,
        "memory_growth_mb": memory[-1] - memory[1],
    }


def held(line: dict[str, Any]) -> dict[str, bool]:
    """Each thing that is wanted, and whether it was so."""
    answered, refused = line["p99_answered_ms"], line["p99_refused_ms"]
    return {
        "throughput at 95 % of the peak": line["share_of_peak"] >= LEAST_SHARE,
        "refused sooner than answered": bool(answered and refused and refused < OF_AN_ANSWER * answered),
        "only 200, 429 and 503": line["other"] == 0,
        "memory flat after the first part": line["memory_growth_mb"] <= GROWTH_MB,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--peak-seconds", type=float, default=5.0, help="of each number of clients")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--times", type=float, default=2.0, help="the peak rate")
    parser.add_argument("--at-work", type=int, default=32, help="requests that are let in at once")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posemill-overload-") as folder:
        line = measure(args, Path(folder))
    if args.json:
        print(json.dumps({"benchmark": "overload", **line}))
        return
    refused = "none refused" if line["p99_refused_ms"] is None else f"refusals {line['p99_refused_ms']:.0f} ms"
    print(
        f"peak {line['peak_s']:.1f} requests/s; asked {line['asked_s']:.1f}, answered {line['answered_s']:.1f} "
        f"({line['share_of_peak']:.0%} of the peak); p99 of answers {line['p99_answered_ms'] or 0:.0f} ms, {refused}; "
        f"statuses {line['statuses']}; memory {' → '.join(f'{mb:.0f}' for mb in line['memory_mb'])} MiB"
    )
    for name, good in held(line).items():
        print(f"{'ok    ' if good else 'MISSED'}  {name}")


if __name__ == "__main__":
    main()
