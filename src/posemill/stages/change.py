"""Change detection: tells without running whether a run would find anything to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from posemill.stages.workspace import GATE, Workspace


def unchanged(workspace: Workspace) -> bool:
    """True when the database, the code and the parameters are those of the last accepted run.

    The snapshot stage always runs under DVC, so it is run here and its files are compared with what it wrote before;
    every other stage is what `dvc status` says.
    """
    return _accepted(workspace) and _same_snapshot(workspace) and _same_files(workspace)


def _accepted(workspace: Workspace) -> bool:
    """True if the acceptance on record is that of the packaged bento."""
    try:
        accepted = json.loads((workspace.output("accept") / "result.json").read_text())
        packaged = json.loads((workspace.output("package") / "result.json").read_text())
    except FileNotFoundError:
        return False
    return bool(accepted["bento"] == packaged["analysis"] or accepted["bento"] == packaged["bento"])


def _same_snapshot(workspace: Workspace) -> bool:
    """True if the database and the code of all stages are as the last snapshot has them."""
    from posemill import params
    from posemill.stages import snapshot

    before = workspace.output("snapshot")
    with tempfile.TemporaryDirectory() as folder:
        snapshot.run(params.load(workspace.params).snapshot, workspace, Path(folder))
        files = [path.relative_to(folder) for path in Path(folder).rglob("*.json")]
        return all((before / f).is_file() and (before / f).read_bytes() == (folder / f).read_bytes() for f in files)


def _same_files(workspace: Workspace) -> bool:
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status", "--json"],
        cwd=workspace.root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
    )
    if status.returncode:
        return False
    return set(json.loads(status.stdout)) <= {"snapshot", GATE}
