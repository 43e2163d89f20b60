"""The `monitor` section of params.yaml."""

from pydantic import Field

from posemill.params.section import Section


class MonitorParams(Section):
    """Drift limits: how far live data may be from the training data. Null switches a limit off.

    PSI is the population stability index over ten parts of the training data: of many independent values, below 0.1
    little has changed, above 0.25 much has. A few other people alone make up to that, hence the limit. KS is the
    largest distance of the two distributions, 0..1. Both are sizes of a difference, not tests of whether there is one:
    windows of the same clip resemble each other, so a test would be sure of anything.
    """

    since_days: float = Field(default=7.0, gt=0, description="how far back answers are looked at")
    min_windows: int = Field(default=200, ge=10, description="fewer sampled windows say too little; nothing is judged")
    max_psi: float | None = Field(default=0.4, gt=0, description="of body size, missing keypoints and confidence")
    max_ks: float | None = Field(default=0.3, gt=0, le=1, description="of the same")
    max_activity_psi: float | None = Field(default=0.5, gt=0, description="of the mix of activities")
