"""Two databases with the same data, filled in different orders by different numbers of workers, give the same model.

Slow (a minute or two): rendering, labelling and training are real, since each of them may depend on an order. Since all
stages run here, what they call is compared with the code that they are said to depend on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine

from called_modules import called_modules
from posemill.operations import synth
from posemill.params import Params
from posemill.params.evaluate import EvaluateParams, RobustnessParams
from posemill.params.ingest import IngestParams
from posemill.params.label import LabelParams
from posemill.params.prepare import PrepareParams, SplitParams, WindowParams
from posemill.params.snapshot import SnapshotParams
from posemill.params.train import TrainParams
from posemill.params.validate import ValidateParams
from posemill.settings import Settings
from posemill.stages import evaluate, ingest, label, label_shards, prepare, snapshot, train, validate
from posemill.stages.code_version import CODED, stage_modules
from posemill.stages.held_out_clips import choose, held_out_clips
from posemill.stages.workspace import STAGES, Workspace
from posemill.store.embedded import EmbeddedServer
from posemill.store.media import MediaStore
from posemill.store.postgres import upgrade
from posemill.synth.corpus import plan
from toy_workspace import REPOSITORY

pytestmark = pytest.mark.slow

PLANS = plan(seed=5, subjects=6, activities=("idle", "jumping_jack", "squat"), clips_per_activity=1)
LABEL = LabelParams(long_edge_px=257, frame_stride=3)
PREPARE = PrepareParams(
    window=WindowParams(duration_s=1.0, stride_s=0.5, rate_hz=12.0), split=SplitParams(validation=0.2, test=0.2)
)
TRAIN = TrainParams(epochs=2, hyper={"tcn": {"width": 16, "dilations": [1, 2]}}, augment={"noise": "fitted"})


def build(root: Path, database: str, reverse: bool, workers: int) -> tuple[Workspace, dict[str, set[str]]]:
    """Fill the database and run the graph up to evaluate; also the modules that each stage called."""
    settings = Settings(root, root / "home", database, str(root / "home" / "store"))
    inputs = Workspace(root)
    for stage in STAGES:
        inputs.output(stage).mkdir(parents=True)
    shutil.copytree(REPOSITORY / "expectations", inputs.expectations)
    inputs.params.write_text("{}")
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg2://"))
    plans = PLANS[::-1] if reverse else PLANS
    synth.register(plans, engine, MediaStore(settings.store_url), processes=workers)
    engine.dispose()
    params = LABEL.model_copy(update={"threads": workers})
    evaluation = EvaluateParams(robustness=RobustnessParams(rates_hz=(10.0,), clips=3))
    runs: dict[str, Callable[[Path], object]] = {
        "snapshot": lambda out: snapshot.run(SnapshotParams(), inputs, out, settings),
        "ingest": lambda out: ingest.run(IngestParams(threads=workers), inputs, out, settings),
        "label": lambda out: label.run(params, inputs, out, settings),
        "validate": lambda out: validate.run(ValidateParams(), inputs, out, record=lambda _: None),
        "prepare": lambda out: prepare.run(PREPARE, inputs, out).write(out),
        "train": lambda out: train.run(TRAIN, inputs, out),
        "evaluate": lambda out: evaluate.run(evaluation, inputs, out),
    }
    called = {}
    for stage, run in runs.items():
        if stage == "label" and workers > 1:  # in shards first, as several machines would do it, the last shard first
            for shard in reversed(label_shards.shards(params, inputs, settings, shard_s=2.0)):
                label_shards.work_shard(shard, params, settings)
        with called_modules() as called[stage]:
            run(inputs.output(stage))
    return inputs, called


def test_windows_and_network_are_the_same_to_the_bit(
    postgres_server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEMILL_HOME", str(tmp_path / "home"))  # where exported networks are kept
    built = []
    for number, (reverse, workers) in enumerate(((False, 1), (True, 2))):
        database = fresh(postgres_server, f"same_data_{number}")
        built.append(build(tmp_path / str(number), database, reverse, workers))
    (one, called), (two, _) = built
    workspaces = [one, two]
    numbers = [pd.read_parquet(w.output("ingest") / "clips.parquet")["clip"].to_list() for w in workspaces]
    assert numbers[0] != numbers[1]  # else this test says nothing
    for file in (
        "ingest/media.parquet",
        "label/media.parquet",
        "label/noise.json",
        "prepare/windows.npy",
        "prepare/features.json",
        "prepare/classes.json",
        "train/network.safetensors",
        "train/network.json",
        "evaluate/metrics.json",
        "evaluate/calibration.json",
        "evaluate/open_set.safetensors",
        "evaluate/plots/risk_coverage.csv",
    ):
        assert (one.root / "build" / file).read_bytes() == (two.root / "build" / file).read_bytes(), file
    for file in ("ingest/clips", "validate/clips", "prepare/index", "evaluate/predictions"):
        tables = [pd.read_parquet(w.root / "build" / f"{file}.parquet").drop(columns="clip") for w in workspaces]
        pd.testing.assert_frame_equal(*tables, obj=file)
    sent = [[(c.medium, c.start_s, c.activity) for c in choose(held_out_clips(w), 2)] for w in workspaces]
    assert sent[0] == sent[1]
    params = Params(label=LABEL, train=TRAIN)
    for stage in CODED[:-1]:
        assert called[stage] - stage_modules(stage, params, one) == set(), f"{stage} runs what it does not depend on"


def fresh(server: EmbeddedServer, name: str) -> str:
    """The address of a new database with all tables."""
    url = str(server.url())
    address = f"{url.rsplit('/', 1)[0]}/{name}"
    plain = url.replace("postgresql://", "postgresql+psycopg2://")
    owner = create_engine(plain, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    owner.dispose()
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg2://"))
    upgrade(engine)
    engine.dispose()
    return address
