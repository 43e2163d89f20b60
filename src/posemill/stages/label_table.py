"""build/label/media.parquet: the status of every medium, and the shard of its tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posemill.store.tracks import ShardEntry


@dataclass(slots=True)
class LabelledMedium:
    """One row in the making. status: `labelled`, `imported` or `quarantined`."""

    medium: str
    status: str
    reason: str | None = None
    entry: ShardEntry | None = None

    def row(self) -> dict[str, Any]:
        """As it is written."""
        entry = self.entry
        return {
            "medium": self.medium,
            "status": self.status,
            "reason": self.reason,
            "frames": entry.frames if entry else 0,
            "persons": entry.persons if entry else 0,
            "poses": entry.poses if entry else 0,
            "shard": entry.shard if entry else None,
        }


def read_ingested(path: Path) -> list[LabelledMedium]:
    """The media of ingest's media.parquet, in its order."""
    import pyarrow.parquet as pq

    rows = pq.read_table(path, columns=["medium", "kind"]).to_pylist()
    return [LabelledMedium(r["medium"], "imported" if r["kind"] == "keypoints" else "labelled") for r in rows]


def write_labelled(path: Path, media: Sequence[LabelledMedium]) -> None:
    """Write media.parquet; equal media are equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("medium", pa.string()),
            ("status", pa.string()),
            ("reason", pa.string()),
            ("frames", pa.int64()),
            ("persons", pa.int64()),
            ("poses", pa.int64()),
            ("shard", pa.string()),
        ]
    )
    pq.write_table(pa.Table.from_pylist([medium.row() for medium in media], schema=schema), path)
