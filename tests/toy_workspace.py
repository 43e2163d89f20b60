"""A workspace whose stages do nothing but what params.yaml tells them: the real graph's names, in seconds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from posemill.stages.workspace import GATE, STAGES

REPOSITORY = Path(__file__).resolve().parents[1]
STAGE = """
import os, signal, sys, time
from pathlib import Path
import yaml
from posemill.errors import PosemillError, Unavailable
from posemill.stages.failure import attempt
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace

class ToyResult(StageResult):
    clips: int

name = sys.argv[1]
workspace = Workspace(Path.cwd())
wish = yaml.safe_load(workspace.params.read_text())[name]
with Path("attempts.txt").open("a") as file:
    file.write(name + "\\n")
with attempt(workspace, name):
    print(f"toy {name} at work", flush=True)
    time.sleep(wish.get("sleep_s", 0))
    if wish.get("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if wish.get("bug"):
        raise RuntimeError("a bug")
    if "unavailable" in wish:
        raise Unavailable(wish["unavailable"])
    if "error" in wish:
        raise PosemillError(wish["error"])
    folder = workspace.output(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "toy.txt").write_text(f"{name} {wish.get('text', '')}\\n")
    ToyResult(stage=name, clips=12).write(folder)
"""


def toy_workspace(root: Path) -> Path:
    """Make one in `root`: git, DVC, params.yaml, and a graph in a line."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "toy.py").write_text(STAGE)
    stages: dict[str, Any] = {}
    for before, name in zip((None, *STAGES), (*STAGES, GATE), strict=True):
        stages[name] = {"cmd": f"python toy.py {name}", "params": [name], "outs": [f"build/{name}"]}
        if before:
            stages[name]["deps"] = [f"build/{before}/toy.txt"]
        else:
            stages[name]["always_changed"] = True
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    shutil.copytree(REPOSITORY / ".dvc", root / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache", "config.local"))
    (root / ".gitignore").write_text("/build/\n/attempts.txt\n")
    wish(root)
    git = ("git", "-c", "user.name=toy", "-c", "user.email=toy@localhost", "-c", "init.defaultBranch=main")
    subprocess.run([*git, "init", "-q"], cwd=root, check=True)
    subprocess.run([*git, "add", "-A"], cwd=root, check=True)
    subprocess.run([*git, "commit", "-qm", "toy"], cwd=root, check=True)
    return root


def wish(root: Path, **sections: dict[str, Any]) -> None:
    """Tell stages what to do: text, sleep_s, error, unavailable, die, bug."""
    (root / "params.yaml").write_text(yaml.safe_dump({name: sections.get(name, {}) for name in (*STAGES, GATE)}))


def attempts(root: Path) -> list[str]:
    """Every start of a stage since the workspace was made, in order."""
    path = root / "attempts.txt"
    return path.read_text().split() if path.exists() else []
