"""The activity service against the same model in process, and against a minimal FastAPI and PyTorch app.

python benchmarks/serving.py [--workspace DIR] [--json]

All three answer the same windows with the same network and feature pipeline; the two servers run at the same time on
loopback and take turns, asked by the same clients (http_load.py, a process of its own). Without a workspace that has a
trained model, a network of the same size with random weights is packaged. `ratio` of a row: its windows/s by those of
FastAPI for as many windows and clients. With --json the last line is one flat JSON object.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from posemill import models, params
from posemill.features.pipeline import FeaturePipeline
from posemill.packaging import bento
from posemill.packaging.assemble import assemble
from posemill.pose.skeleton import BODY_12
from posemill.pose.window import WindowSpec
from posemill.prediction.model import ActivityModel
from posemill.serving import tensors
from posemill.serving.arrays import with_nulls
from posemill.serving.server import free_port, serving

HERE = Path(__file__).resolve().parent
CLIENTS, SIZES, ROUNDS = (1, 8, 64), (1, 64), 2
JSON, NPZ, SAFETENSORS = "application/json", "application/x-npz", tensors.MEDIA_TYPE
FORMS = {JSON: "json", NPZ: "npz", SAFETENSORS: "safetensors"}
FIGURES = ("requests_s", "p50_ms", "p95_ms", "p99_ms")
WANTED = {  # figure → the least or the most that it should be
    "windows_ratio": (5.0, None),
    "requests_ratio": (0.8, None),
    "overhead_ms": (None, 3.0),
    "answers_503": (None, 0),
    "memory_growth_mb": (None, 32.0),
    "cold_activity_s": (None, 6.0),
    "cold_analysis_s": (None, 15.0),
}


@dataclass(frozen=True)
class Side:
    """Who is asked in which form. `port` None: the model in this process."""

    name: str
    port: int | None
    kind: str = JSON


def people(count: int) -> NDArray[np.float32]:
    """(N, T, K, 3) windows of people who swing around a standing pose; a tenth of the keypoints is away for a while."""
    random = np.random.default_rng(0)
    t = np.linspace(0, 2, 48)[None, :, None, None]
    rest, swing = random.uniform(100, 400, (count, 1, 12, 2)), random.uniform(-40, 40, (count, 1, 12, 2))
    xy = rest + swing * np.sin(2 * np.pi * t * random.uniform(0.5, 2, (count, 1, 1, 1)))
    windows = np.concatenate([xy, random.uniform(0.3, 1, (count, 48, 12, 1))], -1).astype(np.float32)
    for window, keypoint in zip(*np.nonzero(random.random((count, 12)) < 0.1), strict=True):
        start = random.integers(0, 40)
        windows[window, start : start + 8, keypoint] = (np.nan, np.nan, 0)
    return windows


def packaged(folder: Path, workspace: Path | None) -> Path:
    """`folder`/package as the package stage writes it, and `folder`/network for the reference. Returns the package."""
    package, network = folder / "package", folder / "network"
    if workspace is not None:
        shutil.copytree(workspace / "build" / "package", package)
        shutil.copytree(workspace / "build" / "train", network)
    else:
        features = FeaturePipeline(BODY_12, WindowSpec(duration_s=2.0, rate_hz=24.0)).fit(people(64))
        card = models.NetworkCard("tcn", {"width": 96}, BODY_12.name, tuple("abcdefghijkl"), 48)
        built = models.build("tcn", BODY_12, 12, width=96).eval()
        models.save(network, built, card)
        label = params.load(HERE.parent / "params.yaml").label.model_dump(mode="json")
        labeller = {"backend": label["backend"], "checkpoint": label["checkpoint"], "params": label, "describes": None}
        assemble(package, built, card, features, people(16), 1.3, labeller, {})
    for name in ("features.json", "classes.json"):
        shutil.copy(package / name, network / name)
    return package


def bodies(folder: Path, windows: NDArray[np.float32]) -> dict[tuple[str, int], Path]:
    """Files with the requests, by form and number of windows."""
    found = {}
    for size in SIZES:
        found[JSON, size] = folder / f"{size}.json"
        found[JSON, size].write_text(json.dumps({"windows": with_nulls(windows[:size])}))
        found[NPZ, size] = folder / f"{size}.npz"
        np.savez(found[NPZ, size], windows=windows[:size])
        found[SAFETENSORS, size] = folder / f"{size}.safetensors"
        found[SAFETENSORS, size].write_bytes(tensors.write({"windows": windows[:size]}))
    return found


@contextmanager
def reference(network: Path) -> Iterator[int]:
    """The FastAPI app on a free port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(HERE / "fastapi_server.py"), str(network), str(port)])
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def asked(port: int, body: Path, kind: str, *options: str) -> dict[str, Any]:
    """What http_load.py saw."""
    command = [sys.executable, str(HERE / "http_load.py"), "127.0.0.1", str(port), str(body), *options]
    done = subprocess.run([*command, "--header", f"Content-Type: {kind}"], capture_output=True, text=True, check=True)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def called(predict: Callable[[], Any], seconds: float) -> dict[str, Any]:
    """The same figures of a function in this process."""
    predict()
    started, times = time.perf_counter(), []
    while time.perf_counter() < started + seconds:
        begun = time.perf_counter()
        predict()
        times.append(time.perf_counter() - begun)
    p50, p95, p99 = np.percentile(times, [50, 95, 99]) * 1000
    return {"requests_s": len(times) / sum(times), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "statuses": {}}


