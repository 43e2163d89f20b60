"""Parameters of the fall alarm. Lengths are in body lengths: the height of the standing person in the picture."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from posemill.applications.fall.activity import EMBEDDED
from posemill.applications.params import AppParams
from posemill.pose.polygon import Corner


def _valid(polygon: tuple[Corner, ...]) -> tuple[Corner, ...]:
    if len(polygon) < 3:
        raise ValueError(f"a zone should have at least three corners, has {len(polygon)}")
    if any(not 0 <= share <= 1 for corner in polygon for share in corner):
        raise ValueError("corners of a zone should be shares of the picture, 0..1")
    return polygon


Polygon = Annotated[tuple[Corner, ...], AfterValidator(_valid)]


class FallParams(AppParams):
    """Parameters of the fall alarm; presets in `presets/` set zones and times for a room."""

    local_files: ClassVar[tuple[str, ...]] = ("model",)

    alarm_after_s: float = Field(
        default=1.2,
        gt=0,
        le=60,
        description="alarm after so long on the floor without getting up; time in doubt counts in part",
    )
    lost_alarm_after_s: float = Field(
        default=2.0, gt=0, le=60, description="suspect a fall of who is not seen for so long after a fast descent"
    )
    long_lie_s: float = Field(default=60.0, gt=0, description="a second alarm after so long on the floor")
    lying_still_s: float | None = Field(
        default=300.0,
        gt=0,
        description="warn of a person who lies still outside a bed for so long without a fall having been seen; "
        "null = never",
    )
    got_up_s: float = Field(default=1.0, gt=0, le=30, description="upright for so long clears the alarm")
    min_drop_body_lengths: float = Field(
        default=0.12, gt=0, le=1, description="the head comes down by at least so much in a fall"
    )
    min_speed_body_lengths_per_s: float = Field(
        default=0.2, gt=0, description="the head comes down at least so fast in a fall"
    )
    max_descent_s: float = Field(
        default=2.0, gt=0, le=4, description="longest time from upright to the floor in a fall"
    )
    fall_evidence: float = Field(
        default=0.98, gt=0, lt=1, description="evidence from which a posture after a descent counts as a fall, 0..1"
    )
    evidence_fades_per_s: float = Field(
        default=3.0,
        gt=0,
        description="clear evidence fades by so many log odds a second; as poses of who lies are poor",
    )
    bed_zones: tuple[Polygon, ...] = Field(
        default=(), description="beds and sofas as polygons of (x, y), shares of the picture; lying there is no fall"
    )
    floor_zones: tuple[Polygon, ...] = Field(
        default=(), description="the floor to watch, as such polygons; none = the whole picture outside the beds"
    )
    exit_zones: tuple[Polygon, ...] = Field(
        default=(), description="doors within the picture, as such polygons; who vanishes there has left"
    )
    model: str | None = Field(
        default=EMBEDDED,
        description="activity model: `embedded`, the folder of a package, or null for geometry alone",
    )
    min_keypoint_confidence: float = Field(default=0.1, ge=0, le=1, description="keypoints below count as not seen")
    min_body_px: float = Field(default=40.0, gt=0, description="a smaller person cannot be judged, standing height")
    cannot_judge_s: float = Field(default=2.0, gt=0, description="report that a person cannot be judged after so long")
