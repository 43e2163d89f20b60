"""What the OpenAPI page says of answers."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from posemill.serving.openapi import JSON, _content
from posemill.serving.schemas.activity import Problem
from posemill.serving.schemas.examples import EXAMPLES


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_an_example_is_a_valid_answer(model: type[BaseModel]) -> None:
    assert model.model_validate(EXAMPLES[model]).model_dump(exclude_unset=True) == EXAMPLES[model]


def test_examples_stand_beside_their_schema() -> None:
    assert _content({JSON: Problem, "text/plain": {"type": "string"}}) == {
        JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": EXAMPLES[Problem]},
        "text/plain": {"schema": {"type": "string"}},
    }
