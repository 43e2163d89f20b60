"""The `shadow` section of params.yaml."""

from pydantic import Field

from posemill.params.section import Section


class ShadowParams(Section):
    """Limits of a challenger that runs beside the released model, on the same live requests. Null switches one off.

    Agreement is not accuracy: a better model disagrees where the released one errs. These limits find a challenger that
    is another thing than was meant, or too slow; whether it is better is for `posemill models promote` to say.
    """

    since_days: float = Field(default=7.0, gt=0, description="how far back comparisons are looked at")
    min_windows: int = Field(default=200, ge=10, description="fewer compared windows say too little; nothing is judged")
    min_agreement: float | None = Field(default=0.8, ge=0, le=1, description="share of windows with the same activity")
    max_latency_ratio: float | None = Field(default=1.5, gt=0, description="of the medians, challenger to champion")
    max_activity_psi: float | None = Field(default=0.25, gt=0, description="of the mix of activities")
    max_confidence_psi: float | None = Field(default=0.4, gt=0, description="of the probability of answers")
    max_failed_share: float | None = Field(default=0.001, ge=0, le=1, description="of answers, crashes and time-outs")
