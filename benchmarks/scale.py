"""Time, memory and bytes of every stage on made-up data of NTU RGB+D's shape, and how they grow.

    python benchmarks/scale.py --clips 500 [--keypoints 17] [--until evaluate] [--alone] [--more 2] [--json|--markdown]

Runs import, snapshot, ingest, label, validate, prepare, train (one epoch) and evaluate as their commands, each in a
process of its own, in a workspace and an embedded PostgreSQL of their own; first with N clips, then with 4 N, unless
`--alone`. `cpu_s` is processor time, which a busy machine changes least. `rss_mb` is the largest sum of resident memory
over the stage's processes, and of that `private_mb` what is no page of a file; the database server is not among them.
`written_mb` is what the stage leaves. The growth exponent is log(cost at 4 N / cost at N) / log 4; starting a process
counts too. `--more 2`: afterwards two clips are added, and every stage up to prepare runs again. `--clips 25000` is the
run of 100,000 clips: it needs some 15 GB of disk. A run stops before it leaves less than `--leave-gb` free, and removes
what it wrote.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import yaml

import scale_data
from posemill.store.embedded import EmbeddedServer

REPOSITORY = Path(__file__).resolve().parents[1]
STAGES = ("snapshot", "ingest", "label", "validate", "prepare", "train", "evaluate")
REBUILT = ("snapshot", "ingest", "label", "validate", "prepare")
POLL_S = 0.1
DISK_MB = 0.15  # a clip: store, database, stages, what these keep, and scratch files


@dataclass(frozen=True)
class Cost:
    """Cost of one stage: seconds, of these on a processor, peak memory of its processes in MB, MB written."""

    stage: str
    seconds: float
    cpu_s: float
    rss_mb: float
    private_mb: float
    written_mb: float


class Memory(threading.Thread):
    """Watches the memory of a process and its children until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.rss, self.private = pid, 0, 0

    def run(self) -> None:
        """Look every POLL_S."""
        while psutil.pid_exists(self.pid):
            try:
                top = psutil.Process(self.pid)
                found = [self._of(p) for p in (top, *top.children(recursive=True)) if p.name() != "postgres"]
            except psutil.NoSuchProcess:
                return
            self.rss = max(self.rss, sum(rss for rss, _ in found))
            self.private = max(self.private, sum(private for _, private in found))
            time.sleep(POLL_S)

    def _of(self, process: psutil.Process) -> tuple[int, int]:
        try:
            memory = process.memory_info()
        except psutil.NoSuchProcess:
            return 0, 0
        return memory.rss, memory.rss - memory.shared


