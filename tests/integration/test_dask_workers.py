"""The prepare stage on Dask workers, which come and go: the same bytes as in one process."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest
import yaml

from dask_processes import STUCK, scheduler, worker, worker_environment
from judged_workspace import judged_workspace
from posemill.errors import InputError, Unavailable
from posemill.params.prepare import PrepareParams
from posemill.stages import cut_windows, prepare
from posemill.stages.workspace import Workspace
from posemill.store.exchange import FOLDER
from posemill.store.tracks import shard_paths
from waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
PARAMS = PrepareParams.model_validate(
    {"window": {"duration_s": 1.0, "stride_s": 0.5, "rate_hz": 12.0}, "unknown": ["rest"]}
)
WRITTEN = ("windows.npy", "index.parquet", "features.json", "classes.json", "dropped.parquet")
SHARD_ROWS = 400  # 180 poses a person: two or three people a shard


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """As validate left it, in several shards; one person's tracks were rejected, and the store is a folder."""
    inputs = judged_workspace(tmp_path / "driver", shard_rows=SHARD_ROWS)
    (inputs.root / "expectations").symlink_to(REPOSITORY / "expectations")
    rejected = pd.DataFrame({"what": ["track"], "medium": [f"{3:064x}"], "person": [0]})
    rejected.to_parquet(inputs.output("validate") / "rejected.parquet")
    monkeypatch.setenv("POSEMILL_STORE_URL", str(tmp_path / "store"))
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(inputs.root))
    return inputs


def compute(inputs: Workspace, **section: object) -> None:
    """Write params.yaml with that `compute` section."""
    inputs.params.write_text(yaml.safe_dump({"compute": section}))


def prepared(inputs: Workspace) -> dict[str, bytes]:
    """Run prepare; return what it wrote. What was kept of an earlier run is removed first."""
    for path in inputs.cache("prepare").glob("*"):
        path.unlink()
    prepare.run(PARAMS, inputs, inputs.output("prepare"))
    names = (*WRITTEN, "unknown.npy", "unknown.parquet")
    return {name: (inputs.output("prepare") / name).read_bytes() for name in names}


def test_a_killed_worker_costs_its_shard_a_second_time(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = prepared(workspace)
    shards = len(shard_paths(workspace.output("label")))
    assert shards > 4
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(STUCK)
    begun = tmp_path / "begun"
    cut_here: list[str] = []
    monkeypatch.setattr(cut_windows, "clip_windows", lambda *args: cut_here.append("the stage cut a clip itself"))
    with ExitStack() as stack:
        address = stack.enter_context(scheduler(tmp_path))
        compute(workspace, engine="dask", scheduler=address)

        def start(name: str) -> tuple[Path, object]:
            folder = tmp_path / name
            env = worker_environment(folder, str(tmp_path / "store"), site=str(tmp_path / "site"), BEGUN=str(begun))
            return folder, stack.enter_context(worker(address, name, folder, env))

        folder, first = start("first")
        run = stack.enter_context(ThreadPoolExecutor()).submit(prepared, workspace)
        until(lambda: run.done() or (begun.exists() and bool(begun.read_text())))
        first.kill()  # type: ignore[attr-defined]
        (left,) = folder.rglob("posemill-cut-*")
        assert list(left.rglob("tracks-*.parquet"))
        start("first")  # on the same machine: what the killed one left there is removed
        start("third")
        assert run.result(100) == alone
    assert cut_here == []
    assert not left.exists()
    pids = begun.read_text().split()
    assert pids[0] not in pids[1:]
    assert (
        len(pids) == 1 + 2 * shards
    )  # one was begun twice; each is cut for the classes, then for the unknown activity
    assert not list((tmp_path / "store" / FOLDER).rglob("*.*"))
    assert not list((tmp_path / "store" / FOLDER).glob("*"))


def test_workers_of_this_machine(workspace: Workspace) -> None:
    alone = prepared(workspace)
    compute(workspace, engine="dask", workers=2)
    assert prepared(workspace) == alone
    assert json.loads(alone["classes.json"]) == ["squat", "wave"]


def test_a_worker_with_another_store_says_so(workspace: Workspace, tmp_path: Path) -> None:
    with scheduler(tmp_path) as address:
        compute(workspace, engine="dask", scheduler=address)
        env = worker_environment(tmp_path / "other", str(tmp_path / "another-store"))
        with worker(address, "other", tmp_path / "other", env), pytest.raises(InputError, match="POSEMILL_STORE_URL"):
            prepared(workspace)


def test_no_worker_and_no_scheduler_end_with_a_sentence(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from posemill.compute import dask_cluster

    monkeypatch.setattr(dask_cluster, "_CONNECT_S", 1.0)
    compute(workspace, engine="dask", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(Unavailable, match="start it"):
        prepared(workspace)
    with scheduler(tmp_path) as address:
        compute(workspace, engine="dask", scheduler=address, wait_s=1)
        with pytest.raises(Unavailable, match="no Dask worker"):
            prepared(workspace)


def test_a_lost_scheduler_ends_with_a_sentence(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(STUCK)
    begun = tmp_path / "begun"
    with ExitStack() as stack, ExitStack() as lost:
        address = lost.enter_context(scheduler(tmp_path))
        compute(workspace, engine="dask", scheduler=address)
        folder = tmp_path / "worker"
        env = worker_environment(folder, str(tmp_path / "store"), site=str(tmp_path / "site"), BEGUN=str(begun))
        stuck = stack.enter_context(worker(address, "worker", folder, env))
        run = stack.enter_context(ThreadPoolExecutor()).submit(prepared, workspace)
        until(lambda: run.done() or begun.exists())
        lost.close()
        stuck.kill()
        with pytest.raises(Unavailable, match=r"scheduler .*was lost"):
            run.result(100)
