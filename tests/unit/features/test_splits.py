from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.features.split_leaks import NearDuplicates, SplitClip, leaks
from posemill.features.splits import ClipMeta, group_subjects, split_by_protocol, split_subjects
from posemill.pose.near_duplicates import NearDuplicate, find_near_duplicates

CLIPS = [ClipMeta(f"s{s}", a) for s in range(12) for a in ("walk", "squat", "wave") for _ in range(2)]


def test_every_activity_is_in_every_split_in_about_the_wanted_shares() -> None:
    split = split_subjects(CLIPS, validation=0.17, test=0.25, seed=0)
    assert sorted(split) == sorted({c.subject for c in CLIPS})
    number = {s: sum(v == s for v in split.values()) for s in ("train", "validation", "test")}
    assert number == {"train": 7, "validation": 2, "test": 3}


def test_the_seed_decides() -> None:
    assert split_subjects(CLIPS, 0.2, 0.2, seed=3) == split_subjects(CLIPS, 0.2, 0.2, seed=3)
    assert len({tuple(split_subjects(CLIPS, 0.2, 0.2, seed=s).items()) for s in range(5)}) > 1


def test_an_official_split_is_kept_and_validation_comes_out_of_its_train() -> None:
    clips = [ClipMeta(f"s{i}", "walk" if i % 2 else "run", "test" if i < 20 else "train") for i in range(40)]
    split = split_subjects(clips, validation=0.2, test=0.25, seed=0)
    assert all((split[c.subject] == "test") == (c.official == "test") for c in clips)
    assert sum(v == "validation" for v in split.values()) == 4


def test_a_rare_activity_reaches_all_three_splits() -> None:
    clips = [*CLIPS, *(ClipMeta(f"s{i}", "fall") for i in (1, 5, 9))]
    for seed in range(10):
        split = split_subjects(clips, 0.15, 0.2, seed)
        assert {split[f"s{i}"] for i in (1, 5, 9)} == {"train", "validation", "test"}


def test_a_dataset_of_few_subjects_with_many_clips_does_not_fill_validation_alone() -> None:
    real = [ClipMeta(f"r{i}", "walk", "train", "real") for i in range(100)]
    rendered = [ClipMeta(f"s{i % 4}", "walk", "train", "rendered") for i in range(200)]
    split = split_subjects([*real, *rendered], validation=0.2, test=0.25, seed=0)
    assert sum(split[c.subject] == "validation" for c in real) == 20
    assert sum(split[c.subject] == "validation" for c in rendered) == 50


def test_the_only_subject_of_an_activity_stays_in_train() -> None:
    split = split_subjects([*CLIPS, ClipMeta("s4", "fall")], 0.2, 0.3, seed=1)
    assert split["s4"] == "train"


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from("abc")), max_size=60), st.integers(0, 5))
def test_train_keeps_every_activity(rows: list[tuple[int, str]], seed: int) -> None:
    clips = [ClipMeta(f"s{s}", a) for s, a in rows]
    split = split_subjects(clips, 0.2, 0.3, seed)
    assert {c.activity for c in clips if split[c.subject] == "train"} == {c.activity for c in clips}


def test_whoever_shares_a_medium_belongs_together() -> None:
    pairs = [("d", "1"), ("b", "1"), ("c", "2"), ("b", "3"), ("a", "3"), ("e", "4"), ("e", "5")]
    assert group_subjects(pairs) == {"a": "a", "b": "a", "d": "a", "c": "c", "e": "e"}
    assert group_subjects(reversed(pairs)) == group_subjects(pairs)


def of_cameras(official: str | None = None, cameras: int = 3, subjects: int = 6) -> list[ClipMeta]:
    """Every subject does both activities before every camera; the last camera is the official test."""
    return [
        ClipMeta(
            f"s{s}", activity, None if official is None else ("test" if c == cameras - 1 else "train"), "d", f"c{c}"
        )
        for s in range(subjects)
        for activity in ("nod", "sway")
        for c in range(cameras)
    ]


