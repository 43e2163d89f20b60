"""Former names of fields: both come, either may be given, and the schema marks them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from posemill.serving.schemas.activity import VideoAnswer
from posemill.serving.schemas.analysis import FoundPose
from posemill.serving.schemas.feedback import Feedback
from posemill.serving.schemas.provenance import Provenance

PROVENANCE = Provenance.of("b:1", dict.fromkeys(("model", "features", "classes"), "0" * 64)).model_dump()
FACTS = {"width_px": 4, "height_px": 2, "frames": 1, "duration_s": 1.5, "skeleton": "coco-17"}


@pytest.mark.parametrize("provenance", ["provenance", "receipt"])
@pytest.mark.parametrize("subject", ["main_subject", "acting_person"])
def test_answers_have_both_names(provenance: str, subject: str) -> None:
    answer = VideoAnswer.model_validate(
        {"video": FACTS, "verdict": None, "people": [], provenance: PROVENANCE, subject: 3}
    ).model_dump()
    assert (answer["provenance"], answer["receipt"]) == (PROVENANCE, PROVENANCE)
    assert (answer["main_subject"], answer["acting_person"]) == (3, 3)


@pytest.mark.parametrize("name", ["provenance", "receipt"])
def test_feedback_takes_either(name: str) -> None:
    fields = {"start_s": 0, "end_s": 1, "right": True}
    assert Feedback.model_validate({**fields, name: PROVENANCE}).provenance.bento == "b:1"
    with pytest.raises(ValidationError, match="provenance"):
        Feedback.model_validate(fields)
    with pytest.raises(ValidationError, match="its id is not that of its other fields"):
        Feedback.model_validate({**fields, name: PROVENANCE | {"model": "1" * 64}})


@pytest.mark.parametrize(
    ("model", "name"), [(VideoAnswer, "receipt"), (VideoAnswer, "acting_person"), (FoundPose, "score")]
)
def test_former_names_are_deprecated_in_the_schema(model: type[VideoAnswer], name: str) -> None:
    assert model.model_json_schema()["properties"][name]["deprecated"] is True
