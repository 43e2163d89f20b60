"""Parquet tables that people hand on, read by Arrow: polars' own reader ends the process at some damaged files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posemill.untrusted import untrusted

if TYPE_CHECKING:
    import polars as pl


def read_parquet(path: Path) -> pl.DataFrame:
    """Read a Parquet table. Errors: InputError with its place where it is none, or is damaged."""
    import polars as pl
    import pyarrow.parquet as pq

    with untrusted(f"{path} is not a readable .parquet table, it"):
        with pq.ParquetFile(path) as file:
            content = file.read()
        content.validate(full=True)  # texts that are no UTF-8, which polars takes on trust
        table = pl.from_arrow(content)
        return table if isinstance(table, pl.DataFrame) else table.to_frame()
