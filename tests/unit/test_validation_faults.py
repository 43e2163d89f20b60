"""The phrase about a ValidationError of pydantic."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, ValidationError

from posemill.errors import validation_faults


class Inner(BaseModel):
    share: float = Field(ge=0, le=1)


class Outer(BaseModel):
    inner: Inner
    count: int


def test_every_fault_is_named_with_its_field() -> None:
    with pytest.raises(ValidationError) as wrong:
        Outer.model_validate({"inner": {"share": 2}, "count": "many"})
    said = validation_faults(wrong.value, "train.", given=True)
    first, second = said.split("; ")
    assert first.startswith("train.inner.share: ")
    assert first.endswith("(got 2)")
    assert second.startswith("train.count: ")
    assert second.endswith("(got 'many')")
    assert "(got" not in validation_faults(wrong.value)
    assert "train" not in validation_faults(wrong.value)