def require_same(predictor: ActivityModel, windows: NDArray[np.float32], sides: list[Side], files: Any) -> None:
    """All answer alike, but for the temperature, which the minimal app has not."""
    wanted = predictor.probabilities(windows[:64])
    for side in sides:
        if side.port is not None:
            address = f"http://127.0.0.1:{side.port}/predict_windows"
            request = urllib.request.Request(address, files[side.kind, 64].read_bytes(), {"Content-Type": side.kind})
            got = np.array(json.load(urllib.request.urlopen(request))["probabilities"])
            if side.name == "fastapi":
                got = got ** (1 / predictor.temperature)
                got /= got.sum(1, keepdims=True)
            if (difference := np.abs(got - wanted).max()) > 1e-3:
                raise SystemExit(f"{side.name} answers otherwise: probabilities differ by {difference:.2g}")


def measure_cells(
    sides: list[Side],
    files: dict[tuple[str, int], Path],
    predictor: ActivityModel,
    windows: NDArray[np.float32],
    seconds: float,
) -> dict[tuple[str, str, int, int], dict[str, Any]]:
    """(side, form, windows, clients) → mean figures over the rounds, and all statuses."""
    cells: dict[tuple[str, str, int, int], list[dict[str, Any]]] = {}
    for _ in range(ROUNDS):
        for size in SIZES:
            for clients in CLIENTS:
                for side in sides:
                    key = (side.name, FORMS[side.kind], size, clients)
                    if side.port is None:
                        if clients == 1:
                            seen = called(lambda n=size: predictor.probabilities(windows[:n]), seconds / 2)
                            cells.setdefault(("process", "array", size, 1), []).append(seen)
                        continue
                    options = ("--clients", str(clients), "--seconds", str(seconds))
                    cells.setdefault(key, []).append(asked(side.port, files[side.kind, size], side.kind, *options))
    return {
        key: {**{f: float(np.mean([s[f] for s in seen])) for f in FIGURES}, "statuses": merged(seen)}
        for key, seen in cells.items()
    }


def merged(seen: list[dict[str, Any]]) -> dict[str, int]:
    """Statuses of several runs together."""
    total: dict[str, int] = {}
    for one in seen:
        for status, count in one["statuses"].items():
            total[status] = total.get(status, 0) + count
    return total


