"""gate: stops the graph where the package stage refused the model.

A failed gate is a result: package records the refusal and ends well, so that `dvc exp run` keeps the experiment and
`dvc exp show` compares it. Whoever wants a model must still be stopped, and that is this stage: it runs every time, has
no outputs, and passes in experiments. See docs/decisions/0014-the-graph-depends-on-what-decides.md.
"""

from __future__ import annotations

import json
import os

from posemill.errors import GateError, InputError
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace


class GateResult(StageResult):
    """The sentence of a refusal; None where the model was packaged."""

    stage: str = "gate"
    refused: str | None = None


def run(inputs: Workspace) -> GateResult:
    """Return the refusal that package recorded, if any.

    Errors: GateError with its sentence, unless a DVC experiment runs; InputError where nothing was packaged yet.
    """
    refused = refusal(inputs)
    if refused and not in_experiment():
        raise GateError(refused)
    return GateResult(refused=refused)


def refusal(inputs: Workspace) -> str | None:
    """Return why package refused the model; None where it packaged one."""
    path = inputs.output("package") / "result.json"
    if not path.is_file():
        raise InputError(f"no {path}: run `posemill stage package` (or `dvc repro`)")
    refused: str | None = json.loads(path.read_text()).get("refused")
    return refused


def in_experiment() -> bool:
    """Return True within `dvc exp run`, which names the experiment to the stages that it runs."""
    return "DVC_EXP_NAME" in os.environ


def under_dvc() -> bool:
    """Return True where DVC runs the stage, so that the gate stage comes after it."""
    return "DVC_STAGE" in os.environ
