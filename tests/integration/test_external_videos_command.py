"""`posemill evaluate --videos` on real files: videos whose people are known, networks on disk, a workspace with stores.

No database and no pose network: what is tried is that everything between them meets, and that nothing is done twice.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from posemill import models
from posemill.cli.evaluate import evaluate
from posemill.features.pipeline import FeaturePipeline
from posemill.packaging.card import newest_external
from posemill.pose.skeleton import BODY_12
from posemill.pose.window import WindowSpec
from stand_in_labeller import StandIn, write_video

CLASSES = ("march", "squat")
HYPER = {"width": 16, "dilations": [1]}


def network(folder: Path, says: str) -> Path:
    """A trained network that always gives the same answer, with its features."""
    built = models.build("tcn", BODY_12, len(CLASSES), **HYPER)
    weights = {k: torch.zeros_like(v) if "head" in k else v for k, v in built.state_dict().items()}
    weights["head.1.bias"][CLASSES.index(says)] = 2.0
    built.load_state_dict(weights)
    windows = np.random.default_rng(0).uniform(0, 99, (4, 10, 12, 3)).astype(np.float32)
    models.save(folder, built, models.NetworkCard("tcn", HYPER, "body-12", CLASSES, 10))
    FeaturePipeline(BODY_12, WindowSpec(duration_s=1.0, rate_hz=10)).fit(windows).save(folder / "features.json")
    return folder


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five clips: two of squats, one of marching, one that the models do not know, one that is no video."""
    root, videos = tmp_path / "ws", tmp_path / "videos"
    root.mkdir()
    (root / "params.yaml").write_text("evaluate: {network: net}\n")
    network(root / "net", "squat")
    for place in ("squat", "march", "swim"):
        (videos / place).mkdir(parents=True)
    for number, name in enumerate(("squat/a", "squat/b", "march/c", "swim/d")):
        write_video(videos / f"{name}.mp4", number, 20 + number)
    (videos / "squat" / "broken.mp4").write_bytes(b"no video at all")
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(root))
    for name in ("POSEMILL_HOME", "POSEMILL_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STAND_IN_LOG", str(tmp_path / "log"))
    monkeypatch.setattr("posemill.estimation.factory.load_backend", lambda name, params: StandIn())
    return tmp_path


def run(*arguments: object) -> str:
    done = CliRunner().invoke(evaluate, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def looked_at(workspace: Path) -> int:
    return len((workspace / "log").read_text().splitlines())


def test_the_folder_is_judged_and_nothing_is_labelled_twice(workspace: Path) -> None:
    (workspace / "ws" / "build" / "evaluate").mkdir(parents=True)
    calibration = {"temperature": 2.0, "rejection_threshold": 0.99}
    (workspace / "ws" / "build" / "evaluate" / "calibration.json").write_text(json.dumps(calibration))
    said = run("--videos", workspace / "videos", "--fps", "5", "--flip")
    assert re.search(r"march/c.mp4 +march +squat +0.73 ", said)  # 1 / (1 + exp(-2 / 2))
    assert "unsure: of 3 clips" in said
    assert "top-1 66.7%: 2 of 3 right" in said
    assert "not counted: 1 of activities that the model does not know (swim)" in said
    assert "not counted: 1 that cannot be read" in said
    assert "5 frames/s: 100% have the same verdict, 67% are right" in said
    assert looked_at(workspace) == 20 + 21 + 22 + 23

    other = network(workspace / "other", "march")
    found: dict[str, Any] = json.loads(run("--videos", workspace / "videos", "--network", other, "--json"))
    assert (found["right"], found["clips"], found["unknown"], found["unreadable"]) == (1, 3, 1, 1)
    assert {v["file"]: v["predicted"] for v in found["verdicts"]}["march/c.mp4"] == "march"
    assert looked_at(workspace) == 20 + 21 + 22 + 23

    page = Path(found["report"]).read_text()
    assert page.count("data:image/jpeg") == 4
    kept = newest_external(workspace / "ws" / ".posemill" / "external-videos", found["weights"])
    assert kept == found


def test_a_table_gives_stretches_and_corrects_names(workspace: Path) -> None:
    table = workspace / "said.csv"
    absolute = workspace / "videos" / "squat" / "a.mp4"
    table.write_text(f"path,activity,start_s,end_s\n{absolute},March,0,1\nsquat/a.mp4,squats,1,\n")
    found = json.loads(run("--videos", workspace / "videos", "--labels", table, "--json"))
    assert [(v["truth"], v["outcome"], v["windows"]) for v in found["verdicts"][:2]] == [
        ("march", "wrong", 1),
        ("squat", "right", 1),
    ]
    assert found["unlabelled"] == 3
    assert found["unreadable"] == 1


def test_what_is_missing_is_said(workspace: Path) -> None:
    runner = CliRunner()
    assert "--videos FOLDER" in runner.invoke(evaluate, []).output
    old = runner.invoke(evaluate, ["--wild", str(workspace / "none")])
    assert "--wild is deprecated: use --videos" in old.output
    assert "is no folder: --videos takes a folder" in str(old.exception)
    assert "such as 10,15,30" in runner.invoke(evaluate, ["--videos", "x", "--fps", "fast"]).output
    missing = runner.invoke(evaluate, ["--videos", str(workspace / "videos"), "--network", str(workspace / "none")])
    assert "no trained network" in str(missing.exception)
