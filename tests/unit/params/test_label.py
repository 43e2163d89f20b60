"""The label section."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from posemill.params.label import LabelParams


def test_the_long_edge_fits_the_network_or_says_what_would() -> None:
    assert LabelParams(long_edge_px=513).long_edge_px == 513
    with pytest.raises(ValidationError, match="such as 497 or 513"):
        LabelParams(long_edge_px=512)


@pytest.mark.parametrize(
    "wrong", [{"runtime": "tensorrt"}, {"threads": 0}, {"checkpoint_sha256": "abc"}, {"tracking": {"min_ok": 1}}]
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LabelParams.model_validate(wrong)
