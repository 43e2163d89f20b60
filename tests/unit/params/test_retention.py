"""Retention in params.yaml: datasets say what differs, and videos end no later than all of a medium."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from posemill.params.retention import RetentionParams


def test_a_dataset_says_what_differs() -> None:
    params = RetentionParams.model_validate({"media": 30, "tracks": 90, "datasets": {"ward": {"media": None}}})
    assert (params.of("gym").media, params.of("gym").tracks) == (30, 90)
    assert (params.of("ward").media, params.of("ward").tracks) == (None, 90)


@pytest.mark.parametrize(
    "given",
    [
        {"media": 0},
        {"media": 90, "tracks": 30},
        {"tracks": 30, "datasets": {"ward": {"media": 31}}},
        {"datasets": {"ward": {"uploads": 3}}},
        {"video": 3},
    ],
)
def test_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RetentionParams.model_validate(given)
