from __future__ import annotations

import pytest

from posemill.errors import InputError
from posemill.estimation.licence import licence, obligations


def test_the_licence_is_that_of_the_backend() -> None:
    assert licence(None) == "Apache-2.0"
    assert licence("openpifpaf") == "AGPL-3.0"
    assert licence("movenet-many") == "Apache-2.0"
    assert licence("keypoint-rcnn") == "Apache-2.0 AND BSD-3-Clause"
    with pytest.raises(InputError, match="unknown pose backend"):
        licence("other")


def test_obligations_are_those_of_the_backend_alone() -> None:
    assert "must offer its source" in obligations("openpifpaf")
    assert "must offer" not in obligations("movenet-many")
