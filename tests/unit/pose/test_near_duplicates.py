"""The same performance is found again when shifted, scaled and trimmed, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.pose import near_duplicates
from posemill.pose.near_duplicates import NearDuplicate, PerformanceStore, find_near_duplicates


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


Kind = Literal["moving", "still", "slow"]


def performed(rng: np.random.Generator, kind: Kind) -> NDArray[np.float64]:
    """Somebody who moves, stands with a tremor, or drifts: (T, 12, 2) for 5 to 90 poses."""
    frames = int(rng.integers(5, 91))
    time, body = np.arange(frames)[:, None, None], rng.normal(0, 60, (12, 2))
    if kind == "still":
        return np.asarray(body + rng.normal(0, 0.3, (frames, 12, 2)))
    if kind == "slow":
        return np.asarray(body + time * rng.normal(0, 0.3, (12, 2)))
    angle = time * rng.uniform(0.05, 0.4, (12, 1)) + rng.uniform(0, 6, (12, 1))
    return np.asarray(body + rng.normal(0, 25, (12, 2)) * np.sin(angle))


def copied(rng: np.random.Generator, whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half of it or more, at another scale, with noise up to what is still a copy."""
    poses = max(5, int(len(whole) * rng.uniform(0.5, 1)))
    start, scale = int(rng.integers(0, len(whole) - poses + 1)), rng.uniform(0.4, 2)
    spread = np.sqrt(((whole - whole.mean(1, keepdims=True)) ** 2).sum(-1).mean())
    noise = rng.uniform(0, 1) * near_duplicates.TOLERANCE * spread / np.sqrt(2)
    return np.asarray(scale * (whole[start : start + poses] + rng.normal(0, noise, (poses, 12, 2))))


def by_all_pairs(performances: list[NDArray[np.float32]], sides: list[str]) -> dict[tuple[int, int], int]:
    """Every performance laid over every other at every offset: poses shared by pair."""
    shapes = [near_duplicates._shapes(xy) for xy in performances]
    found: dict[tuple[int, int], int] = {}
    for i, one in enumerate(shapes):
        for j, other in enumerate(shapes[i + 1 :], i + 1):
            if sides[i] != sides[j]:
                poses = max(near_duplicates._shared(one, other, by) for by in range(-len(one), len(other) + 1))
                found |= {(i, j): poses} if poses else {}
    return found


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["moving", "still", "slow"]))
def test_what_all_pairs_would_find_is_found(seed: int, kind: Kind) -> None:
    rng = np.random.default_rng(seed)
    wholes = [performed(rng, kind) for _ in range(4)]
    performances = [xy.astype(np.float32) for whole in wholes for xy in (whole, copied(rng, whole))]
    sides = ["train", "test"] * 4
    found = {(c.first, c.second): c.poses for c in find_near_duplicates(performances, sides)}
    assert found == by_all_pairs(performances, sides)


def test_many_poses_are_sorted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from posemill.pose import pose_hashes

    performances = [moving(i) for i in range(30)]
    performances += [performances[4][5:35], performances[9] * 2]
    sides = ["train"] * 30 + ["test"] * 2
    whole = find_near_duplicates(performances, sides)
    monkeypatch.setattr(pose_hashes, "PART", 100)
    monkeypatch.setattr(pose_hashes, "_CHUNK", 64)
    assert find_near_duplicates(performances, sides) == whole == [NearDuplicate(4, 30, 30), NearDuplicate(9, 31, 40)]


def test_copies_are_found_in_a_crowd() -> None:
    """600 people of one body, who differ in how they lift an arm; twenty are there again, trimmed and with noise."""
    rng = np.random.default_rng(0)
    body = rng.normal(0, 60, (12, 2))
    crowd = []
    for _ in range(600):
        lift = 40 * np.sin(np.arange(60) * rng.uniform(0.1, 0.3) + rng.uniform(0, 6))
        xy = np.repeat((body + rng.normal(0, 1.5, (12, 2)))[None], 60, 0)
        xy[:, 3, 1] += lift
        crowd.append(xy + rng.normal(0, 1.0, xy.shape))
    copies = [crowd[i][10:50] + rng.normal(0, 0.5, (40, 12, 2)) for i in range(20)]
    performances = [xy.astype(np.float32) for xy in (*crowd, *copies)]
    found = find_near_duplicates(performances, ["train"] * 600 + ["test"] * 20)
    assert [(c.first, c.second) for c in found] == [(i, 600 + i) for i in range(20)]


def test_who_has_no_side_is_left_out(tmp_path: Path) -> None:
    with PerformanceStore(tmp_path) as store:
        for xy in (moving(1), moving(1), moving(1)):
            store.add(xy)
        assert len(store) == 3
        assert store.near_duplicates(["a", None, "b"]) == [NearDuplicate(0, 2, 40)]
        assert store.near_duplicates(["a", "b", "b"]) == [NearDuplicate(0, 1, 40), NearDuplicate(0, 2, 40)]


def test_where_all_stand_alike_time_does_not_explode_and_every_leak_is_noticed() -> None:
    """200 clips of one person who hardly moves: all pairs are copies; not each is listed, but each clip is."""
    rng = np.random.default_rng(0)
    body = rng.normal(0, 60, (12, 2))
    performances = [(body + rng.normal(0, 0.2, (12, 12, 2))).astype(np.float32) for _ in range(200)]
    found = find_near_duplicates(performances, ["train", "test"] * 100)
    assert len({c.first for c in found} | {c.second for c in found}) == 200


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
