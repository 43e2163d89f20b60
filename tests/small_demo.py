"""What `posemill demo` leaves behind, of few rendered people and activities: the real graph, in a minute and a half."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from posemill.stages.workspace import STAGES
from toy_workspace import REPOSITORY

COPIED = ("dvc.yaml", ".dvcignore", ".gitignore", "bentofile.yaml", "bentofile.analysis.yaml", "requirements.lock")
CORPUS = ("--subjects", "6", "--clips-per-activity", "1", "--duration-s", "2.4", "--fps", "10", "--quiet")
ACTIVITIES = ("squat", "wave", "fall")
GATES = dict.fromkeys(("min_accuracy", "min_macro_f1", "min_class_recall", "max_ece", "min_clips"))
PARAMS = {stage: {} for stage in STAGES} | {
    "label": {"backend": "posenet", "checkpoint": "posenet", "long_edge_px": 257, "threads": 1},
    "prepare": {"split": {"validation": 0.2, "test": 0.3}},
    "train": {"epochs": 2, "min_windows_per_epoch": 100, "hyper": {"tcn": {"width": 16, "dilations": [1, 2]}}},
    "evaluate": {"network": "build/train", "gates": GATES},
}
# `posemill` as the documents call it, in the environment of the tests
POSEMILL = """#!/bin/sh
exec "{python}" -m posemill "$@"
"""


@dataclass(frozen=True)
class SmallDemo:
    """A finished workspace, and the environment in which its commands run."""

    root: Path
    env: Mapping[str, str]

    def run(self, line: str) -> str:
        """What a line of a shell says; it must end well."""
        done = subprocess.run(["/bin/bash", "-c", line], cwd=self.root, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout


def clone(root: Path, params: Mapping[str, Any], database: str) -> SmallDemo:
    """Make a workspace in `root`, which does not exist yet: what a clone has as far as the graph needs it, in git."""
    ignored = shutil.ignore_patterns("__pycache__", "tmp", "cache", "config.local")
    for folder in (".dvc", "expectations"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=ignored)
    for file in COPIED:
        shutil.copy(REPOSITORY / file, root / file)
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    program = root / "bin" / "posemill"
    program.parent.mkdir()
    program.write_text(POSEMILL.format(python=sys.executable))
    program.chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("POSEMILL_", "BENTOML_HOME"))}
    env = kept | {
        "PATH": os.pathsep.join((str(program.parent), str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")]),
        "POSEMILL_WORKSPACE": str(root),
        "POSEMILL_DATABASE_URL": database,
        "DVC_NO_ANALYTICS": "1",
    }
    made = SmallDemo(root, env)
    made.run("git init -q && git add -A && git -c user.name=a -c user.email=a@b commit -qm workspace")
    return made


def small_demo(root: Path, database: str) -> SmallDemo:
    """Render, label, train and package in `root`, which does not exist yet."""
    demo = clone(root, PARAMS, database)
    demo.run(f"posemill synth {' '.join(CORPUS)} --activities {','.join(ACTIVITIES)}")
    demo.run("dvc repro")
    return demo
