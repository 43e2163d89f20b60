"""Rejected rows: one a clip or track and reason, rejected.parquet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from posemill.quality.suite_runner import RowFailure

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("what", "clip", "medium", "person", "expectation", "reason")


def rejected_tracks(tracks: pd.DataFrame, failures: Iterable[RowFailure]) -> pd.DataFrame:
    """Make rows of rejected.parquet of failures in TrackSurvey.tracks()."""
    return _table(
        ("track", None, tracks["medium"].iat[f.row], int(tracks["person"].iat[f.row]), _name(f), _reason(f, tracks))
        for f in failures
    )


def rejected_clips(clips: pd.DataFrame, failures: Iterable[RowFailure], labelled: pd.DataFrame) -> pd.DataFrame:
    """Make rows of rejected.parquet of failures in the clip table; media in quarantine lend their own reason."""
    quarantined = labelled.set_index("medium")["reason"]
    return _table(
        (
            "clip",
            clips["clip"].iat[f.row],
            clips["medium"].iat[f.row],
            None,
            _name(f),
            _reason(f, clips) + _because(f, clips, quarantined),
        )
        for f in failures
    )


def _table(rows: Iterable[tuple[object, ...]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=list(COLUMNS))
    text = dict.fromkeys(("what", "medium", "expectation", "reason"), "str")
    return table.astype({**text, "clip": "Int64", "person": "Int64"})


def _name(failure: RowFailure) -> str:
    return f"{failure.outcome.expectation}({failure.outcome.column})"


def _reason(failure: RowFailure, table: pd.DataFrame) -> str:
    column = failure.outcome.column
    value = f"{column} {_plain(table[column].iat[failure.row])}, " if column in table else ""
    return f"{failure.outcome.says}: {value}allowed {failure.outcome.allowed}"


def _because(failure: RowFailure, clips: pd.DataFrame, quarantined: pd.Series[str]) -> str:
    if failure.outcome.column != "medium_status":
        return ""
    reason = quarantined.get(clips["medium"].iat[failure.row])
    return f" (because {reason})" if isinstance(reason, str) and reason else ""


def _plain(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
