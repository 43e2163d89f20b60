"""The `validate` section of params.yaml. Limits that judge data are in expectations/, as reviewed JSON."""

from pydantic import Field

from posemill.params.section import Section


class ValidateParams(Section):
    """Tolerances of the track measurements, and the size of the exploration report."""

    image_tolerance: float = Field(default=0.1, ge=0, le=1)  # of the picture's side; a keypoint beyond it is outside
    bone_jump_ratio: float = Field(default=2.0, gt=1)  # longer or shorter than in the pose before
    contact_sheet_clips: int = Field(default=6, ge=1, le=24)  # drawn clips an activity in exploration.html
