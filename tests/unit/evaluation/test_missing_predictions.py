"""Test clips without a window are counted, whoever decided the split."""

from __future__ import annotations

import pandas as pd

from posemill.evaluation.missing_predictions import count_missing_predictions

INDEX = pd.DataFrame(
    {"clip": [1, 1, 2], "subject": ["anna", "anna", "ben"], "split": ["test", "test", "train"]},
)


def clips(**columns: object) -> pd.DataFrame:
    base: dict[str, object] = {
        "clip": [1, 2, 3, 4, 5],
        "activity": ["sit"] * 5,
        "subject": ["anna", "ben", "anna", "ben", "cleo"],
    }
    base |= {"medium": [f"m{i}" for i in range(5)], "dataset": ["home"] * 5, "camera": ["c1", "c2", "c2", "c1", "c3"]}
    return pd.DataFrame(base | {"split": pd.Series([None] * 5, dtype="str")} | columns)


def test_by_subject() -> None:
    assert count_missing_predictions(clips(), INDEX, ["sit"]) == 1  # the third: anna is in the test split


def test_by_official_split() -> None:
    official = ["test", "train", "train", "test", "test"]
    assert count_missing_predictions(clips(split=official), INDEX, ["sit"]) == 2


def test_by_camera() -> None:
    assert count_missing_predictions(clips(), INDEX, ["sit"], "camera") == 1  # the fourth: c1 is in the test split
    elsewhere = clips(dataset=["home", "home", "home", "gym", "home"])
    assert count_missing_predictions(elsewhere, INDEX, ["sit"], "camera") == 0  # a camera of that name elsewhere


def test_by_medium_where_nobody_is_named() -> None:
    unnamed = clips(subject=[None] * 5, medium=["m0", "m1", "m0", "m1", "m4"])
    assert count_missing_predictions(unnamed, INDEX, ["sit"]) == 1


def test_other_activities_are_not_missed() -> None:
    assert count_missing_predictions(clips(), INDEX, ["walk"]) == 0
    assert count_missing_predictions(clips(activity=["sit", "sit", None, "sit", "sit"]), INDEX, ["sit"]) == 0
