"""Corrupted Parquet files, as a failing disk leaves them."""

from __future__ import annotations

from pathlib import Path


def damage(path: Path) -> None:
    """Overwrite the middle of a Parquet file's pages with zeros; the footer stays intact."""
    content = bytearray(path.read_bytes())
    footer = int.from_bytes(content[-8:-4], "little") + 8
    pages = len(content) - footer
    start, end = pages // 3, pages * 2 // 3
    content[start:end] = bytes(end - start)
    path.write_bytes(content)
