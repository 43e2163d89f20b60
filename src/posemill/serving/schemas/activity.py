"""Requests and answers of both services: pydantic models, without BentoML, so that a client can use them too."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, SkipValidation, WithJsonSchema, model_validator

from posemill.prediction.schema import (
    Person,
    Prediction,
    Segment,
    TrackPoints,
    TrackPrediction,
    Verdict,
    VideoFacts,
    Window,
)
from posemill.serving.schemas.provenance import Receipt as Receipt
from posemill.serving.schemas.provenance import Strict, WithProvenance, both_names

__all__ = [
    "Person",
    "Problem",
    "Receipt",
    "Segment",
    "TrackAnswer",
    "TrackPoints",
    "TrackRequest",
    "Verdict",
    "Version",
    "VideoAnswer",
    "VideoFacts",
    "Window",
    "WindowsAnswer",
    "WindowsRequest",
]


def _nested(depth: int, leaf: dict[str, Any]) -> WithJsonSchema:
    """Describe a list in a list in a list … of numbers, for OpenAPI; shape and finiteness are checked in arrays.py."""
    schema = leaf
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return WithJsonSchema(schema)


# pydantic would visit every number one by one; numpy checks them all at once, see arrays.py
_NUMBER = {"type": ["number", "null"]}
Nested4 = Annotated[SkipValidation[Any], _nested(4, _NUMBER)]
Nested3 = Annotated[SkipValidation[Any], _nested(3, _NUMBER)]
Nested2 = Annotated[SkipValidation[Any], _nested(2, _NUMBER)]
Nested1 = Annotated[SkipValidation[Any], _nested(1, _NUMBER)]


class WindowsRequest(Strict):
    """Windows as the prepare stage cuts them: (N, T, K, 3) x_px, y_px, confidence, perhaps z; null = not seen."""

    model_config = ConfigDict(json_schema_extra={"example": {"windows": [[[[312.5, 120.0, 0.9], [None, None, 0.0]]]]}})

    windows: Nested4 = Field(
        description="(N, T, K, 3): x_px, y_px, confidence; x and y null, or 0, 0 with confidence 0 = not seen"
    )


class TrackRequest(Strict):
    """One person's keypoints over time, at any frame rate, in any skeleton that has the model's keypoints by name."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "keypoints": ["left_wrist", "right_wrist"],
                "time_s": [0.0, 0.04],
                "xy": [[[310.0, 80.0], [None, None]], [[311.0, 81.0], [305.0, 76.0]]],
                "confidence": [[0.9, 0.0], [0.9, 0.7]],
            }
        }
    )

    skeleton: str | None = Field(None, description="name of a known skeleton, such as coco-17")
    keypoints: list[str] | None = Field(None, max_length=512, description="instead: the names, in array order")
    time_s: Nested1 = Field(description="(T,) seconds, strictly increasing")
    xy: Nested3 = Field(
        description="(T, K, 2) pixels, origin top-left; null, or 0, 0 or negative with confidence 0 = not seen"
    )
    confidence: Nested2 | None = Field(None, description="(T, K) 0..1; left out = 1 where seen")
    z: Nested2 | None = Field(None, description="(T, K) depth away from the camera, pixels; for models that read it")


class WindowsAnswer(WithProvenance):
    """One row a window, in the order of the request."""

    classes: list[str]
    activities: list[str] = Field(description="the most probable one of every window")
    probabilities: list[list[float]] = Field(description="(N, C), calibrated; every row sums to 1")
    abstained: list[bool] = Field(description="true = less sure than an answer should be: ask a person")


class TrackAnswer(TrackPrediction, WithProvenance):
    """Verdict over the whole track, and its timeline. `verdict` is null where nothing could be judged."""


class VideoAnswer(Prediction, WithProvenance):
    """People and their activities. `main_subject` is the one that the verdict speaks of, null without people."""

    acting_person: int | None = Field(
        None, description="former name of main_subject", json_schema_extra={"deprecated": True}, repr=False
    )

    @model_validator(mode="before")
    @classmethod
    def _former_name(cls, values: Any) -> Any:
        return both_names(values, "main_subject", "acting_person")


class Version(WithProvenance):
    """Version of the service. `posemill` is that of the package, null where it is not installed as one."""

    posemill: str | None
    bento: str | None
    licence: str = Field(description="what applies to whoever offers this service to others")
    endpoints: list[str]


class Problem(Strict):
    """Every answer with a status of 400 or more: one sentence."""

    error: str
