"""Accuracy on Penn Action's official split: several seeds, the ensemble of them, and ordinary videos.

    python benchmarks/penn_action.py LABELS --workspace FOLDER [--seeds 0,1,2] [--folds 6] [--videos VIDEOS] [--json]

LABELS is Penn Action's folder or labels.tar.gz; FOLDER a clone of the repository, in which everything is done as
examples/penn-action/README.md says: import, rendered people, `dvc repro prepare`, a training a seed (and three in
folds, if asked), `posemill assemble`, and evaluation, which looks at the test split for the first time. What is there
already is not done again: three seeds take an hour, six folds two and a half more. Clips that validation sets aside
count as wrong in `all`, and are left out in `answered`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RENDERED = (
    "--activities",
    "sports,squat,jumping_jack,push_up",
    "--split",
    "train",
    "--quiet",
    "--rename",
    "sit_up=situp,pull_up=pullup,jumping_jack=jumping_jacks,push_up=pushup",
)


@dataclass(frozen=True)
class Row:
    """One network on the test split, and on ordinary videos where there are some."""

    name: str
    seconds: float
    answered: float
    all: float
    macro_f1: float
    videos: str


class Workspace:
    """A clone with the example's parameters."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.params: dict[str, Any] = yaml.safe_load((root / "examples/penn-action/params.yaml").read_text())

    def run(self, *command: str) -> str:
        """Standard output of a command in the workspace; what it says meanwhile is shown."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "POSEMILL_WORKSPACE": str(self.root)}
        print("$", *command, file=sys.stderr)
        return subprocess.run(command, cwd=self.root, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout

    def write(self, **train: Any) -> None:
        """params.yaml, with other parameters of training."""
        text = yaml.safe_dump({**self.params, "train": {**self.params["train"], **train}}, sort_keys=False)
        (self.root / "params.yaml").write_text(text)

    def read(self, path: str) -> dict[str, Any]:
        """A JSON file of the workspace."""
        return dict(json.loads((self.root / path).read_text()))


def prepare(workspace: Workspace, labels: Path) -> None:
    """From files to windows."""
    workspace.write()
    workspace.run("posemill", "import", "penn-action", str(labels.resolve()))
    workspace.run("posemill", "synth", *RENDERED)
    workspace.run("dvc", "repro", "prepare")


def train(workspace: Workspace, folder: str, **params: Any) -> str:
    """The folder of a network that was trained with other parameters."""
    if not (workspace.root / folder / "result.json").is_file():
        workspace.write(**params)
        workspace.run("dvc", "repro", "--single-item", "train")
        shutil.copytree(workspace.root / "build/train", workspace.root / folder)
    return folder


def train_folds(workspace: Workspace, folds: int) -> list[str]:
    """Three networks in folds that err in different ways: by what they are shown, and by what they are shown of it."""
    own = workspace.params["train"]
    always_sure = {**own["augment"], "swap_stretches": 0}
    bones = {"tcn": {**own["hyper"]["tcn"], "streams": ["bone", "bone_motion"]}}
    different: dict[str, dict[str, Any]] = {
        "": {},
        "-sides-kept": {"augment": always_sure},
        "-bones": {"augment": always_sure, "hyper": bones},
    }
    return [train(workspace, f"runs/folds{name}", folds=folds, **params) for name, params in different.items()]


def judge(workspace: Workspace, network: str, seconds: float, videos: Path | None) -> Row:
    """Evaluate a network on the test split, and on the videos."""
    workspace.params["evaluate"]["network"] = network
    workspace.write()
    workspace.run("dvc", "repro", "--single-item", "evaluate")
    metrics, external = workspace.read("build/evaluate/metrics.json"), "–"
    if videos:
        verdicts = json.loads(workspace.run("posemill", "evaluate", "--videos", str(videos.resolve()), "--json"))
        external = f"{verdicts['right']} of {verdicts['clips']}"
    return Row(network, seconds, metrics["accuracy"], metrics["accuracy_with_missing"], metrics["macro_f1"], external)


def main() -> None:
    """Train and evaluate everything, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--folds", type=int, default=0, help="train.folds of three more networks: hours")
    parser.add_argument("--videos", type=Path)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    workspace = Workspace(asked.workspace)
    prepare(workspace, asked.labels)
    folders = [train(workspace, f"runs/seed-{seed}", seed=int(seed)) for seed in asked.seeds.split(",")]
    workspace.run("posemill", "assemble", *folders, "--out", "runs/ensemble", "--mirrored", "--margin", "0")
    seconds = [workspace.read(f"{folder}/result.json")["seconds"] for folder in folders]
    rows = [judge(workspace, f, s, asked.videos) for f, s in zip(folders, seconds, strict=True)]
    ensembles = [judge(workspace, "runs/ensemble", sum(seconds), asked.videos)]
    if asked.folds:
        of_folds = train_folds(workspace, asked.folds)
        workspace.run("posemill", "assemble", *of_folds, "--out", "runs/of-folds", "--mirrored", "--margin", "0")
        took = sum(workspace.read(f"{folder}/result.json")["seconds"] for folder in of_folds)
        ensembles.append(judge(workspace, "runs/of-folds", took, asked.videos))
    print(f"{'network':16} {'training, s':>11} {'answered':>9} {'all':>8} {'macro-F1':>9} {'videos':>8}")
    for row in [*rows, *ensembles]:
        print(
            f"{row.name:16} {row.seconds:11.0f} {row.answered:9.2%} {row.all:8.2%} {row.macro_f1:9.4f} {row.videos:>8}"
        )
    single = [row.answered for row in rows]
    spread = statistics.stdev(single) if len(single) > 1 else 0.0
    print(f"single networks: mean {statistics.mean(single):.2%}, standard deviation {spread:.2%}")
    if asked.json:
        figures = {
            "single_mean": statistics.mean(single),
            "single_spread": spread,
            "ensemble": ensembles[0].answered,
            "single_mean_all": statistics.mean(row.all for row in rows),
            "ensemble_all": ensembles[0].all,
            "training_s": statistics.mean(seconds),
        }
        if asked.folds:
            figures |= {"folds": ensembles[1].answered, "folds_all": ensembles[1].all}
        print(json.dumps({name: round(value, 5) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
