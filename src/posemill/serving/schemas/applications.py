"""Requests and answers of applications."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from posemill.applications.result import ApplicationResult
from posemill.serving.schemas.activity import Nested1, Nested2, Nested3
from posemill.serving.schemas.provenance import Provenance, Strict

MOST_PEOPLE = 200


class PersonTrack(Strict):
    """One person's keypoints over time."""

    person: int = Field(ge=0, description="number of the person, as events name it")
    time_s: Nested1 = Field(description="(T,) seconds, strictly increasing")
    xy: Nested3 = Field(
        description="(T, K, 2) pixels, origin top-left; null, or 0, 0 or negative with confidence 0 = not seen"
    )
    confidence: Nested2 | None = Field(None, description="(T, K) 0..1; left out = 1 where seen")
    z: Nested2 | None = Field(None, description="(T, K) depth away from the camera, pixels")


class ApplicationRequest(Strict):
    """Tracks of everybody in a video, for an application."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "skeleton": "coco-17",
                "width_px": 640,
                "height_px": 360,
                "people": [{"person": 0, "time_s": [0.0], "xy": [[[320.0, 100.0]] * 17]}],
                "params": {},
            }
        }
    )

    skeleton: str | None = Field(None, description="name of a known skeleton, such as coco-17")
    keypoints: list[str] | None = Field(None, max_length=512, description="instead: the names, in array order")
    width_px: int = Field(gt=0, le=100_000, description="of the picture")
    height_px: int = Field(gt=0, le=100_000, description="of the picture")
    people: list[PersonTrack] = Field(max_length=MOST_PEOPLE)
    frame_times_s: Nested1 | None = Field(
        None, description="(F,) seconds of all frames, also those without people; left out = those with people"
    )
    params: dict[str, Any] = Field({}, description="parameters of the application, see GET /apps")


class ApplicationAnswer(ApplicationResult):
    """Result of an application with the provenance of the service that ran it.

    labeller  fingerprint of what found the keypoints of a video; None for tracks that were sent.
    """

    provenance: Provenance
    labeller: str | None = None


class ApplicationEntry(Strict):
    """An application that this service has."""

    application: str
    title: str
    line: str
    presets: list[str]
    params: dict[str, Any] = Field(description="JSON schema of the parameters")
    limits: list[str] = Field(description="what it cannot see")
    notice: str


def answer_with(result: ApplicationResult, provenance: Provenance, labeller: str | None = None) -> ApplicationAnswer:
    """Return the answer of a service: a result with the service's provenance."""
    return ApplicationAnswer.model_construct(**dict(result), provenance=provenance, labeller=labeller)
