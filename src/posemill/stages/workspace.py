"""The workspace: folders that stages read and write, by their names in dvc.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STAGES = ("snapshot", "ingest", "label", "validate", "prepare", "train", "evaluate", "package")
GATE = "gate"  # the last line of dvc.yaml: no stage of its own, it stops where package refused the model


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with params.yaml and dvc.yaml; stage outputs are under build/."""

    root: Path

    @property
    def params(self) -> Path:
        """The tunables."""
        return self.root / "params.yaml"

    @property
    def expectations(self) -> Path:
        """Great Expectations' suites."""
        return self.root / "expectations"

    def output(self, stage: str) -> Path:
        """The folder that `stage` writes, and the stages after it read."""
        return self.root / "build" / stage

    def cache(self, stage: str) -> Path:
        """The folder that `stage` keeps from run to run, outside of DVC's outputs; removing it costs time only."""
        return self.root / "build" / ".cache" / stage
