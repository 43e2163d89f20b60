"""Speed-up by the number of workers, on a few cores: labelling by leases, windows on Dask, with work that sleeps.

    python benchmarks/hosts.py [--workers 1 4 16] [--chunk-s 8] [--shard-s 4] [--json]

What a network or a processor would do is replaced by a sleep of so many seconds a chunk of a video, or a shard of
tracks, so that sixteen workers fit on two cores: what is measured is everything around it (leases, the database, the
store, the scheduler, the driver), which does not sleep. Workers are processes of this machine with the scratch folders
of hosts of their own; they are started before the clock. Ideal is the work divided by the number of workers; the
speed-up is the sleeps of all pieces, divided by the seconds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from dask_processes import scheduler, worker, worker_environment  # noqa: E402
from judged_workspace import judged_workspace  # noqa: E402
from posemill.params.label import LabelParams  # noqa: E402
from posemill.stages.workspace import Workspace  # noqa: E402
from posemill.store.embedded import EmbeddedServer  # noqa: E402
from posemill.store.tracks import shard_paths  # noqa: E402
from stand_in_labeller import write_video  # noqa: E402

CHUNK_FRAMES, VIDEOS, CHUNKS_A_VIDEO = 50, 8, 8
PEOPLE, SHARD_ROWS = 96, 400
CONNECTIONS = "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"  # but for this one
LABEL = LabelParams(chunk_s=5, batch_frames=CHUNK_FRAMES)
SITE = """
import os, time
def slow():
    import posemill.stages.cut_on_cluster as cutting
    really = cutting.cut_windows
    def cut(*args):
        time.sleep(float(os.environ["SHARD_S"]))
        return really(*args)
    cutting.cut_windows = cut
if "SHARD_S" in os.environ:
    slow()
"""


@dataclass(frozen=True)
class Rate:
    """Seconds that so many workers took for `pieces` that sleep `piece_s` each; ideal_s: the sleeps alone.

    connections  to the database, of all workers together, at the most.
    """

    work: str
    workers: int
    pieces: int
    piece_s: float
    seconds: float
    ideal_s: float
    connections: int = 0


def labelling(folder: Path, counts: list[int], chunk_s: float) -> Iterator[Rate]:
    """A backlog of videos, by label workers that share one database and one store."""
    videos = folder / "videos"
    videos.mkdir()
    for number in range(VIDEOS):
        write_video(videos / f"{number}.mp4", number, CHUNK_FRAMES * CHUNKS_A_VIDEO)
    for count in counts:
        place = folder / f"label-{count}"
        with _database(place) as url:
            env = worker_environment(place, str(place / "store"), POSEMILL_DATABASE_URL=url)
            env |= {"STAND_IN_DELAY_S": str(chunk_s / CHUNK_FRAMES)}
            (place / "params.yaml").write_text(yaml.safe_dump({"label": LABEL.model_dump(mode="json")}))
            subprocess.run([sys.executable, "-m", "posemill", "add", str(videos), "--quiet"], env=env, check=True)
            seconds, connections = _together(count, env, place, url)
        pieces = VIDEOS * CHUNKS_A_VIDEO
        ideal_s = math.ceil(pieces / count) * chunk_s
        yield Rate("labelling", count, pieces, chunk_s, seconds, ideal_s, connections)


def _together(count: int, env: dict[str, str], place: Path, url: str) -> tuple[float, int]:
    """Seconds of label workers that all begin when the last has loaded, and their connections."""
    import psycopg2

    go, program = place / "go", str(REPOSITORY / "benchmarks" / "_label_at_once.py")
    command = [sys.executable, program, str(go)]
    running = [subprocess.Popen(command, env=env, stdout=-1, text=True) for _ in range(count)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        most, started = 0, time.monotonic()
        go.touch()
        while any(process.poll() is None for process in running):
            cursor.execute(CONNECTIONS)
            most = max(most, int(cursor.fetchone()[0]))
            time.sleep(0.25)
        seconds = time.monotonic() - started
    assert all(process.returncode == 0 for process in running)
    return seconds, most


@contextmanager
def _database(place: Path) -> Iterator[str]:
    import shutil

    place.mkdir(parents=True)
    place.chmod(0o755)
    server = EmbeddedServer(place / "home")
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(server.data.parent, ignore_errors=True)


def windows(folder: Path, counts: list[int], shard_s: float) -> Iterator[Rate]:
    """Shards of tracks, cut by Dask workers; the driver's own part of the stage is in the seconds."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(SITE)
    inputs = judged_workspace(folder / "driver", PEOPLE, SHARD_ROWS)
    (inputs.root / "expectations").symlink_to(REPOSITORY / "expectations")
    shards = len(shard_paths(inputs.output("label")))
    for count in counts:
        with ExitStack() as stack:
            address = stack.enter_context(scheduler(folder))
            for number in range(count):
                place = folder / f"worker-{count}-{number}"
                site = str(folder / "site")
                env = worker_environment(place, str(folder / "store"), site=site, SHARD_S=str(shard_s))
                stack.enter_context(worker(address, str(number), place, env))
            _wait_for_workers(address, count)
            seconds = _cut(inputs, address, str(folder / "store"))
        yield Rate("windows", count, shards, shard_s, seconds, math.ceil(shards / count) * shard_s)


def _cut(inputs: Workspace, address: str, store: str) -> float:
    """Seconds of cutting all shards, without the rest of the stage, which does not depend on workers."""
    import pandas as pd

    from posemill.compute.dask_cluster import DaskCluster
    from posemill.features.pipeline import FeaturePipeline
    from posemill.params.compute import ComputeParams
    from posemill.stages.cut_on_cluster import cut_on_cluster
    from posemill.stages.cut_windows import cut_cache
    from posemill.store.exchange import exchange

    for path in inputs.cache("prepare").glob("*"):
        path.unlink()
    pipeline = FeaturePipeline.load(inputs.output("prepare") / "features.json")
    clips = pd.read_parquet(inputs.output("validate") / "clips.parquet")
    cache, label = cut_cache(inputs.cache("prepare")), inputs.output("label")
    with exchange(store) as files, DaskCluster(ComputeParams(engine="dask", scheduler=address)) as cluster:
        started = time.monotonic()
        cut_on_cluster(cluster, files, cache, pipeline, clips, label, set(), True)
        return time.monotonic() - started


def _wait_for_workers(address: str, count: int) -> None:
    import distributed

    dask: Any = distributed
    with dask.Client(address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=300)


def main() -> None:
    """Print a line, or a JSON object, a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--chunk-s", type=float, default=8.0)
    parser.add_argument("--shard-s", type=float, default=4.0)
    parser.add_argument("--only", choices=["labelling", "windows"])
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    measured: dict[str, Callable[[Path], Iterator[Rate]]] = {
        "labelling": lambda folder: labelling(folder, chosen.workers, chosen.chunk_s),
        "windows": lambda folder: windows(folder, chosen.workers, chosen.shard_s),
    }
    for name, measure in measured.items():
        if chosen.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory(prefix="posemill-hosts-") as folder:
            Path(folder).chmod(0o755)
            for rate in measure(Path(folder)):
                speed_up = rate.pieces * rate.piece_s / rate.seconds
                line = f"{rate.work:10} {rate.workers:3} workers: {rate.seconds:6.1f} s for {rate.pieces} pieces of "
                line += f"{rate.piece_s:g} s, ideal {rate.ideal_s:.1f} s, speed-up {speed_up:.1f}"
                if rate.connections:
                    line += f"; {rate.connections} connections"
                print(json.dumps(asdict(rate)) if chosen.json else line, flush=True)


if __name__ == "__main__":
    main()
