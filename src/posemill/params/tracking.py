"""The `label.tracking` section of params.yaml."""

from __future__ import annotations

from pydantic import Field

from posemill.params.section import Section


class TrackingParams(Section):
    """Tracking by OKS: poses of successive frames become tracks of people."""

    min_oks: float = Field(default=0.3, gt=0, lt=1, description="similarity from which poses may be the same person")
    max_gap_s: float = Field(
        default=1.0,
        ge=0,
        description="a person not found for longer comes back as a new one; when a whole video is "
        "tracked, pieces up to 2.5 times as far apart are linked where both sides fit",
    )
    min_duration_s: float = Field(default=0.3, ge=0, description="shorter tracks are dropped")
    min_poses: int = Field(default=3, ge=1, description="tracks of fewer poses are dropped")
    interpolate_s: float = Field(
        default=0.2, ge=0, description="gaps up to this are filled with rows marked as interpolated; 0 = none"
    )
    double_oks: float = Field(
        default=0.6, gt=0, le=1, description="poses of one frame this similar show one body; 1 = never"
    )