class Workplace:
    """A workspace with a server of its own."""

    def __init__(self, folder: Path, seed: int, keypoints: int) -> None:
        self.folder, self.seed, self.keypoints, self.clips = folder, seed, keypoints, 0
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        shutil.copytree(REPOSITORY / "expectations", folder / "expectations", dirs_exist_ok=True)
        params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
        params["train"] |= {"epochs": 1, "threads": 1}
        (folder / "params.yaml").write_text(yaml.safe_dump(params))
        self.server = EmbeddedServer(folder / "home")
        (folder / "home").mkdir(exist_ok=True)
        self.env = os.environ | {
            "POSEMILL_DATABASE_URL": self.server.start(),
            "POSEMILL_HOME": str(folder / "home"),
            "POSEMILL_WORKSPACE": str(folder),
        }

    def close(self) -> None:
        """Stop the server and remove its data."""
        self.server.stop()
        shutil.rmtree(self.server.data.parent, ignore_errors=True)

    def add(self, count: int) -> Cost:
        """Import that many clips more; making them does not count."""
        costs = []
        parts = scale_data.write_parts(self.folder / "parts", self.clips, count, self.keypoints, self.seed)
        before = _size(self.folder / "home" / "store")
        for path in parts:
            options = ["--dataset", "made", "--split", "xsub", "--not-mirrored"]
            classes = ["--classes", str(path.with_name("classes.txt"))]
            costs.append(self._run("import", ["import", "pyskl", str(path), *options, *classes, "--quiet"]))
            path.unlink()
        self.clips += count
        written = (_size(self.folder / "home" / "store") - before) / 1e6
        seconds, cpu_s = sum(c.seconds for c in costs), sum(c.cpu_s for c in costs)
        return Cost("import", round(seconds, 2), round(cpu_s, 2), *_peaks(costs), round(written, 2))

    def stage(self, name: str) -> Cost:
        """Run one stage."""
        cost = self._run(name, ["stage", name, "--quiet"])
        written = round(_size(self.folder / "build" / name) / 1e6, 2)
        return replace(cost, written_mb=written)

    def _run(self, name: str, arguments: list[str]) -> Cost:
        started, used = time.perf_counter(), _cpu_s()
        log = self.folder / "log.txt"
        command = [sys.executable, "-m", "posemill", *arguments]
        with log.open("a") as out:
            process = subprocess.Popen(command, env=self.env, cwd=self.folder, stdout=out, stderr=subprocess.STDOUT)
            memory = Memory(process.pid)
            memory.start()
            code = process.wait()
        seconds = time.perf_counter() - started
        memory.join()
        if code:
            raise SystemExit(f"{name} failed: {log.read_text()[-2000:]}")
        rss, private = round(memory.rss / 1e6, 1), round(memory.private / 1e6, 1)
        return Cost(name, round(seconds, 2), round(_cpu_s() - used, 2), rss, private, 0.0)


