"""Test clips without a prediction, because nobody usable was found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def count_missing_predictions(clips: pd.DataFrame, index: pd.DataFrame, classes: list[str]) -> int:
    """Count labelled test clips that have no window: metrics without them would flatter.

    clips  all clips that were ingested (clip, medium, activity, subject, split); index  prepare's windows.
    A clip belongs to the test split when that is its official split, or when its subject is in it.
    """
    without_window = clips[clips["activity"].isin(classes) & ~clips["clip"].isin(index["clip"])]
    test_subjects = set(index.loc[index["split"] == "test", "subject"].astype(str))
    official = without_window["split"].astype(object).where(without_window["split"].notna(), None)
    return sum(
        split == "test" or (split is None and str(subject) in test_subjects)
        for split, subject in zip(official, without_window["subject"], strict=True)
    )
