"""Tracks that the validate stage rejected: prepare and evaluate leave them out."""

from __future__ import annotations

from pathlib import Path


def rejected_tracks(validated: Path) -> set[tuple[str, int]]:
    """Return (medium, person) of every track that validation rejected."""
    import pandas as pd

    rows = pd.read_parquet(validated / "rejected.parquet")
    rows = rows[(rows["what"] == "track") & rows["person"].notna()]
    return {(str(m), int(p)) for m, p in zip(rows["medium"], rows["person"], strict=True)}