def _cpu_s() -> float:
    """Processor seconds of all processes that were started here and ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peaks(costs: list[Cost]) -> tuple[float, float]:
    return max(c.rss_mb for c in costs), max(c.private_mb for c in costs)


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else 0


def measure(folder: Path, clips: int, arguments: argparse.Namespace) -> dict[str, list[Cost]]:
    """Costs of every stage with that many clips, and with some more."""
    place = Workplace(folder, arguments.seed, arguments.keypoints)
    stages = STAGES[: STAGES.index(arguments.until) + 1]
    try:
        costs = {"first": _costs(place, clips, stages, arguments.leave_gb)}
        if arguments.more:
            again = tuple(name for name in stages if name in REBUILT)
            costs["more"] = _costs(place, arguments.more, again, arguments.leave_gb)
        print(f"  on the disk at the end: {_size(folder) / 1e6:.0f} MB", file=sys.stderr, flush=True)
    finally:
        place.close()
    return costs


def _costs(place: Workplace, clips: int, stages: Sequence[str], leave_gb: float) -> list[Cost]:
    """Add clips, then run stages. Errors: SystemExit where the disk becomes too full."""
    costs = [_told(place.add(clips))]
    for name in stages:
        _require_disk(place.folder, leave_gb)
        costs.append(_told(place.stage(name)))
    return costs


def _require_disk(folder: Path, leave_gb: float, needed_gb: float = 0.0) -> None:
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb - needed_gb < leave_gb:
        needed = f"{needed_gb:.1f} GB are needed and " if needed_gb else ""
        raise SystemExit(
            f"{folder}: {needed}{leave_gb:.0f} GB are to stay free, and {free_gb:.1f} GB are: fewer --clips, or name "
            "another folder with TMPDIR or --keep"
        )


def _told(cost: Cost) -> Cost:
    words = f"{cost.seconds} s, {cost.cpu_s} CPU s, {cost.rss_mb:.0f} MB RSS, {cost.private_mb:.0f} MB private"
    print(f"  {cost.stage} {words}, {cost.written_mb} MB written", file=sys.stderr, flush=True)
    return cost


def exponent(small: float, large: float) -> float | None:
    """Exponent of growth between N and 4 N; None where there is nothing to compare."""
    return round(math.log(large / small) / math.log(4), 2) if small > 0 and large > 0 else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=500, help="N; 4 N are measured after it")
    parser.add_argument("--alone", action="store_true", help="only N")
    parser.add_argument("--keypoints", type=int, choices=sorted(scale_data.SKELETONS), default=17)
    parser.add_argument("--until", choices=STAGES, default="evaluate")
    parser.add_argument("--more", type=int, default=0, help="clips to add afterwards")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--leave-gb", type=float, default=12.0, help="of the disk, that stay free")
    parser.add_argument("--keep", type=Path, help="folder of the workspaces, which then stay; default: a temporary one")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true", help="the tables of docs/scale.md")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="posemill-scale-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    sizes = [arguments.clips] if arguments.alone else [arguments.clips, 4 * arguments.clips]
    try:
        measured = {}
        for n in sizes:
            _require_disk(folder, arguments.leave_gb, n * DISK_MB / 1e3)
            measured[n] = measure(folder / str(n), n, arguments)
            if arguments.keep is None:
                shutil.rmtree(folder / str(n), ignore_errors=True)
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        print(json.dumps({n: {k: [asdict(c) for c in v] for k, v in of.items()} for n, of in measured.items()}))
    elif arguments.markdown:
        _markdown(measured)
    else:
        _print(measured)


def _markdown(measured: dict[int, dict[str, list[Cost]]]) -> None:
    sizes = list(measured)
    heads = [f"{head}, {n:,} clips" for head in ("seconds", "of these CPU", "RSS, MB", "written, MB") for n in sizes]
    print("| stage | " + " | ".join([*heads, "exponent of CPU, RSS"][: len(heads) + (len(sizes) == 2)]) + " |")
    print("|---" * (1 + len(heads) + (len(sizes) == 2)) + "|")
    for rows in zip(*(costs["first"] for costs in measured.values()), strict=True):
        fields = ("seconds", "cpu_s", "rss_mb", "written_mb")
        cells = [f"{getattr(cost, name):.1f}" for name in fields for cost in rows]
        if len(rows) == 2:
            cells.append(", ".join(_shown(exponent(*(getattr(c, f) for c in rows))) for f in ("cpu_s", "rss_mb")))
        print(f"| {rows[0].stage} | " + " | ".join(cells) + " |")
    for n, costs in measured.items():
        if more := costs.get("more"):
            print(f"\n| after {n:,} clips, a few more | seconds | of these CPU | RSS, MB |\n|---|---|---|---|")
            for cost in more:
                print(f"| {cost.stage} | {cost.seconds:.1f} | {cost.cpu_s:.1f} | {cost.rss_mb:.0f} |")
            print(f"| together | {sum(c.seconds for c in more):.1f} | {sum(c.cpu_s for c in more):.1f} | |")


def _print(measured: dict[int, dict[str, list[Cost]]]) -> None:
    for clips, costs in measured.items():
        for when, rows in costs.items():
            print(f"{clips} clips, {when}")
            for cost in rows:
                sizes = f"{cost.rss_mb:9.0f} MB RSS {cost.private_mb:9.0f} MB private {cost.written_mb:9.1f} MB written"
                print(f"  {cost.stage:9} {cost.seconds:9.1f} s {cost.cpu_s:9.1f} CPU s {sizes}")
            print(f"  {'together':9} {sum(c.seconds for c in rows):9.1f} s {sum(c.cpu_s for c in rows):9.1f} CPU s")
    if len(measured) == 2:
        print("growth exponents: seconds, CPU seconds, RSS, written")
        small, large = (costs["first"] for costs in measured.values())
        for one, four in zip(small, large, strict=True):
            pairs = [(getattr(one, f), getattr(four, f)) for f in ("seconds", "cpu_s", "rss_mb", "written_mb")]
            print(f"  {one.stage:9} " + " ".join(f"{_shown(exponent(*pair)):>6}" for pair in pairs))


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
