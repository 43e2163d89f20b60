"""Parameters of body ratios."""

from __future__ import annotations

from pydantic import Field, model_validator

from posemill.applications.params import AppParams


class RatiosParams(AppParams):
    """Body ratios: the scale, what counts as seen, and how often results are reported.

    height_m         standing height of the person, for lengths in metres; None = unknown.
    px_per_m         scale at the person's distance, from a marker in the picture; None = unknown. Not with height_m.
    min_confidence   keypoints less confident than this are not used.
    min_frames       a segment seen in fewer frames is not measured.
    keypoint_offset_body_lengths  constant error of keypoints that no number of frames shows, one standard deviation in
                     standing heights; part of every interval.
    max_depth_share  tracks with z: frames in which depth is more than this share of a segment's length are left out.
    widest_percent   a ratio whose 95 % interval is wider than this (half width) is not reported as measured.
    field_deg        horizontal field of view of the camera, for tracks with z.
    report_every_s   time between two reports; the last is at the end.
    """

    height_m: float | None = Field(default=None, gt=0.4, lt=2.6)
    px_per_m: float | None = Field(default=None, gt=0)
    min_confidence: float = Field(default=0.3, ge=0, le=1)
    min_frames: int = Field(default=30, ge=10)
    keypoint_offset_body_lengths: float = Field(default=0.005, ge=0, le=0.05)
    max_depth_share: float = Field(default=0.6, gt=0.1, le=1)
    widest_percent: float = Field(default=20.0, gt=0)
    field_deg: float = Field(default=50.0, gt=5, lt=150)
    report_every_s: float = Field(default=10.0, gt=0)

    @model_validator(mode="after")
    def _one_scale(self) -> RatiosParams:
        if self.height_m is not None and self.px_per_m is not None:
            raise ValueError("give height_m or px_per_m, not both: they could contradict each other")
        return self
