"""Parameters of the yoga identifier."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, model_validator

from posemill.applications.params import AppParams


class YogaParams(AppParams):
    """Parameters of the yoga identifier: the pose model, and the hysteresis of the hold timer."""

    local_files: ClassVar[tuple[str, ...]] = ("model",)

    model: Path | None = Field(
        default=None,
        description="folder of a package trained on still poses (prepare.window.sampling: still); null: the embedded "
        "one, which was trained on rendered people",
    )
    background: tuple[str, ...] = Field(
        default=("other", "none", "idle", "standing"), description="classes of the model that are no pose to report"
    )
    window_s: float = Field(default=0.6, gt=0, le=10, description="the pose is the median of the last so many seconds")
    enter_probability: float = Field(default=0.6, ge=0, le=1, description="from which a pose may begin")
    keep_probability: float = Field(default=0.4, ge=0, le=1, description="from which a pose that began goes on")
    min_hold_s: float = Field(default=2.0, ge=0, description="shorter is no hold")
    release_s: float = Field(default=0.7, ge=0, description="a hold survives being unseen or unsure for so long")
    still_body_lengths_per_s: float = Field(
        default=0.15, gt=0, description="mean speed of the keypoints below which a pose may begin; twice that keeps it"
    )
    min_keypoints_share: float = Field(
        default=0.65, ge=0, le=1, description="share of the model's keypoints that must be seen"
    )
    mirrored: bool = Field(default=False, description="the camera mirrors: left and right are exchanged in reports")

    @model_validator(mode="after")
    def _hysteresis(self) -> YogaParams:
        if self.keep_probability > self.enter_probability:
            raise ValueError("keep_probability should not be above enter_probability")
        return self
