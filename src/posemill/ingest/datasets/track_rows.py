"""Rows of tracks that somebody else made, brought into one form: frame and person numbers, times, confidences.

Read are whole numbers of any type as frames, any names of people, times in seconds or (by their column's name or type)
milliseconds, and the usual names of a confidence. What has no clear meaning is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton

if TYPE_CHECKING:
    import polars as pl

CONFIDENCE = ("confidence", "score", "likelihood", "conf", "visibility")  # endings of a keypoint's column
MILLISECONDS = ("time_ms", "timestamp_ms", "t_ms")
SLOWEST, FASTEST = 0.5, 2.0  # times may run so much slower or faster than the frame rate says
LARGEST_OFFSET_S = 60.0  # of the first time from that of its frame number


def without_empty_rows(table: pl.DataFrame, path: object) -> pl.DataFrame:
    """Return the rows that say anything. Errors: InputError for one without a medium."""
    import polars as pl

    rows = table.filter(~pl.all_horizontal(pl.all().is_null()))
    if "medium" in rows.columns and (nameless := rows["medium"].null_count()):
        raise InputError(f"{path}: {nameless} of {len(rows)} rows have no medium: whose poses they are is not known")
    return rows


def columns_named(table: pl.DataFrame, skeleton: Skeleton) -> pl.DataFrame:
    """Return the table with its confidences named `<keypoint>_confidence` and its times in `time_s`, seconds.

    Errors: InputError where some keypoints have a confidence and others none.
    """
    import polars as pl

    if "time_s" not in table.columns:
        for name in MILLISECONDS:
            if name in table.columns:
                table = table.with_columns((pl.col(name).cast(pl.Float64) / 1000).alias("time_s"))
                break
    elif isinstance(table.schema["time_s"], pl.Duration):
        table = table.with_columns(pl.col("time_s").dt.total_microseconds() / 1e6)
    elif table.schema["time_s"].is_temporal():
        raise InputError("time_s is a date or a time of day, expected seconds from the first frame")
    for ending in CONFIDENCE:
        own = {f"{k}_{ending}": f"{k}_confidence" for k in skeleton.keypoints if f"{k}_{ending}" in table.columns}
        if own and len(own) < len(skeleton):
            lacking = [k for k in skeleton.keypoints if f"{k}_{ending}" not in own]
            raise InputError(
                f"{len(own)} of {len(skeleton)} keypoints have a column <keypoint>_{ending}, and "
                f"{', '.join(lacking[:8])} none: give all of them one, or none"
            )
        if own:
            return table.rename(own) if ending != CONFIDENCE[0] else table
    return table


def frame_numbers(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows whose `frame` is int32. Errors: InputError for what is no whole number from 0."""
    import polars as pl

    frames = rows["frame"]
    if frames.null_count():
        raise InputError(f"{name}: {frames.null_count()} of {len(rows)} rows have no frame number")
    try:
        numbers = frames.cast(pl.Float64)
    except pl.exceptions.PolarsError as exc:
        raise InputError(f"{name}: frame {frames[0]!r} is no number: give frame numbers from 0") from exc
    values = numbers.to_numpy()
    if (bad := ~((values >= 0) & (values == np.floor(values)) & (values < 2**31))).any():
        raise InputError(f"{name}: frame {values[bad][0]:g} is no whole number from 0")
    return rows.with_columns(numbers.cast(pl.Int32).alias("frame"))


def person_numbers(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows whose `person` is int32: as it is, or by the order of the names where people have names.

    Errors: InputError for a row of nobody.
    """
    import polars as pl

    if "person" not in rows.columns:
        return rows.with_columns(pl.lit(0, pl.Int32).alias("person"))
    people = rows["person"]
    if people.null_count():
        raise InputError(f"{name}: {people.null_count()} of {len(rows)} rows have no person")
    try:
        numbers = people.cast(pl.Float64)
        whole = bool(((numbers == numbers.floor()) & (numbers >= 0) & (numbers < 2**31)).all())
    except pl.exceptions.PolarsError:
        whole = False
    if whole:
        return rows.with_columns(numbers.cast(pl.Int32).alias("person"))
    place = {person: number for number, person in enumerate(sorted(people.cast(pl.String).unique()))}
    return rows.with_columns(people.cast(pl.String).replace_strict(place, return_dtype=pl.Int32).alias("person"))


def check_times(name: str, rows: pl.DataFrame, fps: float) -> None:
    """Refuse times that the frame rate contradicts: milliseconds, times of day, another rate.

    Errors: InputError with both rates.
    """
    import polars as pl

    ordered = rows.select(pl.col("frame"), pl.col("time_s").cast(pl.Float64)).drop_nulls().sort("frame")
    if len(ordered) < 2:
        return
    first, last = ordered.row(0), ordered.row(-1)
    by_rate_s, span_s = (last[0] - first[0]) / fps, last[1] - first[1]
    if by_rate_s > 0 and not SLOWEST <= span_s / by_rate_s <= FASTEST:
        raise InputError(
            f"{name}: time_s goes on by {span_s:g} from frame {first[0]} to {last[0]}, which is {by_rate_s:g} s at "
            f"{fps:g} frames per second: expected seconds, and the rate that they say"
        )
    if abs(first[1] - first[0] / fps) > LARGEST_OFFSET_S:
        raise InputError(
            f"{name}: time_s of frame {first[0]} is {first[1]:g}, expected seconds from the first frame of the medium"
        )
