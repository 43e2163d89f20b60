"""Requests and answers of the analysis service alone: jobs, pictures and live streams."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from posemill.serving.schemas.provenance import Strict, WithProvenance


class JobTaken(Strict):
    """The video waits for its turn: ask at `status` how far it is."""

    job: str
    status: str = Field(description="path of the job, relative to the service's root")


class JobStatus(Strict):
    """Progress of a job. `frames` are those that are posed; `error` is a sentence once it failed."""

    job: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1, description="of posing and drawing together")
    frames_done: int
    frames: int
    error: str | None = None


class FoundPose(Strict):
    """One person in a picture: (K, 2) pixels (null = not seen), (K,) confidence of keypoints, and the person's own."""

    xy: list[list[float | None]]
    confidence: list[float] = Field(description="(K,) of keypoints, 0..1")
    person_confidence: float
    score: float = Field(description="former name of person_confidence", json_schema_extra={"deprecated": True})


class ImageFacts(Strict):
    """Size of the picture; keypoints are in the order of that skeleton."""

    width_px: int
    height_px: int
    skeleton: str


class ImageAnswer(WithProvenance):
    """Poses of everybody in a picture, highest confidence first."""

    image: ImageFacts
    poses: list[FoundPose]


class LivePrediction(Strict):
    """Prediction over the windows that end now; `activity` is null where nobody was seen enough."""

    type: Literal["prediction"]
    time_s: float = Field(description="of the newest pose or frame that it is made of")
    activity: str | None
    probability: float | None
    probabilities: dict[str, float]
    abstained: bool = Field(description="true = less sure than an answer should be")
    dropped: int = Field(description="poses or frames of this connection that came too quickly to be looked at")
    box: list[float] | None = Field(
        None, description="of frames: where the main subject is: left, top, right, bottom of the keypoints, pixels"
    )
    place: str | None = Field(None, description="of frames: third of the picture: left, middle or right")


class LiveProblem(Strict):
    """A message that cannot be used; the connection stays."""

    type: Literal["error"]
    error: str
    dropped: int


LiveAnswer = Annotated[LivePrediction | LiveProblem, Field(discriminator="type")]
