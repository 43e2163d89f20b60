"""Results of an evaluation on external videos: a prediction a clip, and the accuracy over all of them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from posemill.stages.result import StageResult

Outcome = Literal["right", "wrong", "unknown activity", "no label", "unreadable"]


class ExternalVerdict(BaseModel):
    """Prediction for one clip, and its outcome.

    truth    as the folder has it; `predicted`, `probability` over all windows; None where there was no window.
    people   everybody in the video; `person` is the one who was judged.
    changed  what was said of the same clip at other frame rates and mirrored, by name.
    abstained  a client is told that the model had better say nothing: the probability is under the threshold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    medium: str
    truth: str | None
    outcome: Outcome
    predicted: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] = {}
    windows: int = 0
    people: int = 0
    person: int | None = None
    place: str | None = None  # third of the picture in which that person is
    changed: dict[str, str | None] = {}
    abstained: bool = False
    note: str | None = None


class ExternalResult(StageResult):
    """Top-1 over the clips whose activity the model knows; one without a window counts as wrong.

    weights    digest of the network's weights; `features` and `labeller` name what else decides the figures.
    abstained  clips of these with a verdict that the model had better not given, right or wrong.
    agreement  share of these clips with the same verdict, by what was changed.
    benchmark  accuracy of the same network on the test split; None when it is not the one that evaluate judged.
    """

    stage: str = "external_videos"
    folder: str
    network: str
    weights: str
    features: str
    labeller: str
    clips: int
    right: int
    top1: float | None
    low: float | None
    high: float | None
    unanswered: int
    abstained: int
    unknown: int
    unlabelled: int
    unreadable: int
    agreement: dict[str, float]
    top1_changed: dict[str, float]
    benchmark: float | None
    report: str
    verdicts: list[ExternalVerdict]