@pytest.mark.parametrize("by", ["camera", "setup"])
def test_a_protocol_keeps_the_official_test_split_and_shares_subjects(by: Literal["camera", "setup"]) -> None:
    clips = of_cameras("given")
    split = split_by_protocol(clips, by, 0.2, 0.25, 0)
    assert [side == "test" for side in split] == [clip.official == "test" for clip in clips]
    sides = {clip.subject: set() for clip in clips}
    for clip, side in zip(clips, split, strict=True):
        sides[clip.subject].add(side)
    assert all("test" in each for each in sides.values())
    assert not any({"train", "validation"} <= each for each in sides.values())  # validation is by subject
    assert {side for each in sides.values() for side in each} == {"train", "validation", "test"}
    assert split == split_by_protocol(clips, by, 0.2, 0.25, 0)


def test_without_an_official_split_whole_cameras_are_test() -> None:
    clips = of_cameras()
    split = split_by_protocol(clips, "camera", 0.2, 0.3, 0)
    tested = {clip.camera for clip, side in zip(clips, split, strict=True) if side == "test"}
    assert len(tested) == 1
    assert all((clip.camera in tested) == (side == "test") for clip, side in zip(clips, split, strict=True))
    with pytest.raises(InputError, match="have no official split"):
        split_by_protocol(clips, "setup", 0.2, 0.3, 0)
    with pytest.raises(InputError, match="neither an official split nor a camera"):
        split_by_protocol([replace(clip, camera=None) for clip in clips], "camera", 0.2, 0.3, 0)


def among(performances: list[NDArray[np.float32]]) -> NearDuplicates:
    """The copies among these, whatever their sides."""

    def near(sides: Sequence[str | None]) -> list[NearDuplicate]:
        left = [i for i, side in enumerate(sides) if side is not None]
        found = find_near_duplicates([performances[i] for i in left], [str(sides[i]) for i in left])
        return [replace(copy, first=left[copy.first], second=left[copy.second]) for copy in found]

    return near


def test_one_performance_before_two_cameras_is_no_leak_of_a_split_by_camera() -> None:
    rng = np.random.default_rng(0)
    xy = np.cumsum(rng.normal(0, 5, (40, 12, 2)), 0).astype(np.float32) + rng.uniform(0, 200, (12, 2)).astype(
        np.float32
    )
    pair = [SplitClip(1, "a", "train", "train", "c1"), SplitClip(2, "b", "test", "test", "c2")]
    near = among([xy, xy + 9])
    found: list[str] = []
    assert leaks(pair, near, "camera", found) == []
    assert "1 pairs of clips show the same keypoints as two cameras saw them" in found[0]
    assert "show the same keypoints" in leaks(pair, near)[0]
    assert "show the same keypoints" in leaks(pair, near, "setup")[0]
    same = [pair[0], replace(pair[1], camera="c1")]
    assert "show the same keypoints" in leaks(same, near, "camera")[0]
    unnamed = [replace(clip, camera=None) for clip in pair]
    assert leaks(unnamed, near, "camera") == []
    validation = [pair[0], replace(pair[1], split="validation")]
    assert "show the same keypoints" in leaks(validation, near, "camera")[0]


def test_copies_within_an_official_train_split_are_learnt_from() -> None:
    """A copy that was dealt to validation goes to training, and so does a validation clip that is a copy of it."""
    rng = np.random.default_rng(1)
    shown = [
        np.cumsum(rng.normal(0, 5, (40, 12, 2)), 0).astype(np.float32) + rng.uniform(0, 200, (12, 2)).astype(np.float32)
        for _ in range(3)
    ]
    long = np.concatenate([shown[0], shown[1]])
    clips = [
        SplitClip(1, "a", "train", "train", subject="ann"),
        SplitClip(2, "b", "validation", "train", subject="bob"),
        SplitClip(3, "c", "validation", "train", subject="cy"),
        SplitClip(4, "d", "validation", "train", subject="dan"),
    ]
    near = among([shown[0], long, shown[1] + 4, shown[2]])
    found: list[str] = []
    learnt: set[str] = set()
    assert leaks(clips, near, "subject", found, learnt) == []
    assert learnt == {"bob", "cy"}
    assert "2 subjects that were dealt to validation are learnt from instead" in found[0]
    ours = [replace(clip, official=None) for clip in clips]
    assert "show the same keypoints" in leaks(ours, near, "subject", [], learnt)[0]
    tested = [clips[0], replace(clips[1], split="test", official="test")]
    assert "show the same keypoints" in leaks(tested, near, "subject", [], set())[0]
