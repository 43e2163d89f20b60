"""The graph of dvc.yaml with the real DVC: its lines, and what users of DVC do with it.

Slow (a second or two for every `dvc`): only DVC itself can say that it reads this graph, and that a push, a pull, an
experiment and plots work on it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from posemill.stages.workspace import GATE, STAGES
from toy_workspace import REPOSITORY

pytestmark = pytest.mark.slow

# stands for `posemill`: takes the real graph's lines, writes every output that dvc.yaml asks of it
POSEMILL = """#!{python}
import json, sys
from pathlib import Path
import yaml
stage = yaml.safe_load(Path("dvc.yaml").read_text())["stages"][sys.argv[2]]
params = yaml.safe_load(Path("params.yaml").read_text())
with Path("attempts.txt").open("a") as file:
    file.write(sys.argv[2] + "\\n")
wanted = ["build/ingest/media.parquet", "build/ingest/clips.parquet",
    "build/ingest/corrections.parquet", "build/ingest/released.parquet", "build/label/labeller.json",
    "build/label/noise.json",
    "build/validate/clips.parquet", "build/validate/rejected.parquet", "build/snapshot/snapshot.json",
    *("build/prepare/" + n for n in ("windows.npy", "index.parquet", "features.json", "classes.json",
        "unknown.npy", "unknown.parquet")),
    *("build/train/" + n for n in ("network.safetensors", "network.json")), "build/evaluate/predictions.parquet",
    "build/evaluate/report.html", "build/evaluate/calibration.json", "build/evaluate/open_set.safetensors",
    "build/package/card.md"]
refused = params["package"].get("refuse") if sys.argv[2] == "package" else None
if sys.argv[2] == "gate":
    from posemill.errors import GateError
    from posemill.stages import gate
    from posemill.stages.workspace import Workspace
    try:
        gate.run(Workspace(Path.cwd()))
    except GateError as exc:
        sys.exit(f"posemill: error: {{exc}}")
for path in map(Path, wanted):
    if path.parts[1] == sys.argv[2] and not refused:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(params.get(sys.argv[2])))
folder = Path("build") / sys.argv[2]
folder.mkdir(parents=True, exist_ok=True)
(folder / "result.json").write_text(json.dumps({{"refused": refused}} if refused else {{}}))
if sys.argv[2] == "snapshot":
    (folder / "code").mkdir(exist_ok=True)
    for name in yaml.safe_load(Path("dvc.yaml").read_text())["stages"]:
        (folder / "code" / f"{{name}}.json").write_text("{{}}")
if sys.argv[2] == "train":
    curves = folder / "dvclive" / "plots" / "metrics" / "train"
    curves.mkdir(parents=True, exist_ok=True)
    (curves / "loss.tsv").write_text("step\\tloss\\n0\\t2.0\\n1\\t1.0\\n")
