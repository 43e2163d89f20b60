"""The `prepare` section of params.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from posemill.params.section import Section

AUTO: Literal["auto"] = "auto"


class WindowParams(Section):
    """Sliding windows over tracks; posemill.pose.window.WindowSpec explains each figure.

    scales  `auto`: 1, and 0.5 too where a quarter of the clips for training are shorter than a window.
    """

    sampling: Literal["time", "clip", "still"] = "time"
    duration_s: float = Field(default=2.0, gt=0)
    stride_s: float = Field(default=0.25, gt=0)
    rate_hz: float = Field(default=24.0, gt=0)
    clip_frames: int = Field(default=64, ge=4)
    scales: Literal["auto"] | tuple[float, ...] = AUTO
    gap_s: float = Field(default=0.5, gt=0)
    smooth_s: float = Field(default=0.1, ge=0)
    min_seen: float = Field(default=0.3, ge=0, le=1)
    smoothing: Literal["gaussian", "butterworth", "kalman", "one_euro"] = "gaussian"


class SplitParams(Section):
    """Shares of the subjects; a dataset with an official split gets its validation from the official train part."""

    validation: float = Field(default=0.15, gt=0, lt=0.5)
    test: float = Field(default=0.25, gt=0, lt=0.5)
    seed: int = 0
    by: Literal["subject", "camera", "setup"] = Field(
        default="subject",
        description="what tells the test split from training: whoever is in it, or, as published protocols have it, "
        "the camera or the set-up, with the same subjects on both sides",
    )


class PrepareParams(Section):
    """Tunables of the prepare stage.

    skeleton  of the windows; a track of another skeleton is converted by name. `auto`: as the data has it, the tracks'
              own where they share one, else the keypoints that all of them have.
    coordinates  of the windows: 2 for x and y, 3 for z too; `auto`: 3 where all tracks have z, else 2.
    people  in a window: 2 adds whoever is nearest, for what people do together; `auto`: 2 where nine clips of ten have
            just two people, as data sets of interactions do, else 1.
    activities  the classes, in output order; empty = all activities of the clips, sorted by name.
    unknown     activities that are kept out of training: their clips measure whether the model says "none of these".
    """

    skeleton: str = "body-12"
    coordinates: Literal["auto", 2, 3] = AUTO
    people: Literal["auto", 1, 2] = AUTO
    activities: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    window: WindowParams = WindowParams()
    split: SplitParams = SplitParams()

    @model_validator(mode="after")
    def _unknown_are_no_classes(self) -> PrepareParams:
        if both := [name for name in self.unknown if name in self.activities]:
            raise ValueError(f"{', '.join(both)} cannot be in both activities and unknown")
        return self

    @model_validator(mode="after")
    def _known_skeleton(self) -> PrepareParams:
        from posemill.pose.skeleton import SKELETONS

        if self.skeleton not in (AUTO, *SKELETONS):
            raise ValueError(f"unknown skeleton {self.skeleton!r}; known are {AUTO}, {', '.join(SKELETONS)}")
        return self
