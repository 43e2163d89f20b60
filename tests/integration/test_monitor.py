"""Monitoring over a real PostgreSQL: the record of answers, the command, the flow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from packaged import some_windows
from posemill.cli.monitor import days, monitor
from posemill.errors import GateError, InputError
from posemill.monitoring.reference import write_reference
from posemill.operations import monitor as stage
from posemill.params.monitor import MonitorParams
from posemill.serving.prediction_log import summary
from posemill.settings import Settings
from posemill.stages.workspace import Workspace
from posemill.store.predictions import record_predictions

TAGS = {"model": "posemill-activity:1", "activity": "posemill-activity:2", "analysis": "posemill-analysis:3"}
LABELS = ("rest", "squat", "wave")


@pytest.fixture
def workspace(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A package that was made of 60 windows, and the environment of commands."""
    space = Workspace(tmp_path)
    for folder in (space.output("prepare"), space.output("package")):
        folder.mkdir(parents=True)
    np.save(space.output("prepare") / "windows.npy", np.concatenate([some_windows(60), some_windows(20) * 10]))
    index = pd.DataFrame({"activity": [LABELS[i % 3] for i in range(80)], "split": ["train"] * 60 + ["test"] * 20})
    index.to_parquet(space.output("prepare") / "index.parquet")
    write_reference(space.output("prepare"), space.output("package") / "reference.json")
    (space.output("package") / "bento.json").write_text(json.dumps(TAGS))
    (tmp_path / "params.yaml").write_text("monitor: {min_windows: 50}\n")
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("POSEMILL_HOME", str(settings.home))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    return space


def answer(engine: Engine, n: int, *, size: float = 1.0, days_ago: float = 0.1, tag: str = TAGS["analysis"]) -> None:
    """`n` answers of three windows each, of people `size` times as large as in training."""
    windows = some_windows(60)
    windows[..., :2] *= size
    rows: list[dict[str, Any]] = [
        {
            "bento_tag": tag,
            "endpoint": "/analyse_video",
            "provenance": "abc",
            "client": "acme",
            "activity": "rest",
            "confidence": 0.8,
            "latency_ms": 5.0,
            "added_at": datetime.now(UTC) - timedelta(days=days_ago),
            "prediction": summary(windows[3 * i % 60 : 3 * i % 60 + 3], LABELS, 3),
        }
        for i in range(n)
    ]
    with engine.begin() as connection:
        record_predictions(connection, rows)


def test_the_reference_is_of_the_train_split_alone(workspace: Workspace) -> None:
    told = json.loads((workspace.output("package") / "reference.json").read_text())
    assert told["windows"] == 60
    assert told["activities"] == {"rest": 20, "squat": 20, "wave": 20}
    assert max(told["values"]["body_px"]) < 1000  # the test windows are ten times as large


def test_what_is_as_in_training_passes_and_what_is_not_is_told(workspace: Workspace, engine: Engine) -> None:
    run = CliRunner()
    few = run.invoke(monitor, [])
    assert few.exit_code == 0
    assert "0 windows were seen; 50 are needed" in few.output
    answer(engine, 40)
    answer(engine, 40, size=0.2, days_ago=3)
    answer(engine, 40, size=0.2, tag="posemill-analysis:another")
    fine = run.invoke(monitor, ["--since", "2d", "--json"])
    assert fine.exit_code == 0, fine.output
    result = json.loads(fine.output)
    assert (result["passed"], result["answers"], result["windows"]) == (True, 40, 120)
    with pytest.raises(GateError, match=r"has changed: body size: median \d+ px, in training median \d+ px \(PSI"):
        run.invoke(monitor, ["--since", "4d"], catch_exceptions=False)
    folder = workspace.output("monitor")
    assert json.loads((folder / "monitor.json").read_text())["drifted"] == ["body_px"]
    assert "has changed" in (folder / "report.html").read_text()
    with pytest.raises(InputError, match="no bento 'nothing:1'"):
        run.invoke(monitor, ["--bento", "nothing:1"], catch_exceptions=False)


def test_the_reference_travels_with_a_bento(workspace: Workspace, settings: Settings, engine: Engine) -> None:
    store = settings.home / "bentoml"
    for folder in (store / "bentos/posemill-analysis/old", store / "models/posemill-activity/older"):
        folder.mkdir(parents=True)
    (store / "bentos/posemill-analysis/old/bento.yaml").write_text("models: [{tag: posemill-activity:older}]\n")
    (workspace.output("package") / "reference.json").rename(store / "models/posemill-activity/older/reference.json")
    answer(engine, 30, tag="posemill-analysis:old")
    params = MonitorParams(min_windows=50)
    result = stage.run(params, workspace, workspace.output("monitor"), bento="posemill-analysis:old", settings=settings)
    assert (result.bentos, result.windows, result.passed) == (["posemill-analysis:old"], 90, True)
    with pytest.raises(InputError, match="packaged without it"):
        stage.run(params, workspace, workspace.output("monitor"), settings=settings)


def test_the_flow_tells_and_may_train_again(
    workspace: Workspace, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import flows.build_model
    import flows.monitor as flow

    told: list[Any] = []
    monkeypatch.setattr(flow, "emit_event", lambda **event: told.append(event))
    monkeypatch.setattr(flow, "create_markdown_artifact", lambda table, **_: told.append(table))
    monkeypatch.setattr(flow, "compare", flow.compare.fn)
    monkeypatch.setattr(flows.build_model, "build_model", lambda wait_s: ["built"])
    answer(engine, 40)
    (ran,) = flow.monitor.fn()
    assert ran.figures["passed"]
    answer(engine, 80, size=5.0)
    with pytest.raises(GateError, match="body size"):
        flow.monitor.fn()
    assert flow.monitor.fn(retrain=True)[1:] == ["built"]
    tables, events = [t for t in told if isinstance(t, str)], [t for t in told if isinstance(t, dict)]
    assert "| body_px |" in tables[1]
    assert "**changed**" in tables[1]
    assert [(e["event"], e["payload"]["drifted"], e["payload"]["retrain"]) for e in events] == [
        ("posemill.drift", ["body_px"], False),
        ("posemill.drift", ["body_px"], True),
    ]
    assert events[0]["resource"]["prefect.resource.id"] == "posemill.bento.posemill-activity:2"


@pytest.mark.parametrize(("text", "wanted"), [("7d", 7), ("12h", 0.5), ("2w", 14), ("1.5d", 1.5)])
def test_stretches_of_time(text: str, wanted: float) -> None:
    assert days(text) == wanted


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "0h", "7 days"])
def test_what_is_no_stretch_of_time(text: str) -> None:
    with pytest.raises(InputError, match="such as 12h or 7d"):
        days(text)
