"""Example answers for the OpenAPI page: shorter than real ones, and valid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from posemill.serving.schemas.activity import Problem, TrackAnswer, VideoAnswer, WindowsAnswer
from posemill.serving.schemas.analysis import ImageAnswer, JobStatus, JobTaken
from posemill.serving.schemas.provenance import Provenance

_ID = Provenance.of(
    "posemill-analysis:0123456789abcdef",
    {"model": "7bf4" * 16, "features": "e66d" * 16, "classes": "c652" * 16, "code": "bba85111"},
).model_dump()
_PROVENANCE = {"provenance": _ID, "receipt": _ID}
_TOP = {"activity": "squat", "probability": 0.94, "abstained": False}
_VERDICT = {**_TOP, "probabilities": {"squat": 0.94, "wave": 0.06}}
_SEGMENT = {"start_s": 0.0, "end_s": 2.0, **_TOP}
_WINDOW = {**_SEGMENT, "probabilities": {"squat": 0.94, "wave": 0.06}}
_PERSON = {
    "person": 0,
    "start_s": 0.0,
    "end_s": 2.0,
    "poses": 50,
    "box": [240.0, 60.0, 380.0, 330.0],
    "place": "middle",
    "verdict": _VERDICT,
    "segments": [_SEGMENT],
    "windows": [_WINDOW],
    "track": None,
}
_JOB = "5f3c9a7e5f3c9a7e5f3c9a7e5f3c9a7e"

EXAMPLES: Mapping[type[BaseModel], dict[str, Any]] = {
    WindowsAnswer: {
        "classes": ["squat", "wave"],
        "activities": ["squat", "wave"],
        "probabilities": [[0.94, 0.06], [0.45, 0.55]],
        "abstained": [False, True],
        **_PROVENANCE,
    },
    TrackAnswer: {
        "verdict": _VERDICT,
        "segments": [_SEGMENT],
        "windows": [_WINDOW],
        "note": None,
        **_PROVENANCE,
    },
    VideoAnswer: {
        "video": {"width_px": 640, "height_px": 360, "frames": 50, "duration_s": 2.0, "skeleton": "coco-17"},
        "verdict": _VERDICT,
        "main_subject": 0,
        "acting_person": 0,
        "people": [_PERSON],
        "note": None,
        **_PROVENANCE,
    },
    ImageAnswer: {
        "image": {"width_px": 640, "height_px": 360, "skeleton": "coco-17"},
        "poses": [
            {"xy": [[312.5, 120.0], [None, None]], "confidence": [0.9, 0.0], "person_confidence": 0.71, "score": 0.71}
        ],
        **_PROVENANCE,
    },
    JobTaken: {"job": _JOB, "status": f"/jobs/{_JOB}"},
    JobStatus: {
        "job": _JOB,
        "state": "running",
        "progress": 0.42,
        "frames_done": 700,
        "frames": 1500,
        "error": None,
    },
    Problem: {"error": "time_s should strictly increase, but row 7 does not"},
}
