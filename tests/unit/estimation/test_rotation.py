"""Pictures turned on their side, and the poses that come back from there."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.estimation.postprocess import nms
from posemill.estimation.tta.rotation import RotatedView, rotated_long_edge
from posemill.estimation.types import Pose


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_a_bright_spot_comes_back_to_where_it_is(quarter_turns: int) -> None:
    image = np.zeros((120, 200, 3), np.uint8)
    image[28:33, 148:153] = 255
    view = RotatedView(image, quarter_turns, 257)
    plane = view.network_input()[..., 0]
    y, x = np.argwhere(plane > 200).mean(0)
    assert view.to_image(np.array([[x, y]], np.float32))[0] == pytest.approx([150, 30], abs=1)


def test_turned_views_are_smaller_and_fit_the_network() -> None:
    assert [rotated_long_edge(edge) for edge in (257, 385, 513)] == [193, 289, 385]


def test_the_surest_pose_of_everybody_stays() -> None:
    def pose(x: float, confidence: float) -> Pose:
        xy = np.random.default_rng(0).uniform(0, 50, (17, 2)).astype(np.float32) + np.array([x, 0], np.float32)
        return Pose(xy, np.ones(17, np.float32), confidence)

    poses = [pose(0, 0.3), pose(5, 0.6), pose(100, 0.2)]
    assert [p.person_confidence for p in nms(poses)] == [0.6, 0.2]
