"""Parameters of motion capture."""

from __future__ import annotations

from pydantic import Field

from posemill.applications.params import AppParams


class MocapParams(AppParams):
    """Motion capture: filter, gaps, scale, foot lock, and the rate of streamed measurements.

    height_m            standing height of the person; None = unknown: metres then assume `assumed_height_m`.
    assumed_height_m    height that metres assume where `height_m` is unknown.
    cutoff_hz           low-pass Butterworth filter (4th order, zero lag); None = chosen for each person by the noise,
                        2 to 8 Hz; 0 = no filter.
    gap_s               gaps between two sightings of a keypoint up to so long are bridged; longer ones stay empty.
    min_confidence      keypoints less confident than this are not used.
    foot_lock           keep standing feet in place (tracks with z).
    contact_speed_m_s   a foot slower than this may stand.
    contact_height_m    a foot higher than this above its lowest place does not stand.
    contact_min_s       shortest contact.
    field_deg           horizontal field of view of the camera, for the depth of the path (tracks with z).
    report_every_s      time between two streamed measurements of an angle.
    smooth_s            half window of the streamed angles, which are reported so much later.
    """

    height_m: float | None = Field(default=None, gt=0.4, lt=2.6)
    assumed_height_m: float = Field(default=1.70, gt=0.4, lt=2.6)
    cutoff_hz: float | None = Field(default=None, ge=0, le=60)
    gap_s: float = Field(default=0.25, ge=0)
    min_confidence: float = Field(default=0.2, ge=0, le=1)
    foot_lock: bool = True
    contact_speed_m_s: float = Field(default=0.45, gt=0)
    contact_height_m: float = Field(default=0.06, gt=0)
    contact_min_s: float = Field(default=0.12, gt=0)
    field_deg: float = Field(default=50.0, gt=5, lt=150)
    report_every_s: float = Field(default=0.5, gt=0)
    smooth_s: float = Field(default=0.15, gt=0, le=1.0)
