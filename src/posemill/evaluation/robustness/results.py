"""Robustness results: what test clips were put through, and the metrics of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posemill.evaluation.robustness.consistency import Consistency
from posemill.evaluation.robustness.perturbations import PerturbationAccuracy, accuracy_drop, drop_interval

SAME = 1e-9  # strengths that differ by less are the same
NATIVE = "as they are"  # the condition that others are compared with


@dataclass(frozen=True, slots=True, eq=False)
class RobustnessResults:
    """Results of every robustness test; what was not tried is empty.

    budget     strength by kind of perturbation, see perturbations.PERTURBATIONS.
    perturbed  accuracy around the budget.
    rates      consistency at other frame rates and with lost frames.
    backend    consistency with the keypoints of another pose backend.
    streams    metrics of media with several activities, see events.stream_metrics.
    of_clips   clips of the test split that these are a sample of; 0 = they are all of it.
    """

    budget: Mapping[str, float]
    perturbed: Sequence[PerturbationAccuracy] = ()
    rates: Sequence[Consistency] = ()
    backend: Consistency | None = None
    streams: Mapping[str, float] | None = None
    of_clips: int = 0

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of metrics.json, under the names that the gates ask for."""
        metrics: dict[str, Any] = {}
        if self.perturbed:
            metrics |= {
                f"accuracy_lost_to_{kind}": accuracy_drop(self.perturbed, kind, strength)
                for kind, strength in self.budget.items()
            }
            metrics |= {"robustness_clips": self.perturbed[0].clips}
            for kind, strength in self.budget.items():
                at = next(p for p in self.perturbed if p.kind == kind and abs(p.strength - strength) < SAME)
                low, high = drop_interval(at)
                metrics |= {f"accuracy_lost_to_{kind}_low": low, f"accuracy_lost_to_{kind}_high": high}
            metrics["noise"] = {
                kind: {f"{p.strength:g}": p.accuracy for p in self.perturbed if p.kind == kind} for kind in self.budget
            }
        if self.rates:
            metrics["frame_rate_consistency"] = min((c.share for c in self.rates), default=math.nan)
            metrics["frame_rates"] = {
                c.condition: {
                    "consistency": c.share,
                    "consistency_low": c.interval[0],
                    "consistency_high": c.interval[1],
                    "accuracy": c.accuracy,
                }
                for c in self.rates
            }
        if self.backend:
            metrics |= {"backend_consistency": self.backend.share, "backend_accuracy": self.backend.accuracy}
        return metrics | dict(self.streams or {})
