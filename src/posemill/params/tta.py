"""The `label.tta`, `label.small_people`, `label.rotation` and `label.roi_propagation` sections of params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, field_validator

from posemill.params.section import Section

MULTIPLE = 16


def fits_stride(value: int) -> int:
    """The value, which must be 16n + 1: such pictures fit the cells of a network exactly."""
    if value % MULTIPLE != 1:
        below = (value - 1) // MULTIPLE * MULTIPLE + 1
        raise ValueError(f"should be 16n + 1, such as {below} or {below + MULTIPLE}")
    return value


class TTAParams(Section):
    """Test-time augmentation: further scales, flips and crops beside `long_edge_px`; each costs as much again."""

    renamed: ClassVar[Mapping[str, str]] = {"also_px": "scales_px", "mirrored": "flip", "close_up_px": "crop_px"}

    scales_px: tuple[int, ...] = Field(default=(), description="long edges of further scales, 16n + 1 each")
    flip: bool = Field(default=False, description="every scale once more, flipped")
    crop_px: int | None = Field(
        default=None, ge=129, le=2049, description="long edge of a crop around everybody found; null: no crops"
    )

    @field_validator("scales_px")
    @classmethod
    def _fit(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(fits_stride(px) for px in value)

    @field_validator("crop_px")
    @classmethod
    def _fits(cls, value: int | None) -> int | None:
        return None if value is None else fits_stride(value)

    @property
    def enabled(self) -> bool:
        """True if any frame is seen more than once."""
        return bool(self.scales_px or self.flip or self.crop_px)


class SmallPeopleParams(Section):
    """Input size by the size of the people: pictures in which somebody is small are posed at a longer edge too."""

    long_edge_px: int = Field(default=641, ge=129, le=2049, description="longer side for such pictures, 16n + 1")
    below_px: float = Field(
        default=80, gt=0, le=2049, description="longer side of a small person in the network's usual input"
    )

    @field_validator("long_edge_px")
    @classmethod
    def _fits_stride(cls, value: int) -> int:
        return fits_stride(value)


class RotationParams(Section):
    """Rotation: between keyframes everybody is posed in the orientation that showed them upright at the keyframe."""

    keyframe_interval: int = Field(
        default=48, ge=2, le=256, description="frames; a keyframe is posed in four orientations, which costs 4 frames"
    )


class RoiPropagationParams(Section):
    """ROI propagation: between keyframes the network runs on the regions of the people in the frame before."""

    renamed: ClassVar[Mapping[str, str]] = {"full_look_every": "keyframe_interval"}

    keyframe_interval: int = Field(
        default=8, ge=2, le=64, description="frames; who comes in is found at the next keyframe at the latest"
    )
    margin: float = Field(
        default=0.35, ge=0.1, le=2, description="of a person's longer side, around that person on every side"
    )
