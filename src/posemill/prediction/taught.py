"""Files of the live page's teach mode: recorded examples with their classes, and the model that was taught with them.

One JSON object of format "posemill-taught-1"; its fields are those of TaughtFile. Positions are in pixels, null = not
seen; weights are base64 of float32, little end first.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton, skeleton
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.text_file import read_text
from posemill.untrusted import untrusted

FORMAT = "posemill-taught-1"
LABELLER = "live-page"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Example(_Strict):
    """A recording of one person: (T,) frame numbers and seconds, 2TK pixels, TK confidences."""

    id: str = Field(pattern=r"^[0-9a-zA-Z-]{1,64}$")
    activity: str = Field(min_length=1, max_length=60)
    subject: str = Field(min_length=1, max_length=60)
    kind: Literal["pose", "movement"]
    width_px: int = Field(gt=0)
    height_px: int = Field(gt=0)
    frames: int = Field(gt=1)
    duration_s: float = Field(gt=0)
    frame: list[int]
    time_s: list[float]
    xy: list[float | None]
    confidence: list[float]

    def tracks(self, body: Skeleton) -> MediumTracks:
        """Return the recording as tracks of one medium. Errors: SkeletonError, ValueError where shapes do not fit."""
        times, k = np.array(self.time_s), len(body)
        xy = np.array(self.xy, np.float64).astype(np.float32).reshape(len(times), k, 2)
        confidence = np.array(self.confidence, np.float32).reshape(len(times), k)
        state = np.zeros(len(times), np.uint8)
        track = PoseTrack(body, 0, np.array(self.frame, np.int32), times, xy, confidence, state)
        size = self.width_px, self.height_px
        return MediumTracks(self.id, LABELLER, body, *size, self.frames, self.duration_s, (track,))


class Weights(_Strict):
    """An array of the network."""

    shape: list[int]
    values: str

    def array(self) -> NDArray[np.float32]:
        """Return the array. Errors: ValueError where bytes and shape do not fit."""
        return np.frombuffer(base64.b64decode(self.values, validate=True), "<f4").reshape(self.shape).copy()


class Network(_Strict):
    """A convolution over `kernel` poses with ReLU, mean and maximum over time, and an output layer.

    weights  hidden_weight (kernel · 2K, H), hidden_bias (H,), output_weight (2H, C), output_bias (C,).
    """

    kernel: int = Field(gt=0)
    weights: dict[Literal["hidden_weight", "hidden_bias", "output_weight", "output_bias"], Weights]


class TaughtModel(_Strict):
    """A model that was taught in the page; `features` is the content of a features.json."""

    format: Literal["posemill-taught-1"]
    classes: list[str] = Field(min_length=2)
    features: dict[str, Any]
    temperature: float = Field(gt=0)
    threshold: float = Field(ge=0, le=1)
    network: Network


class TaughtFile(_Strict):
    """Content of a file; `model` is null where nothing was trained."""

    format: Literal["posemill-taught-1"]
    created: str
    pose_network: str
    skeleton: str
    keypoints: list[str]
    classes: list[str] = Field(min_length=1)
    examples: list[Example] = Field(min_length=1)
    model: TaughtModel | None

    @property
    def body(self) -> Skeleton:
        """Skeleton of the examples."""
        return skeleton(self.skeleton)


def read_taught(path: Path) -> TaughtFile:
    """Read a file of teach mode. Errors: InputError with the first field that is wrong."""
    try:
        with untrusted(str(path), passing=(json.JSONDecodeError, ValidationError, OSError)):
            content = TaughtFile.model_validate(json.loads(read_text(path)))
    except json.JSONDecodeError as exc:
        raise InputError(f"{path} is not JSON ({exc}): expected a file that the live page's Download wrote") from exc
    except ValidationError as exc:
        error = exc.errors()[0]
        where = ".".join(str(part) for part in error["loc"]) or "the file"
        raise InputError(f"{path} is no file of teach mode: {where}: {error['msg']}") from exc
    if list(content.body.keypoints) != content.keypoints:
        raise InputError(f"{path}: skeleton {content.skeleton} has other keypoints here; download the file again")
    return content
