"""Clips of the test split on which the model was never asked, because nobody usable was found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def count(clips: pd.DataFrame, index: pd.DataFrame, classes: list[str]) -> int:
    """How many labelled test clips have no window: a figure without them would flatter.

    clips  all clips that were ingested (clip, medium, activity, subject, split); index  prepare's windows.
    A clip belongs to the test split when that is its official split, or when its subject is in it.
    """
    wanted = clips[clips["activity"].isin(classes) & ~clips["clip"].isin(index["clip"])]
    tested = set(index.loc[index["split"] == "test", "subject"].astype(str))
    official = wanted["split"].astype(object).where(wanted["split"].notna(), None)
    return sum(
        split == "test" or (split is None and str(subject) in tested)
        for split, subject in zip(official, wanted["subject"], strict=True)
    )
