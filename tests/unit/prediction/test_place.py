"""Where in the picture a person is, from tracks whose places are known."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.pose.skeleton import COCO_17
from posemill.pose.track import PoseTrack
from posemill.prediction.place import third, usual_box


def standing_at(x_px: float, frames: int = 9) -> PoseTrack:
    """Keypoints on the edges of a box of 40 x 160 pixels, `x_px` from the left."""
    xy = np.zeros((frames, 17, 2), np.float32)
    xy[..., 0] = x_px + np.linspace(-20, 20, 17)
    xy[..., 1] = 100 + np.linspace(0, 160, 17)
    return PoseTrack.from_numpy(xy, COCO_17, fps=25)


def test_the_box_is_that_of_most_poses() -> None:
    track = standing_at(320)
    track.xy[0] += 100  # one stray pose
    assert usual_box(track) == [300.0, 100.0, 340.0, 260.0]


def test_nobody_has_no_box_and_no_place() -> None:
    assert usual_box(standing_at(320).between(5.0, 6.0)) is None
    assert third(None, 640) is None


@pytest.mark.parametrize(
    ("x_px", "place"), [(100, "left"), (320, "middle"), (600, "right"), (640, "right"), (0, "left")]
)
def test_thirds_of_the_picture(x_px: float, place: str) -> None:
    assert third(usual_box(standing_at(x_px)), 640) == place
