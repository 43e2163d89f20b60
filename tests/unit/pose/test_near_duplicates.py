"""The same performance is found again when shifted, scaled and trimmed, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.pose.near_duplicates import NearDuplicate, find_near_duplicates


def moving(seed: int, frames: int = 40, keypoints: int = 12) -> NDArray[np.float32]:
    """A body of its own whose keypoints swing, each at its own pace."""
    rng = np.random.default_rng(seed)
    rest, swing = rng.normal(0, 60, (keypoints, 2)), rng.normal(0, 25, (keypoints, 2))
    pace, phase = rng.uniform(0.05, 0.4, keypoints), rng.uniform(0, 6, keypoints)
    angle = np.arange(frames)[:, None] * pace + phase
    return (300 + rest + swing * np.sin(angle)[..., None]).astype(np.float32)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 99),
    scale=st.floats(0.5, 3),
    x=st.floats(-200, 900),
    start=st.integers(0, 15),
    end=st.integers(25, 40),
    swap=st.booleans(),
)
def test_a_copy_is_found(seed: int, scale: float, x: float, start: int, end: int, swap: bool) -> None:
    whole = moving(seed)
    part = np.round((whole * scale + np.float32([x, 7]))[start:end])  # whole pixels, as many files have
    pair = [part, whole] if swap else [whole, part]
    others = [moving(seed + 1000 + i) for i in range(4)]
    (copy,) = find_near_duplicates([*pair, *others], ["train", "test", "train", "test", "train", "test"])
    assert (copy.first, copy.second) == (0, 1)
    assert 0.9 * (end - start) <= copy.poses <= end - start  # rounding spoils some of a small one


def test_pieces_that_overlap_by_half_are_found_and_by_less_are_not() -> None:
    whole = moving(3, frames=90)
    assert find_near_duplicates([whole[:60], whole[30:]], ["a", "b"]) == [NearDuplicate(0, 1, 30)]
    assert find_near_duplicates([whole[:50], whole[40:]], ["a", "b"]) == []


def test_one_side_may_hold_the_same_twice() -> None:
    assert find_near_duplicates([moving(1), moving(1), moving(2)], ["train", "train", "test"]) == []


def test_another_person_who_does_the_same_is_no_copy() -> None:
    one = moving(5)
    body = np.random.default_rng(0).normal(0, 4, (12, 2)).astype(np.float32)  # some per cent of the body
    assert find_near_duplicates([one, one + body], ["train", "test"]) == []


def test_unseen_keypoints_and_frames_do_not_hide_a_copy() -> None:
    whole = moving(7)
    whole[:, 3] = np.nan
    whole[10:13] = np.nan
    assert find_near_duplicates([whole, whole * 2], ["train", "test"]) == [NearDuplicate(0, 1, 37)]


@pytest.mark.parametrize("empty", [np.zeros((0, 12, 2)), np.full((9, 12, 2), np.nan), np.full((9, 12, 2), 5.0)])
def test_who_is_hardly_seen_is_passed_over(empty: NDArray[np.float64]) -> None:
    assert find_near_duplicates([empty.astype(np.float32), moving(1), empty.astype(np.float32)], ["a", "a", "b"]) == []
    assert find_near_duplicates([], []) == []


@pytest.mark.material
def test_penn_actions_official_split_holds_no_copy_and_would_show_one(material) -> None:
    from posemill.ingest.datasets.penn_action import read_files, sequences
    from posemill.pose.skeleton import BODY_12

    found = [
        (track.to(BODY_12).xy, sequence.split)
        for sequence in sequences(read_files(material / "penn_action" / "labels.tar.gz"))
        for track in sequence.tracks.tracks
    ]
    xy, sides = [list(column) for column in zip(*found, strict=True)]
    assert find_near_duplicates(xy, sides) == []
    number = next(i for i, side in enumerate(sides) if side == "test" and len(xy[i]) > 40)
    smuggled = np.round(xy[number][5:35] * 0.6)
    assert find_near_duplicates([*xy, smuggled], [*sides, "train"]) == [NearDuplicate(number, len(xy), 30)]
