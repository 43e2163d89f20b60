import numpy as np

from posemill.pose.geometry import bone_lengths, box_size
from posemill.pose.skeleton import BODY_12


def test_bone_length_by_pythagoras() -> None:
    xy = np.zeros((12, 2), np.float32)
    xy[BODY_12.index("left_elbow")] = (3, 4)
    lengths = dict(zip(BODY_12.edges, bone_lengths(xy, BODY_12).tolist(), strict=True))
    assert lengths[("left_shoulder", "left_elbow")] == 5
    assert lengths[("right_shoulder", "right_elbow")] == 0


def test_sides_leave_unseen_keypoints_out() -> None:
    xy = np.array([[[0, 0], [10, 4], [np.nan, np.nan]], [[np.nan] * 2] * 3], np.float32)
    assert box_size(xy).tolist() == [[10, 4], [0, 0]]
