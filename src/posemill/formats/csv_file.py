"""CSV tables that people hand on: any encoding of `text_file`, commas, semicolons or tabs, decimal commas."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import InputError
from posemill.text_file import read_text

if TYPE_CHECKING:
    import polars as pl

_SEPARATORS = ",;\t|"
_DECIMAL_COMMA = re.compile(r"(^|[;\t|])\s*-?\d+,\d+\s*([;\t|]|$)", re.MULTILINE)
_SAYS_SEPARATOR = re.compile(r"\s*sep=.\n")  # first line of tables for Excel
# what spreadsheets, R, pandas, SQL and Python write for a number that is not there
_NOT_THERE = ("", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "none", "null", "-", "nil", "missing")
_LOOKED_AT = 100_000  # characters, for decimal commas


def read_csv(path: Path, text: Collection[str] = (), *, only_text: bool = False) -> pl.DataFrame:
    """Read a CSV table with a header; an empty cell is null, and so is NA, None, null and the like among numbers.

    text       columns that are text whatever they look like, such as names of digits only.
    only_text  all columns are text.
    Errors: InputError for an unknown encoding, a column that is there twice, or rows that do not fit the header.
    """
    import polars as pl

    content = _SAYS_SEPARATOR.sub("", read_text(path), count=1)
    header = content.lstrip("\n").partition("\n")[0]
    if not header.strip():
        raise InputError(f"{path} is not a readable .csv table: it is empty")
    separator = max(_SEPARATORS, key=header.count)
    names = next(csv.reader([header], delimiter=separator))
    if twice := [name for name, number in Counter(names).items() if number > 1 and name.strip()]:
        raise InputError(f"{path} has the column {', '.join(twice)} twice: which one counts cannot be known")
    last = content.rstrip("\n").rpartition("\n")[2]
    if not only_text and '"' not in last and last.count(separator) + 1 < len(names):
        raise InputError(
            f"{path} is cut off: its last row has {last.count(separator) + 1} cells, and its header {len(names)}"
        )
    try:
        table = pl.read_csv(
            content.encode(),
            separator=separator,
            decimal_comma=separator != "," and _DECIMAL_COMMA.search(content[:_LOOKED_AT]) is not None,
            infer_schema=not only_text,
            infer_schema_length=None,
            schema_overrides={name: pl.String for name in names if name in text},
        )
    except pl.exceptions.PolarsError as exc:
        raise InputError(f"{path} is not a readable .csv table: {str(exc).splitlines()[0]}") from exc
    if only_text:
        return table
    return table.with_columns(_numbers(table[name]) for name in table.columns if name not in text)


def _numbers(column: pl.Series) -> pl.Series:
    """A column of text as numbers, where all that is text in it means that there is none; else as it is."""
    import polars as pl

    if column.dtype != pl.String:
        return column
    there = column.str.strip_chars()
    there = there.set(there.str.to_lowercase().is_in(_NOT_THERE).fill_null(True), None)
    numbers = there.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == there.null_count() and len(there) > there.null_count() else column