if sys.argv[2] == "evaluate":
    network = json.loads(Path("build/train/network.json").read_text()).get("network")
    (folder / "metrics.json").write_text(json.dumps({{"accuracy": 0.9 if network == "stgcn" else 0.8}}))
    (folder / "plots").mkdir(exist_ok=True)
    (folder / "plots" / "confusion.csv").write_text("actual,predicted\\nsquat,squat\\nwave,squat\\n")
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real dvc.yaml, params.yaml and code in a repository of its own, every stage done once."""
    root = tmp_path_factory.mktemp("graph") / "workspace"
    ignored = shutil.ignore_patterns("__pycache__", "tmp", "cache", "config.local")
    for folder in (".dvc", "expectations"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=ignored)
    for file in ("dvc.yaml", ".dvcignore", ".gitignore", "bentofile.yaml", "bentofile.analysis.yaml"):
        shutil.copy(REPOSITORY / file, root / file)
    params: dict[str, Any] = {stage: {} for stage in STAGES} | {
        "train": {"network": "tcn"},
        "evaluate": {"network": "build/train"},
    }
    params["package"] = {"refuse": ""}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    program = root / "bin" / "posemill"
    program.parent.mkdir()
    program.write_text(POSEMILL.format(python=sys.executable))
    program.chmod(0o755)
    (root / ".git" / "info").mkdir(parents=True)
    git(root, "init", "-q")
    (root / ".git" / "info" / "exclude").write_text("attempts.txt\n")
    dvc(root, "repro")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "all stages")
    return root


def test_the_graph_has_the_stages_in_their_order() -> None:
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    assert tuple(stages) == (*STAGES, GATE)
    for name, stage in stages.items():
        assert stage["cmd"] == f"posemill stage {name}"
        assert name == GATE or name in stage["params"]
        assert name in ("snapshot", GATE) or f"build/snapshot/code/{name}.json" in stage["deps"]
        code = [path for path in stage.get("deps", []) if not path.startswith(("build/", "${evaluate.network}/"))]
        assert [path for path in code if not (REPOSITORY / path).exists()] == []


def test_an_unchanged_database_runs_nothing_but_the_snapshot_and_the_gate(workspace: Path) -> None:
    assert attempts(workspace) == [*STAGES, GATE]
    dvc(workspace, "repro")
    assert attempts(workspace)[len(STAGES) + 1 :] == ["snapshot", GATE]


def test_git_has_the_lock_and_the_metrics_and_nothing_else_of_a_run(workspace: Path) -> None:
    tracked = git(workspace, "ls-files").split()
    assert "dvc.lock" in tracked
    assert [path for path in tracked if path.startswith("build/")] == ["build/evaluate/metrics.json"]


def test_what_was_pushed_can_be_pulled(workspace: Path, tmp_path: Path) -> None:
    dvc(workspace, "remote", "add", "--local", "-d", "elsewhere", str(tmp_path / "remote"))
    dvc(workspace, "push")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(workspace), str(clone))
    dvc(clone, "remote", "add", "--local", "-d", "elsewhere", str(tmp_path / "remote"))
    dvc(clone, "pull")
    for path in ("train/network.safetensors", "package/card.md", "evaluate/metrics.json"):
        assert (clone / "build" / path).read_bytes() == (workspace / "build" / path).read_bytes()


def test_an_experiment_runs_what_depends_on_it_and_is_shown(workspace: Path) -> None:
    before = len(attempts(workspace))
    dvc(workspace, "exp", "run", "-n", "graph-network", "-S", "train.network=stgcn")
    assert attempts(workspace)[before:] == ["snapshot", "train", "evaluate", "package", GATE]
    shown = json.loads(dvc(workspace, "exp", "show", "--json"))
    found = {e["name"]: e["revs"][0]["data"] for e in shown[1]["experiments"]}
    assert accuracy(found["graph-network"]) == 0.9
    assert accuracy(shown[1]["data"]) == 0.8


def test_a_refused_experiment_is_kept_and_repro_still_stops(workspace: Path) -> None:
    reason = "accuracy is 0.9; min_accuracy asks for at least 0.99"
    change = ["-S", "train.network=stgcn", "-S", f"package.refuse='{reason}'"]
    try:
        dvc(workspace, "exp", "run", "-n", "graph-refused", *change)
        assert json.loads((workspace / "build" / "package" / "result.json").read_text()) == {"refused": reason}
        shown = json.loads(dvc(workspace, "exp", "show", "--json"))
        rows = {e["name"]: e["revs"][0]["data"] for e in shown[1]["experiments"]}
        assert accuracy(rows["graph-refused"]) == 0.9
        before = len(attempts(workspace))
        for _ in range(2):  # nothing is to be run, and it stops all the same
            stopped = called(workspace, [sys.executable, "-m", "dvc", "repro"], environment(workspace), fails=True)
            assert reason in stopped
        assert attempts(workspace)[before:] == ["snapshot", GATE] * 2
    finally:
        git(workspace, "checkout", "-q", "params.yaml", "dvc.lock", "build/evaluate/metrics.json")
        dvc(workspace, "checkout")


def test_evaluate_and_package_follow_the_network_that_is_chosen(workspace: Path) -> None:
    """An ensemble beside build/train is what they depend on, and training again is none of their business."""
    shutil.copytree(workspace / "build" / "train", workspace / "build" / "ensemble")
    before = len(attempts(workspace))
    try:
        dvc(workspace, "exp", "run", "-n", "graph-ensemble", "-S", "evaluate.network=build/ensemble")
        assert attempts(workspace)[before:] == ["snapshot", "evaluate", "package", GATE]
        lock = yaml.safe_load((workspace / "dvc.lock").read_text())["stages"]
        for stage in ("evaluate", "package"):
            read = [dep["path"] for dep in lock[stage]["deps"]]
            assert "build/ensemble/network.safetensors" in read
            assert "build/train/network.safetensors" not in read
    finally:
        git(workspace, "checkout", "-q", "params.yaml", "dvc.lock")
        dvc(workspace, "checkout")


def test_plots_are_drawn(workspace: Path, tmp_path: Path) -> None:
    dvc(workspace, "plots", "show", "-o", str(tmp_path / "plots"))
    page = (tmp_path / "plots" / "index.html").read_text()
    for what in ("confusion", "squat", "loss.tsv"):
        assert what in page


def accuracy(shown: dict[str, Any]) -> float:
    return float(shown["metrics"]["build/evaluate/metrics.json"]["data"]["accuracy"])


def attempts(root: Path) -> list[str]:
    return (root / "attempts.txt").read_text().split()


def environment(root: Path) -> dict[str, str]:
    path = os.pathsep.join((str(root / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
    return {"PATH": path, "SHELL": "/bin/sh"}


def dvc(root: Path, *arguments: str) -> str:
    return called(root, [sys.executable, "-m", "dvc", *arguments], environment(root))


def git(root: Path, *arguments: str) -> str:
    return called(root, ["git", *arguments], {})


def called(root: Path, command: list[str], env: dict[str, str], fails: bool = False) -> str:
    who = {f"GIT_{role}_{what}": "toy@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        command, cwd=root, env={**os.environ, "DVC_NO_ANALYTICS": "1", **who, **env}, capture_output=True, text=True
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + (done.stderr if fails else "")
