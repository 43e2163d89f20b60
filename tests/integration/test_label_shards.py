"""The backlog as Prefect task runs, on every task runner that is installed. Slow: each starts its own processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text

from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.stages.workspace import Workspace
from posemill.store import catalog
from posemill.store.media import MediaStore
from stand_in_labeller import write_video

REPOSITORY = Path(__file__).parents[2]
LENGTHS = (100, 60, 61)
PARAMS = LabelParams(chunk_s=5, batch_frames=4)  # 50 frames a chunk: 2, 1 and 1 of them
FLOW = """
import json, sys
from flows import _shards
if __name__ == "__main__":
    run = _shards.run_shards(sys.argv[1], 2, shard_s=0.0)  # every chunk is a shard
    print(json.dumps({"outcome": run.outcome, **run.figures}))
"""
SITE = """
import posemill.estimation.factory as base
from stand_in_labeller import StandIn
base.load_backend = lambda name, params: StandIn()
"""


@pytest.fixture
def workspace(settings: Settings, engine: Engine, tmp_path: Path) -> Path:
    store, digests = MediaStore(settings.store_url), []
    for video, frames in enumerate(LENGTHS):
        digests.append(store.put(write_video(tmp_path / f"{video}.mp4", video, frames)))
    with engine.begin() as connection:
        catalog.add_media(connection, [catalog.MediumRow(d, "d", "s", "me") for d in digests])
    for number, frames in enumerate(LENGTHS):
        with engine.begin() as connection:
            facts = {"width_px": 128, "height_px": 32, "fps": 10.0, "frames": frames, "duration_s": frames / 10}
            catalog.record_probe(connection, number + 1, facts)
    ingest = Workspace(tmp_path).output("ingest")
    ingest.mkdir(parents=True)
    pq.write_table(pa.table({"medium": digests, "kind": ["video"] * 3}), ingest / "media.parquet")
    (tmp_path / "params.yaml").write_text(f"label: {PARAMS.model_dump_json()}\n")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)  # also in the processes that task runners start
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["threads", "processes", "dask"])
def test_shards_do_every_chunk_once(workspace: Path, settings: Settings, engine: Engine, runner: str) -> None:
    script = workspace / "run_flow.py"
    script.write_text(FLOW)
    paths = [workspace / "site", REPOSITORY / "tests", REPOSITORY / "src", REPOSITORY]
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "POSEMILL_"))} | {
        "POSEMILL_WORKSPACE": str(workspace),
        "POSEMILL_DATABASE_URL": str(settings.database_url),
        "POSEMILL_STORE_URL": settings.store_url,
        "STAND_IN_LOG": str(workspace / "looked-at"),
        "PREFECT_HOME": str(workspace / "prefect"),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
    }
    command = [sys.executable, str(script), runner]
    done = subprocess.run(command, env=env, cwd=workspace, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said == {"outcome": "ran", "runner": runner, "shards": 4, "chunks": 4}
    looked_at = Counter((workspace / "looked-at").read_text().splitlines())
    assert len(looked_at) == sum(LENGTHS)
    assert set(looked_at.values()) == {1}
    with engine.connect() as connection:
        assert set(connection.execute(text("SELECT state FROM label_job")).scalars()) == {"done"}
    assert len(list((Path(settings.store_url) / "tracks").rglob("*.parquet"))) == 3
