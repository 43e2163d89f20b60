"""Consistency: the share of clips that keep their prediction when they are seen under another condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from posemill.evaluation.classification_metrics import wilson_interval


@dataclass(frozen=True, slots=True)
class Consistency:
    """Predictions of the same clips under another condition.

    condition  what was changed, such as "15 frames/s".
    clips      clips that were compared.
    same       those with the same prediction.
    missing    those that gave none under the condition, which counts as another.
    accuracy   under the condition; a clip that gave no prediction is wrong.
    """

    condition: str
    clips: int
    same: int
    missing: int
    accuracy: float

    @property
    def share(self) -> float:
        """Share of the clips with the same prediction; NaN for none."""
        return self.same / self.clips if self.clips else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `share` (Wilson); NaN for no clip."""
        return wilson_interval(self.same, self.clips) if self.clips else (float("nan"), float("nan"))


def consistency(
    condition: str, before: Mapping[int, int], after: Mapping[int, int], actual: Mapping[int, int]
) -> Consistency:
    """Compare predictions (class numbers by clip). The clips of `before` count.

    Examples:
        >>> consistency("15 frames/s", {1: 0, 2: 1}, {1: 0}, {1: 0, 2: 1}).share
        0.5
    """
    same = sum(after.get(clip) == predicted for clip, predicted in before.items())
    correct = sum(after.get(clip) == actual[clip] for clip in before)
    missing = sum(clip not in after for clip in before)
    return Consistency(condition, len(before), same, missing, correct / len(before) if before else float("nan"))