def memory_mb(port: int) -> float:
    """Resident memory of the service's worker, as it says itself."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    line = next(line for line in text.splitlines() if line.startswith("process_resident_memory_bytes "))
    return float(line.split()[1]) / 2**20


def table(cells: dict[tuple[str, str, int, int], dict[str, Any]]) -> str:
    """One row a cell."""
    out = io.StringIO()
    head = f"{'':10}{'form':>12}{'windows':>9}{'clients':>9}{'requests/s':>12}{'windows/s':>11}"
    print(f"{head}{'p50 ms':>9}{'p95':>9}{'p99':>9}{'ratio':>8}  not 200", file=out)
    for (name, form, size, clients), c in sorted(cells.items(), key=lambda item: item[0][2:] + item[0][:2]):
        ratio = c["requests_s"] / cells["fastapi", "json", size, clients]["requests_s"]
        bad = {status: n for status, n in c["statuses"].items() if status != "200"}
        print(
            f"{name:10}{form:>12}{size:9}{clients:9}{c['requests_s']:12.1f}{c['requests_s'] * size:11.0f}"
            f"{c['p50_ms']:9.2f}{c['p95_ms']:9.2f}{c['p99_ms']:9.2f}{ratio:8.2f}  {bad or ''}",
            file=out,
        )
    return out.getvalue()


def summed_up(cells: dict[tuple[str, str, int, int], dict[str, Any]]) -> dict[str, Any]:
    """The figures that were wanted, then every cell."""

    def rate(name: str, form: str, size: int, clients: int) -> float:
        return float(cells[name, form, size, clients]["requests_s"])

    ratios = {n: rate("posemill", "npz", 64, n) / rate("fastapi", "json", 64, n) for n in CLIENTS}
    process = cells["process", "array", 1, 1]["p50_ms"]
    ours = {key: c for key, c in cells.items() if key[0] == "posemill"}
    line: dict[str, Any] = {
        "windows_ratio": ratios[8],
        "windows_ratio_least": min(ratios.values()),
        "requests_ratio": rate("posemill", "npz", 1, 8) / rate("fastapi", "json", 1, 8),
        "requests_ratio_json": rate("posemill", "json", 1, 8) / rate("fastapi", "json", 1, 8),
        "windows_ratio_safetensors": rate("posemill", "safetensors", 64, 8) / rate("fastapi", "json", 64, 8),
        "requests_ratio_safetensors": rate("posemill", "safetensors", 1, 8) / rate("fastapi", "json", 1, 8),
        "overhead_ms": cells["posemill", "npz", 1, 1]["p50_ms"] - process,
        "overhead_json_ms": cells["posemill", "json", 1, 1]["p50_ms"] - process,
        "answers_503": sum(c["statuses"].get("503", 0) for c in ours.values()),
        "answers_not_200": sum(n for c in ours.values() for s, n in c["statuses"].items() if s != "200"),
    }
    for (name, form, size, clients), c in cells.items():
        line |= {f"{name}_{form}_{size}w_{clients}c_{figure}": c[figure] for figure in FIGURES}
    return line


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Build, start, take turns, count memory."""
    package = packaged(folder, args.workspace)
    predictor = ActivityModel.load(package)
    windows = people(max(SIZES)) if args.workspace is None else real_windows(args.workspace)
    files = bodies(folder, windows)
    home = folder / "home"
    os.environ.pop("BENTOML_HOME", None)
    tags = bento.build(package, HERE.parent, home)
    cold = {service: ready_after(tags[service], home) for service in ("activity", "analysis")}
    with serving(tags["activity"], bento.environment(home)) as client, reference(folder / "network") as port:
        own = urlsplit(client.url).port or 0
        ours = [Side("posemill", own, kind) for kind in (NPZ, JSON, SAFETENSORS)]
        sides = [ours[0], Side("fastapi", port), *ours[1:], Side("process", None)]
        require_same(predictor, windows, sides, files)
        cells = measure_cells(sides, files, predictor, windows, args.seconds)
        before = memory_mb(own)
        flood = asked(own, files[NPZ, 1], NPZ, "--clients", "8", "--seconds", "120", "--requests", str(args.requests))
        after = memory_mb(own)
    line = summed_up(cells) | {
        "memory_before_mb": before,
        "memory_after_mb": after,
        "memory_growth_mb": after - before,
        "requests": flood["answers"],
        "cold_activity_s": cold["activity"],
        "cold_analysis_s": cold["analysis"],
    }
    print(table(cells))
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="with build/package, build/train and build/prepare")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a cell, in each of two rounds")
    parser.add_argument("--requests", type=int, default=10_000, help="between the two looks at memory")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posemill-benchmark-") as folder:
        line = {"benchmark": "serving", **measure(args, Path(folder))}
    print(
        f"windows/s {line['windows_ratio']:.2f} times FastAPI's (64 a request, 8 clients; least over 1, 8 and 64 "
        f"clients {line['windows_ratio_least']:.2f}); requests/s {line['requests_ratio']:.2f} times (one window, "
        f"8 clients; as JSON {line['requests_ratio_json']:.2f}, as safetensors "
        f"{line['requests_ratio_safetensors']:.2f})\n{line['overhead_ms']:.2f} ms over the model in "
        f"process; {line['answers_503']} answers of 503; memory {line['memory_before_mb']:.0f} → "
        f"{line['memory_after_mb']:.0f} MiB over {line['requests']} requests; ready after "
        f"{line['cold_activity_s']:.1f} s, with poses {line['cold_analysis_s']:.1f} s"
    )
    print("\n".join(held(line)))
    if args.json:
        print(json.dumps(line))


def held(line: dict[str, Any]) -> Iterator[str]:
    """One line a figure that is wanted: what came, and whether that is enough."""
    for name, (least, most) in WANTED.items():
        good = (least is None or line[name] >= least) and (most is None or line[name] <= most)
        limit = f"at least {least:g}" if least is not None else f"at most {most:g}"
        yield f"{'ok    ' if good else 'MISSED'}  {name:18}{line[name]:9.2f}   {limit} wanted"


def real_windows(workspace: Path) -> NDArray[np.float32]:
    """Windows that the prepare stage cut."""
    return np.array(np.load(workspace / "build" / "prepare" / "windows.npy", mmap_mode="r")[: max(SIZES)], np.float32)


def ready_after(tag: str, home: Path) -> float:
    """Seconds from the start of a server until it says that it is ready."""
    started = time.perf_counter()
    with serving(tag, bento.environment(home)):
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
