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

_SEPARATORS = ",;\t"
_DECIMAL_COMMA = re.compile(r"(^|;)\s*-?\d+,\d+\s*(;|$)", re.MULTILINE)
_LOOKED_AT = 100_000  # characters, for decimal commas


def read_csv(path: Path, text: Collection[str] = (), *, only_text: bool = False) -> pl.DataFrame:
    """Read a CSV table with a header; an empty cell is null.

    text       columns that are text whatever they look like, such as names of digits only.
    only_text  all columns are text.
    Errors: InputError for an unknown encoding, a column that is there twice, or rows that do not fit the header.
    """
    import polars as pl

    content = read_text(path)
    header = content.lstrip("\n").partition("\n")[0]
    if not header.strip():
        raise InputError(f"{path} is not a readable .csv table: it is empty")
    separator = max(_SEPARATORS, key=header.count)
    names = next(csv.reader([header], delimiter=separator))
    if twice := [name for name, number in Counter(names).items() if number > 1 and name.strip()]:
        raise InputError(f"{path} has the column {', '.join(twice)} twice: which one counts cannot be known")
    try:
        return pl.read_csv(
            content.encode(),
            separator=separator,
            decimal_comma=separator == ";" and _DECIMAL_COMMA.search(content[:_LOOKED_AT]) is not None,
            infer_schema=not only_text,
            infer_schema_length=None,
            schema_overrides={name: pl.String for name in names if name in text},
        )
    except pl.exceptions.PolarsError as exc:
        raise InputError(f"{path} is not a readable .csv table: {str(exc).splitlines()[0]}") from exc
