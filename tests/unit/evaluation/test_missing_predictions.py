"""Test clips without a window are counted, whoever decided the split."""

from __future__ import annotations

import pandas as pd

from posemill.evaluation.missing_predictions import count_missing_predictions

INDEX = pd.DataFrame(
    {"clip": [1, 1, 2], "subject": ["anna", "anna", "ben"], "split": ["test", "test", "train"]},
)


def clips(**columns: object) -> pd.DataFrame:
    base = {"clip": [1, 2, 3, 4, 5], "activity": ["sit"] * 5, "subject": ["anna", "ben", "anna", "ben", "cleo"]}
    return pd.DataFrame(base | {"split": pd.Series([None] * 5, dtype="str")} | columns)


def test_by_subject() -> None:
    assert count_missing_predictions(clips(), INDEX, ["sit"]) == 1  # the third: anna is in the test split


def test_by_official_split() -> None:
    official = ["test", "train", "train", "test", "test"]
    assert count_missing_predictions(clips(split=official), INDEX, ["sit"]) == 2


def test_other_activities_are_not_missed() -> None:
    assert count_missing_predictions(clips(), INDEX, ["walk"]) == 0
    assert count_missing_predictions(clips(activity=["sit", "sit", None, "sit", "sit"]), INDEX, ["sit"]) == 0
