"""What the analysis service takes and answers about jobs, pictures and live streams: pydantic models only."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from posemill.serving.schema import Receipt


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class JobTaken(_Strict):
    """The video waits for its turn: ask at `status` how far it is."""

    job: str
    status: str = Field(description="path of the job, relative to the service's root")


class JobStatus(_Strict):
    """How far a job is. `frames` are those that are posed; `error` is a sentence once it failed."""

    job: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1, description="of posing and drawing together")
    frames_done: int
    frames: int
    error: str | None = None


class FoundPose(_Strict):
    """One person in a picture: (K, 2) pixels (null = not seen), (K,) confidence and the person's own."""

    xy: list[list[float | None]]
    confidence: list[float]
    score: float


class ImageFacts(_Strict):
    """What was looked at; keypoints are in the order of that skeleton."""

    width_px: int
    height_px: int
    skeleton: str


class ImageAnswer(_Strict):
    """Everybody in a picture, surest first."""

    image: ImageFacts
    poses: list[FoundPose]
    receipt: Receipt


class LivePrediction(_Strict):
    """What somebody does now, over the windows that end now; `activity` is null where nobody was seen enough."""

    type: Literal["prediction"]
    time_s: float = Field(description="of the newest pose or frame that it is made of")
    activity: str | None
    probability: float | None
    probabilities: dict[str, float]
    abstained: bool = Field(description="true = less sure than an answer should be")
    dropped: int = Field(description="poses or frames of this connection that came too quickly to be looked at")


class LiveProblem(_Strict):
    """A message that cannot be used; the connection stays."""

    type: Literal["error"]
    error: str
    dropped: int


LiveAnswer = Annotated[LivePrediction | LiveProblem, Field(discriminator="type")]
