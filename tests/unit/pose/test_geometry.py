import numpy as np

from posemill.pose.geometry import bone_lengths, fill_in_time, sides
from posemill.pose.skeleton import BODY_12


def test_bone_length_by_pythagoras() -> None:
    xy = np.zeros((12, 2), np.float32)
    xy[BODY_12.index("left_elbow")] = (3, 4)
    lengths = dict(zip(BODY_12.edges, bone_lengths(xy, BODY_12).tolist(), strict=True))
    assert lengths[("left_shoulder", "left_elbow")] == 5
    assert lengths[("right_shoulder", "right_elbow")] == 0


def test_sides_leave_unseen_keypoints_out() -> None:
    xy = np.array([[[0, 0], [10, 4], [np.nan, np.nan]], [[np.nan] * 2] * 3], np.float32)
    assert sides(xy).tolist() == [[10, 4], [0, 0]]


def test_gaps_are_filled_linearly_and_held_at_the_ends() -> None:
    x = np.full((1, 6, 2, 2), np.nan, np.float32)
    x[0, 1, 0], x[0, 4, 0] = (0, 10), (3, 40)
    filled = fill_in_time(x)
    assert filled[0, :, 0, 0].tolist() == [0, 0, 1, 2, 3, 3]
    assert filled[0, :, 0, 1].tolist() == [10, 10, 20, 30, 40, 40]
    assert np.isnan(filled[0, :, 1]).all()
