"""Test clips without a prediction, because nobody usable was found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def count_missing_predictions(
    clips: pd.DataFrame, index: pd.DataFrame, classes: list[str], split_by: str = "subject"
) -> int:
    """Count labelled test clips that have no window: metrics without them would flatter.

    clips     all clips that were ingested (clip, medium, dataset, activity, subject, camera, split).
    index     prepare's windows.
    split_by  prepare.split.by.

    A clip belongs to the test split when that is its official split; without one, when its medium, or its subject (by
    camera: its camera of its dataset), is in it.
    """
    without_window = clips[clips["activity"].isin(classes) & ~clips["clip"].isin(index["clip"])]
    tested = clips[clips["clip"].isin(index.loc[index["split"] == "test", "clip"])]
    key = ["subject"] if split_by == "subject" else ["dataset", "camera"]
    test_keys = set(tested[key].dropna().itertuples(index=False, name=None))
    keys = without_window[key].itertuples(index=False, name=None)
    named = without_window["medium"].isin(tested["medium"]) | np.array([k in test_keys for k in keys], bool)
    official = without_window["split"]
    return int(((official == "test") | (official.isna() & named)).sum())
