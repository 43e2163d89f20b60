"""Description of a pose network in an ONNX file: what goes in, what comes out, which keypoints.

It is a JSON file beside the network, of the same name (`rtmpose-s.onnx`, `rtmpose-s.json`). Ready ones for the
published exports of four families are in `presets/`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from posemill.errors import CheckpointError, SkeletonError, validation_faults
from posemill.pose.definition import defined
from posemill.pose.skeleton import Skeleton

FORMAT = "posemill-pose-network-1"
PRESETS = Path(__file__).parent / "presets"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputDescription(_Part):
    """Picture that the network takes.

    width, height  pixels.
    colours    order of the channels; the picture's are red, green, blue.
    mean, std  of every channel, in that order, of values 0 to 255: (value - mean) / std.
    fit        `crop`: a crop around each person, whom another network finds. `letterbox`: the whole picture, its longer
               side fitted and the rest filled.
    padding    of a crop: its sides over those of the person's box.
    unbiased   of a crop: pixels are points and not areas (UDP), so that its outermost pixels' middles are its border.
    align      of a letterbox: where the picture lies in it.
    fill       value of what lies around the picture.
    """

    width: int = Field(ge=16, le=4096)
    height: int = Field(ge=16, le=4096)
    colours: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fit: Literal["crop", "letterbox"]
    padding: float = Field(default=1.25, ge=1, le=3)
    unbiased: bool = False
    align: Literal["centre", "top-left"] = "centre"
    fill: float = Field(default=0.0, ge=0, le=255)

    @field_validator("std")
    @classmethod
    def _above_zero(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(value) <= 0:
            raise ValueError("should be above 0")
        return value


class OutputDescription(_Part):
    """Outputs of the network.

    kind    simcc: two outputs (1, K, bins), x and y of every keypoint by itself (RTMPose).
            heatmap: (1, K, h, w) (ViTPose, HRNet).
            candidates: (1, 4 + 1 + 3K, N), boxes (middle and sides), confidence, keypoints with confidence, before
            non-maximum suppression (YOLO-pose).
            people: boxes with confidence (1, N, 5), and keypoints with confidence (1, N, K, 3) (RTMO).
    split   of simcc: bins a pixel.
    refine  of heatmap: none, a quarter of a cell towards the higher neighbour, or dark (a parabola through the
            logarithm of the blurred map).
    blur    of dark: side of the Gaussian kernel, cells.
    iou     of candidates: intersection over union from which two boxes are of one person.
    """

    kind: Literal["simcc", "heatmap", "candidates", "people"]
    split: float = Field(default=2.0, gt=0)
    refine: Literal["none", "quarter", "dark"] = "quarter"
    blur: int = Field(default=11, ge=3, le=31)
    iou: float = Field(default=0.7, gt=0, le=1)


class NetworkDescription(_Part):
    """Description of one network.

    network, licence  for people: what it is, and whose terms its weights have.
    skeleton  name of a known skeleton, or its definition, in the order of the network's keypoints.
    """

    format: Literal["posemill-pose-network-1"]
    network: str
    licence: str = "not said"
    skeleton: str | dict[str, Any] = "coco-17"
    input: InputDescription
    output: OutputDescription

    @model_validator(mode="after")
    def _fits(self) -> NetworkDescription:
        whole = self.output.kind in ("candidates", "people")
        if whole != (self.input.fit == "letterbox"):
            raise ValueError(
                f"output {self.output.kind} goes with input.fit: {'letterbox' if whole else 'crop'}, came "
                f"{self.input.fit}"
            )
        return self

    @property
    def body(self) -> Skeleton:
        """Skeleton of the network's keypoints."""
        return defined(self.skeleton)


def read_description(network: Path) -> NetworkDescription:
    """Read the description beside a network file. Errors: CheckpointError where there is none, or it does not fit."""
    path = network.with_suffix(".json")
    if not path.is_file():
        ready = ", ".join(sorted(p.stem for p in PRESETS.glob("*.json")))
        raise CheckpointError(
            f"no {path.name} beside {network.name}: a pose network in an ONNX file needs a description; copy that of "
            f"its family ({ready}) from {PRESETS} and correct the sizes"
        )
    try:
        described = NetworkDescription.model_validate(json.loads(path.read_text()))
        _ = described.body
    except ValidationError as exc:
        raise CheckpointError(f"{path}: {validation_faults(exc)}") from exc
    except (json.JSONDecodeError, UnicodeDecodeError, SkeletonError) as exc:
        raise CheckpointError(f"{path} is no description of a pose network: {exc}") from exc
    return described
