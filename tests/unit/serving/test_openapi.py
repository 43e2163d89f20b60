"""What the OpenAPI page says of answers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from posemill.serving.app import add_examples
from posemill.serving.schemas.activity import Problem
from posemill.serving.schemas.examples import EXAMPLES


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_an_example_is_a_valid_answer(model: type[BaseModel]) -> None:
    assert model.model_validate(EXAMPLES[model]).model_dump(exclude_unset=True) == EXAMPLES[model]


def test_examples_stand_in_their_schema() -> None:
    schemas: dict[str, dict[str, Any]] = {"Problem": {"type": "object"}, "Other": {"type": "string"}}
    add_examples(schemas)
    assert schemas == {
        "Problem": {"type": "object", "example": EXAMPLES[Problem]},
        "Other": {"type": "string"},
    }
