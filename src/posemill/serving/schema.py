"""What the services take and answer: pydantic models, without BentoML, so that a client can use them too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, WithJsonSchema

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
    """A list in a list in a list … of numbers, for OpenAPI; shape and finiteness are checked in checks.py."""
    schema = leaf
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return WithJsonSchema(schema)


# pydantic would visit every number one by one; numpy checks them all at once, see checks.py
_NUMBER = {"type": ["number", "null"]}
Nested4 = Annotated[SkipValidation[Any], _nested(4, _NUMBER)]
Nested3 = Annotated[SkipValidation[Any], _nested(3, _NUMBER)]
Nested2 = Annotated[SkipValidation[Any], _nested(2, _NUMBER)]
Nested1 = Annotated[SkipValidation[Any], _nested(1, _NUMBER)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WindowsRequest(_Strict):
    """Windows as the prepare stage cuts them: (N, T, K, 3) x_px, y_px, confidence, perhaps z; null = not seen."""

    model_config = ConfigDict(json_schema_extra={"example": {"windows": [[[[312.5, 120.0, 0.9], [None, None, 0.0]]]]}})

    windows: Nested4 = Field(description="(N, T, K, 3): x_px, y_px, confidence; x and y null = not seen")


class TrackRequest(_Strict):
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
    xy: Nested3 = Field(description="(T, K, 2) pixels, origin top-left; null = not seen")
    confidence: Nested2 | None = Field(None, description="(T, K) 0..1; left out = 1 where seen")
    z: Nested2 | None = Field(None, description="(T, K) depth away from the camera, pixels; for models that read it")


class Receipt(_Strict):
    """Which files answered: SHA-256 digests, so that an answer can be traced to its model and data."""

    id: str = Field(description="first 16 digits of the SHA-256 of the other fields as sorted, compact JSON")
    bento: str | None = Field(description="tag of the bento, null outside one")
    model: str
    features: str
    classes: str
    labeller: str | None = None
    snapshot: str | None = None
    clips: str | None = None
    weights: str | None = None
    params: str | None = None
    code: str | None = Field(None, description="commit of the workspace that trained and packaged the model")

    @classmethod
    def of(cls, bento: str | None, digests: Mapping[str, Any]) -> Receipt:
        """From the tag of the bento and the package's digests.json."""
        named = [name for name in cls.model_fields if name not in ("id", "bento")]
        fields = {"bento": bento, **{name: digests.get(name) for name in named}}
        canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return cls(id=hashlib.sha256(canonical.encode()).hexdigest()[:16], **fields)


class WindowsAnswer(_Strict):
    """One row a window, in the order of the request."""

    classes: list[str]
    activities: list[str] = Field(description="the most probable one of every window")
    probabilities: list[list[float]] = Field(description="(N, C), calibrated; every row sums to 1")
    abstained: list[bool] = Field(description="true = less sure than an answer should be: ask a person")
    receipt: Receipt


class TrackAnswer(TrackPrediction):
    """The verdict over the whole track, and what was when. `verdict` is null where nothing could be judged."""

    receipt: Receipt


class VideoAnswer(Prediction):
    """People and their activities. `main_subject` is the one that the verdict speaks of, null without people."""

    receipt: Receipt


class Version(_Strict):
    """What runs here. `posemill` is the version of the package, null where it is not installed as one."""

    posemill: str | None
    bento: str | None
    receipt: Receipt
    licence: str = Field(description="what applies to whoever offers this service to others")
    endpoints: list[str]


class Problem(_Strict):
    """Every answer with a status of 400 or more: one sentence."""

    error: str
