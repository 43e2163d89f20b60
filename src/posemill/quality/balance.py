"""Class balance and splits: facts about a table as a whole, beside every row, so that suites check them as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def with_clip_columns(clips: pd.DataFrame, rejected_share: float, split_by: str = "subject") -> pd.DataFrame:
    """Add columns: activity_clips (clips of the row's activity, NaN for unlabelled ones), activity_share (of the
    labelled clips), subject_splits (official splits in which the row's subject occurs) and rejected_share.

    split_by  prepare.split.by; by camera or set-up, subjects are in several by design: subject_splits is then 1.
    """
    counts = clips["activity"].map(clips["activity"].value_counts()).astype("float64")
    return clips.assign(
        activity_clips=counts,
        activity_share=counts / max(int(clips["activity"].notna().sum()), 1),
        subject_splits=_splits_of(clips, "subject") if split_by == "subject" else 1.0,
        rejected_share=rejected_share,
    )


def with_window_columns(index: pd.DataFrame, split_by: str = "subject") -> pd.DataFrame:
    """Add columns: subject_splits and clip_splits (splits in which the row's subject or clip occurs), and
    activity_train_windows, activity_test_windows (windows of the row's activity in that split).

    split_by  see with_clip_columns.
    """
    per_split = {
        f"activity_{split}_windows": (index["split"] == split).groupby(index["activity"]).transform("sum").astype(float)
        for split in ("train", "test")
    }
    subject_splits = _splits_of(index, "subject") if split_by == "subject" else 1.0
    return index.assign(subject_splits=subject_splits, clip_splits=_splits_of(index, "clip"), **per_split)


def _splits_of(table: pd.DataFrame, key: str) -> pd.Series:
    """Number of splits in which the row's key occurs; 0 where the key is null, since nothing is known to be shared."""
    return table[key].map(table.groupby(key)["split"].nunique()).astype("float64").fillna(0)
