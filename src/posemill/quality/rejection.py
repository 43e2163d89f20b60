"""What validation leaves out: one row a clip or track and reason, rejected.parquet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from posemill.quality.run import Fault

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("what", "clip", "medium", "person", "expectation", "reason")


def rejected_tracks(tracks: pd.DataFrame, faults: Iterable[Fault]) -> pd.DataFrame:
    """Rows of rejected.parquet for faults in Survey.tracks()."""
    return _table(
        ("track", None, tracks["medium"].iat[f.row], int(tracks["person"].iat[f.row]), _name(f), _reason(f, tracks))
        for f in faults
    )


def rejected_clips(clips: pd.DataFrame, faults: Iterable[Fault], labelled: pd.DataFrame) -> pd.DataFrame:
    """Rows of rejected.parquet for faults in the clip table; media in quarantine lend their own reason."""
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
        for f in faults
    )


def _table(rows: Iterable[tuple[object, ...]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=list(COLUMNS))
    text = dict.fromkeys(("what", "medium", "expectation", "reason"), "str")
    return table.astype({**text, "clip": "Int64", "person": "Int64"})


def _name(fault: Fault) -> str:
    return f"{fault.outcome.expectation}({fault.outcome.column})"


def _reason(fault: Fault, table: pd.DataFrame) -> str:
    column = fault.outcome.column
    value = f"{column} {_plain(table[column].iat[fault.row])}, " if column in table else ""
    return f"{fault.outcome.says}: {value}allowed {fault.outcome.allowed}"


def _because(fault: Fault, clips: pd.DataFrame, quarantined: pd.Series[str]) -> str:
    if fault.outcome.column != "medium_status":
        return ""
    reason = quarantined.get(clips["medium"].iat[fault.row])
    return f" (because {reason})" if isinstance(reason, str) and reason else ""


def _plain(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
