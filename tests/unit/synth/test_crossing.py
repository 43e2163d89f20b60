"""People who cross: exact, different every seed, the nearer one in front."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17
from posemill.synth.corpus import HIDDEN
from posemill.synth.crossing import crossing

SEEDS = range(4)


def middle(track: object, frame: int) -> float:
    row = int(np.flatnonzero(track.frame == frame)[0])  # type: ignore[attr-defined]
    return float(np.nanmean(track.xy[row, :, 0]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", SEEDS)
def test_neighbours_walk_in_opposite_directions_and_pass_each_other(seed: int) -> None:
    scene = crossing(seed)
    one, two = scene.truth
    both = np.intersect1d(one.frame, two.frame)
    first, last = int(both[0]), int(both[-1])
    assert len(both) > 0.4 * scene.frames
    assert (middle(one, first) - middle(two, first)) * (middle(one, last) - middle(two, last)) < 0


@pytest.mark.parametrize("people", [2, 3])
def test_only_who_is_farther_away_is_hidden(people: int) -> None:
    for seed in SEEDS:
        scene = crossing(seed, people)
        hidden = [int((t.confidence == HIDDEN).sum()) for t in scene.truth]
        assert hidden[0] == 0
        assert max(hidden[1:]) > 10


def test_keypoints_lie_on_the_drawn_people() -> None:
    scene = crossing(1)
    images = list(scene.images())
    assert len(images) == scene.frames
    still = np.median(images, axis=0)  # the room without people: nobody stays
    wrist, hip = COCO_17.index("left_wrist"), COCO_17.index("left_hip")
    on = []
    for track in scene.truth:
        for row in range(20, len(track) - 20, 5):
            for keypoint in (wrist, hip):
                if track.confidence[row, keypoint] == 1:
                    x, y = track.xy[row, keypoint].round().astype(int)
                    patch = images[track.frame[row]][max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].astype(float)
                    on.append(np.abs(patch.mean((0, 1)) - still[y, x]).max() > 12)
    assert len(on) > 30
    assert np.mean(on) > 0.85


def test_a_seed_is_a_scene(tmp_path: Path) -> None:
    one, same, other = crossing(3), crossing(3), crossing(4)
    np.testing.assert_array_equal(one.truth[0].xy, same.truth[0].xy)
    np.testing.assert_array_equal(next(one.images()), next(same.images()))
    assert one.truth[0].xy.shape != other.truth[0].xy.shape or not np.array_equal(
        one.truth[0].xy, other.truth[0].xy, equal_nan=True
    )
    tracks = one.tracks("m" * 64)
    assert (tracks.width_px, tracks.height_px, tracks.frames) == (one.width_px, one.height_px, one.frames)


@pytest.mark.parametrize(("seed", "people"), [(-1, 2), (0, 1)])
def test_a_crossing_needs_two(seed: int, people: int) -> None:
    with pytest.raises(InputError, match="2 people or more"):
        crossing(seed, people)
