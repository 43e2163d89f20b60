"""Whether a model keeps its word: the share of clips with the same verdict when they are seen in another way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Consistency:
    """Verdicts of the same clips, seen in another way.

    way       what was changed, such as "15 frames/s".
    clips     clips that were asked; `same` of them got the same verdict, `lost` gave none, which counts as another.
    accuracy  of the changed clips; one that gave no verdict is wrong.
    """

    way: str
    clips: int
    same: int
    lost: int
    accuracy: float

    @property
    def share(self) -> float:
        """Of the clips, those with the same verdict; NaN for none."""
        return self.same / self.clips if self.clips else float("nan")


def consistency(
    way: str, before: Mapping[int, int], after: Mapping[int, int], actual: Mapping[int, int]
) -> Consistency:
    """Compare verdicts (class numbers by clip). `before` says which clips count."""
    same = sum(after.get(clip) == said for clip, said in before.items())
    right = sum(after.get(clip) == actual[clip] for clip in before)
    lost = sum(clip not in after for clip in before)
    return Consistency(way, len(before), same, lost, right / len(before) if before else float("nan"))
