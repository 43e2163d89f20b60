"""Canonical order of clips and media: by content, never by the numbers that a database gave them.

Rows are numbered in the order in which they were added, which depends on how many workers added them and which was
first. What follows from an order (batches, resampling, which clips are shown or sent) would differ from one database to
the next with the same data, so every stage orders by what is in the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

# The number comes last: it only decides between clips that are equal in everything else.
CLIP_ORDER = ("medium", "start_s", "end_s", "activity", "subject", "camera", "split", "dataset", "clip")
MEDIA_ORDER = ("medium", "dataset", "source")


def sorted_clips(clips: pd.DataFrame) -> pd.DataFrame:
    """Return the clips in canonical order; an end of NaN (to the end of the medium) and null come last."""
    keys = [name for name in CLIP_ORDER if name in clips]
    return clips.sort_values(keys, kind="stable", na_position="last", ignore_index=True)


def in_order(table: pl.DataFrame, order: tuple[str, ...]) -> pl.DataFrame:
    """Return the rows of a table in the order of these columns, null last."""
    return table.sort(order, nulls_last=True, maintain_order=True)


def clip_numbers(clip: pd.Series[int]) -> pd.Series[int]:
    """Return clips numbered from 0 in order of their first row, for whatever groups or orders by number."""
    import pandas as pd

    return pd.Series(pd.factorize(clip)[0], clip.index)
