"""What test clips were put through, and the figures that came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posemill.evaluation.robustness import perturbations
from posemill.evaluation.robustness.consistency import Consistency
from posemill.evaluation.robustness.perturbations import PerturbationAccuracy

NATIVE = "as they are"


@dataclass(frozen=True, slots=True, eq=False)
class RobustnessResults:
    """Everything beside the plain judgement; what was not tried is empty.

    budget     strength by kind of noise, see perturbations.KINDS; strains what was measured around it.
    rates      agreement at other frame rates and with lost frames; backend that with other keypoints.
    streams    figures of media with several activities, see events.figures.
    """

    budget: Mapping[str, float]
    perturbed: Sequence[PerturbationAccuracy] = ()
    rates: Sequence[Consistency] = ()
    backend: Consistency | None = None
    streams: Mapping[str, float] | None = None

    def figures(self) -> dict[str, Any]:
        """For metrics.json, under the names that the gates ask for."""
        found: dict[str, Any] = {}
        if self.perturbed:
            perturbed = list(self.perturbed)
            found |= {
                f"accuracy_lost_to_{kind}": perturbations.lost(perturbed, kind, s) for kind, s in self.budget.items()
            }
            found["noise"] = {
                kind: {f"{s.strength:g}": s.accuracy for s in perturbed if s.kind == kind} for kind in self.budget
            }
        if self.rates:
            found["frame_rate_agreement"] = min((a.share for a in self.rates), default=math.nan)
            found["frame_rates"] = {a.way: {"agreement": a.share, "accuracy": a.accuracy} for a in self.rates}
        if self.backend:
            found |= {"backend_agreement": self.backend.share, "backend_accuracy": self.backend.accuracy}
        return found | dict(self.streams or {})
