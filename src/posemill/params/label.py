"""The `label` section of params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from posemill.params.section import Section
from posemill.params.tracking import TrackingParams
from posemill.params.tta import RoiPropagationParams, RotationParams, SmallPeopleParams, TTAParams, fits_stride


class LabelParams(Section):
    """Tunables of the label stage; all but those of fingerprint.UNRELATED change keypoints."""

    renamed: ClassVar[Mapping[str, str]] = {
        "looks": "tta",
        "follow_hint": "roi_propagation",
        "second_look": "rotation_fallback_threshold",
    }

    backend: str = Field(default="openpifpaf", description="name in the register of pose backends")
    checkpoint: str = Field(default="posenet", description="`posenet` (embedded), an official name, or a file")
    checkpoint_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", description="the digest it must have")
    runtime: Literal["eager", "cuda", "openvino", "onnxruntime", "opencv"] = Field(
        default="openvino",
        description="all give the same keypoints; eager is PyTorch, cuda PyTorch on a GPU, opencv for graph files only",
    )
    precision: Literal["f32", "bf16"] = Field(
        default="f32", description="bf16 is quicker (openvino only), moves keypoints by a pixel and loses people"
    )
    threads: int = Field(default=2, ge=1, le=64, description="processor cores used by network and decoder")
    batch_frames: int = Field(default=8, ge=1, le=64, description="frames decoded ahead")
    long_edge_px: int = Field(default=385, ge=129, le=2049, description="longer side given to the network; 16n + 1")
    small_people: SmallPeopleParams | Literal["auto"] | None = Field(
        default="auto",
        description="pictures of small people are posed at a longer edge; auto: with the embedded checkpoint of "
        "openpifpaf; null: never",
    )
    refine: Literal["auto", "movenet"] | None = Field(
        default="auto",
        description="pose everybody found once more in a crop; auto: by MoveNet with the embedded checkpoint of "
        "openpifpaf; null: never",
    )
    frame_stride: int = Field(default=1, ge=1, le=30, description="label every n-th frame")
    roi: tuple[float, float, float, float] | None = Field(
        default=None,
        description="left, top, right, bottom as shares 0..1 of the picture; outside nobody is looked for",
    )
    force_complete: bool = Field(default=True, description="guess keypoints that the picture does not show well")
    instance_threshold: float = Field(default=0.15, ge=0, le=1, description="people less sure are dropped")
    keypoint_threshold: float = Field(default=0.0, ge=0, le=1, description="keypoints less sure are not seen")
    seed_threshold: float = Field(default=0.2, gt=0, le=1, description="confidence of a person's first keypoint")
    rotation_fallback_threshold: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="who is less confident upright may be more so in a picture rotated by 90, 180 or 270 degrees, "
        "as people who lie are; 0 = pictures are never rotated",
    )
    rotation: RotationParams = RotationParams()
    tta: TTAParams = TTAParams()
    roi_propagation: RoiPropagationParams | None = Field(
        default=None,
        description="ROI propagation between keyframes; null: the network sees every frame whole",
    )
    chunk_s: float = Field(default=60.0, gt=0, description="longer videos are labelled in pieces of about this length")
    attempts: int = Field(default=3, ge=1, le=20, description="after so many failures a medium goes to quarantine")
    tracking: TrackingParams = TrackingParams()

    @field_validator("long_edge_px")
    @classmethod
    def _fits_stride(cls, value: int) -> int:
        return fits_stride(value)

    @field_validator("roi")
    @classmethod
    def _is_a_region(cls, value: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        if value and not (0 <= value[0] < value[2] <= 1 and 0 <= value[1] < value[3] <= 1):
            raise ValueError("should be [left, top, right, bottom] with 0 <= left < right <= 1, 0 <= top < bottom <= 1")
        return value

    @model_validator(mode="after")
    def _precision_fits(self) -> LabelParams:
        if self.precision == "bf16" and self.runtime != "openvino":
            raise ValueError(f"precision: bf16 needs runtime: openvino, came with {self.runtime}")
        return self

    @model_validator(mode="after")
    def _small_people_fit(self) -> LabelParams:
        if isinstance(self.small_people, SmallPeopleParams) and self.small_people.long_edge_px <= self.long_edge_px:
            raise ValueError(
                f"small_people.long_edge_px should be over long_edge_px, {self.long_edge_px}, "
                f"came {self.small_people.long_edge_px}"
            )
        return self

    @model_validator(mode="after")
    def _hint_fits(self) -> LabelParams:
        if self.roi_propagation and self.tta.enabled:
            raise ValueError("roi_propagation and tta (scales_px, flip, crop_px) do not go together: take one")
        return self
