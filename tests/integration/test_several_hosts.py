"""Several hosts with one database, one object store and one Dask scheduler: the result of one machine.

Hosts are network namespaces with addresses and workspaces of their own. On one of them a label worker and a Dask worker
are killed in the middle of their work.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from dask_processes import STUCK, scheduler, worker, worker_environment
from judged_workspace import add_network, judged_workspace
from network_hosts import Host, database, hosts, object_store
from posemill.estimation.estimator import PoseEstimator
from posemill.params.evaluate import EvaluateParams
from posemill.params.label import LabelParams
from posemill.params.prepare import PrepareParams
from posemill.stages import evaluate, prepare
from posemill.stages.workspace import Workspace
from posemill.store.media import digest_of
from posemill.store.track_file import medium_bytes
from stand_in_labeller import StandIn, write_video
from waiting import until

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
LABEL = LabelParams(chunk_s=5, attempts=20, batch_frames=4)
PREPARE = PrepareParams.model_validate({"window": {"duration_s": 1.0, "stride_s": 0.5, "rate_hz": 12.0}})
EVALUATE = EvaluateParams(batch_size=4)
LENGTHS = (104, 156)  # frames of videos of 10 frames a second: two and three chunks
STORE = "s3://posemill"
FETCH = "import fsspec, sys; fsspec.filesystem('s3').get('posemill/tracks', sys.argv[1], recursive=True)"


def workspace(root: Path, **compute: object) -> Workspace:
    """As validate and train left it, in several shards."""
    inputs = judged_workspace(root, shard_rows=400)
    add_network(inputs)
    (root / "expectations").symlink_to(REPOSITORY / "expectations")
    sections = {
        "label": LABEL.model_dump(mode="json"),
        "prepare": PREPARE.model_dump(mode="json"),
        "evaluate": EVALUATE.model_dump(mode="json"),
        "compute": compute,
    }
    (root / "params.yaml").write_text(yaml.safe_dump(sections))
    return inputs


def written(inputs: Workspace) -> dict[str, bytes]:
    prepared, judged = inputs.output("prepare"), inputs.output("evaluate")
    names = ("windows.npy", "index.parquet", "features.json", "classes.json", "dropped.parquet")
    figures = ("metrics.json", "predictions.parquet", "calibration.json", "open_set.safetensors")
    return {n: (prepared / n).read_bytes() for n in names} | {n: (judged / n).read_bytes() for n in figures}


def alone(root: Path) -> dict[str, bytes]:
    """What one machine writes, with one thread, as workers have."""
    import torch

    inputs, threads = workspace(root), torch.get_num_threads()
    torch.set_num_threads(1)
    prepare.run(PREPARE, inputs, inputs.output("prepare")).write(inputs.output("prepare"))
    evaluate.run(EVALUATE, inputs, inputs.output("evaluate"))
    torch.set_num_threads(threads)
    return written(inputs)


def label_on(host: Host, root: Path, env: dict[str, str], log: Path, delay_s: float) -> subprocess.Popen[bytes]:
    root.mkdir(exist_ok=True)
    (root / "params.yaml").write_text(yaml.safe_dump({"label": LABEL.model_dump(mode="json")}))
    program = str(REPOSITORY / "tests" / "stand_in_labeller.py")
    env = env | {"POSEMILL_WORKSPACE": str(root), "STAND_IN_LOG": str(log), "STAND_IN_DELAY_S": str(delay_s)}
    return subprocess.Popen([*host.inside, sys.executable, program, "label", "--json"], env=env, stdout=-1, cwd=root)


def test_hosts_find_what_one_machine_finds(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(STUCK)
    (tmp_path / "videos").mkdir()
    videos = [write_video(tmp_path / "videos" / f"{v}.mp4", v, frames) for v, frames in enumerate(LENGTHS)]
    tmp_path.chmod(0o755)
    with ExitStack() as stack:
        hub, driver, one, two = stack.enter_context(hosts("hub", "driver", "one", "two"))
        client = stack.enter_context(object_store(hub, tmp_path))
        env = worker_environment(tmp_path / "driver", STORE, **client)
        env["POSEMILL_DATABASE_URL"] = stack.enter_context(database(hub, tmp_path / "database", env))
        address = stack.enter_context(scheduler(tmp_path, hub))
        inputs = workspace(tmp_path / "driver", engine="dask", scheduler=address)

        def work_on(host: Host, name: str) -> subprocess.Popen[bytes]:
            more = {**client, "site": str(tmp_path / "site"), "BEGUN": str(tmp_path / "begun")}
            settings = worker_environment(tmp_path / name, STORE, **more)
            return stack.enter_context(worker(address, name, tmp_path / name, settings, host))

        # labelling by leases: one worker is killed with a chunk in hand
        driver.python("-m", "posemill", "add", str(tmp_path / "videos"), "--dataset", "filmed", env=env)
        log = tmp_path / "looked-at"
        killed = label_on(two, tmp_path / "label-two", env, log, 0.5)
        until(lambda: log.exists() and len(log.read_text()) > 10)
        labelling = label_on(one, tmp_path / "label-one", env, log, 0.0)
        stack.callback(labelling.kill)
        time.sleep(1)
        killed.kill()
        killed.communicate()

        # windows and figures on Dask: so is a worker with a shard in hand, and another one comes
        first = work_on(one, "dask-one")
        command = [*driver.inside, sys.executable, "-m", "posemill", "stage", "prepare"]
        preparing = subprocess.Popen(command, env=env, stderr=-1, stdout=-1, text=True)
        stack.callback(preparing.kill)
        until(lambda: (tmp_path / "begun").exists() or preparing.poll() is not None)
        first.kill()
        work_on(two, "dask-two")
        work_on(one, "dask-three")
        _, errors = preparing.communicate(timeout=100)
        assert preparing.returncode == 0, errors
        driver.python("-m", "posemill", "stage", "evaluate", env=env)

        chunks, _ = labelling.communicate(timeout=60)
        assert labelling.returncode == 0, chunks
        driver.python("-c", FETCH, str(tmp_path / "tracks"), env=env)
    assert written(inputs) == alone(tmp_path / "alone")
    assert json.loads((inputs.output("prepare") / "classes.json").read_text()) == ["rest", "squat", "wave"]
    estimator = PoseEstimator.from_backend(StandIn(), LABEL)
    whole = {f"{digest_of(video)}.parquet": medium_bytes(estimator.track(video)) for video in videos}
    assert {path.name: path.read_bytes() for path in (tmp_path / "tracks").rglob("*.parquet")} == whole
