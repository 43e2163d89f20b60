"""Guessed limbs: which keypoints they change, where they are put, and what is left alone."""

from __future__ import annotations

import numpy as np

from posemill.pose.skeleton import COCO_17
from posemill.synth.misplaced import at_the_border, misplaced

LIMBS = [COCO_17.index(f"{side}_{part}") for side in ("left", "right") for part in ("elbow", "wrist", "knee", "ankle")]
OTHERS = [k for k in range(17) if k not in LIMBS]


def _standing(frames: int = 300) -> np.ndarray:
    """(T, 17, 2) pixels of somebody who stands still, 200 px tall; no two keypoints in one place."""
    heights = {"nose": 20, "eye": 15, "ear": 18, "shoulder": 60, "elbow": 90, "wrist": 120, "hip": 120, "knee": 170}
    xy = np.zeros((17, 2))
    for number, name in enumerate(COCO_17.keypoints):
        side, part = {"left": 1, "right": -1}.get(name.split("_")[0], 0), name.split("_")[-1]
        xy[number] = 100 + side * (30 + 5 * (part == "wrist")), 20 + heights.get(part, 215)
    return np.repeat(xy[None], frames, 0)


def test_guesses_are_of_limbs_alone_and_marked() -> None:
    xy, spells = _standing(), 0
    for seed in range(10):
        out, guessed = misplaced(xy, 30.0, np.random.default_rng(seed))
        assert np.isfinite(out).all()
        np.testing.assert_array_equal(out[:, OTHERS], xy[:, OTHERS])
        np.testing.assert_array_equal(out[guessed == 0], xy[guessed == 0])
        assert not guessed[:, OTHERS].any()
        spells += int(np.diff(guessed[:, LIMBS], axis=0).clip(0).sum())
    assert spells > 20  # some a second, in a hundred seconds of eight keypoints


def test_limbs_of_somebody_who_lies_are_guessed_more_often() -> None:
    standing = _standing()
    lying = standing[..., ::-1].copy()
    shares = [
        np.mean([misplaced(xy, 30.0, np.random.default_rng(seed))[1][:, LIMBS].mean() for seed in range(20)])
        for xy in (standing, lying)
    ]
    assert shares[1] > 1.5 * shares[0]


def test_cut_off_feet_are_put_at_the_border_and_marked() -> None:
    xy, ankle = _standing(), COCO_17.index("left_ankle")
    size = (200, 225)  # the ankles are 10 px below it
    out, put = at_the_border(xy, size, 30.0, np.random.default_rng(1))
    assert put[:, ankle].mean() > 0.5
    assert (out[put] >= 0).all()
    assert (out[put] <= np.array(size) - 1).all()
    np.testing.assert_array_equal(out[~put], xy[~put])
    assert not put[:, OTHERS].any()


def test_somebody_who_is_hardly_in_the_picture_is_left_out_of_it() -> None:
    xy = _standing() + np.array([0.0, 250.0])
    out, put = at_the_border(xy, (300, 275), 30.0, np.random.default_rng(1))
    assert ((xy[0, :, 1] < 275).sum()) < 4
    assert not put.any()
    np.testing.assert_array_equal(out, xy)
