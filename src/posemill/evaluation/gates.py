"""Quality gates: limits that a model's metrics must keep before it is packaged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from posemill.errors import GateError
from posemill.params.evaluate import Gates


class GateOutcome(BaseModel):
    """Outcome of one gate. `says` is a whole sentence for people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    metric: str
    limit: float
    measured: float | None
    passed: bool
    says: str


_WORDS: Mapping[Literal["min", "max"], str] = {"min": "at least", "max": "at most"}


def check(metrics: Mapping[str, Any], gates: Gates) -> list[GateOutcome]:
    """Check every gate that is switched on. A metric that is missing or not finite fails its gate.

    metrics  of metrics.json; gate `min_accuracy` limits the metric `accuracy`, and so on.
    """
    outcomes = []
    for gate, limit in gates.model_dump(exclude_none=True).items():
        side, metric = gate.split("_", 1)
        outcomes.append(_outcome(gate, side, metric, float(limit), metrics.get(metric)))
    return outcomes


def require(metrics: Mapping[str, Any], gates: Gates) -> None:
    """Raise GateError with one sentence a failing gate; return when every gate holds."""
    require_passed(check(metrics, gates))


def require_passed(outcomes: Sequence[GateOutcome]) -> None:
    """Do as `require` does, for outcomes of `check`."""
    failed = [outcome.says for outcome in outcomes if not outcome.passed]
    if failed:
        raise GateError(
            f"not good enough to package: {'; '.join(failed)}. "
            "Look at build/evaluate/report.html, then improve data or training, "
            "or change evaluate.gates in params.yaml if the limit is wrong"
        )


def _outcome(gate: str, side: str, metric: str, limit: float, measured: Any) -> GateOutcome:
    number = float(measured) if isinstance(measured, int | float) and math.isfinite(measured) else None
    passed = number is not None and (number >= limit if side == "min" else number <= limit)
    seen = "was not measured" if number is None else f"is {number:.4g}"
    words = _WORDS["min" if side == "min" else "max"]
    says = f"{metric.replace('_', ' ')} {seen}, {gate} asks for {words} {limit:.4g}"
    return GateOutcome(gate=gate, metric=metric, limit=limit, measured=number, passed=passed, says=says)
