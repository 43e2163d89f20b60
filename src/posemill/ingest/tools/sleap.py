"""SLEAP: analysis CSV, analysis HDF5, and .slp projects.

Tracks are SLEAP's own; instances without one are followed by posemill. Of a .slp, predicted instances count where a
frame has none that a person placed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.formats.csv_file import read_csv
from posemill.ingest.frame_names import numbers_of
from posemill.ingest.sequence import Fault
from posemill.ingest.tools.pose_table import PoseTable, Tool, ToolOptions, files_of, medium_name
from posemill.ingest.tools.sandboxed_hdf5 import read_tables
from posemill.untrusted import untrusted

_AT_CORNER = 1.1  # before this format, a .slp counts pixels from their corner


def read(path: Path, options: ToolOptions) -> Iterator[PoseTable | Fault]:
    """Read every file of a path."""
    for file in files_of(path, (".csv", ".h5", ".hdf5", ".slp"), "SLEAP"):
        name = medium_name(file, path, file.stem.removesuffix(".analysis"))
        try:
            with untrusted(file.name):
                is_csv = file.suffix.lower() == ".csv"
                tables = list(_from_csv(file, name)) if is_csv else read_tables("sleap", file, name)
        except InputError as exc:
            yield Fault(name, f"{name}: {exc}")
        else:
            yield from tables


def _from_csv(file: Path, name: str) -> Iterator[PoseTable]:
    import polars as pl

    table = read_csv(file, ("track", "video"))
    nodes = tuple(column.removesuffix(".x") for column in table.columns if column.endswith(".x"))
    if "frame_idx" not in table.columns or not nodes:
        raise InputError(
            f"{file.name} is no analysis CSV of SLEAP: expected columns track, frame_idx, <node>.x, <node>.y, "
            f"<node>.score, came {', '.join(table.columns[:8])}"
        )
    without = [node for node in nodes if f"{node}.score" not in table.columns]
    if 0 < len(without) < len(nodes):
        raise InputError(f"{file.name}: {', '.join(without[:8])} has no score, and other nodes have one")
    has_confidence = not without
    parts = [f"{node}.{part}" for node in nodes for part in ("x", "y", "score")]
    if not has_confidence:
        table = table.with_columns(pl.lit(1.0).alias(f"{node}.score") for node in nodes)
    missing = [part for part in parts if part not in table.columns]
    if missing:
        raise InputError(f"{file.name} has no column {', '.join(missing)}")
    groups = table.group_by("video", maintain_order=True) if "video" in table.columns else [((None,), table)]
    for (video,), rows in groups:
        values = rows.select(pl.col(part).cast(pl.Float64) for part in parts).to_numpy().reshape(-1, len(nodes), 3)
        tracks = rows["track"].to_list() if "track" in rows.columns else [None] * len(rows)
        yield PoseTable(
            name if video is None else f"{name}/{Path(str(video)).stem}",
            nodes,
            np.array(numbers_of(rows["frame_idx"].to_list(), f"{file.name}, frame_idx"), np.int64),
            [str(track) for track in tracks] if all(track is not None for track in tracks) else None,
            values,
            has_confidence=has_confidence,
        )


def hdf5_tables(content: Any, file: Path, name: str) -> Iterator[PoseTable]:
    """Yield the tables of an opened HDF5 file; called in a subprocess, see sandboxed_hdf5."""
    if {"tracks", "node_names"} <= set(content):
        yield _analysis(content, name)
    elif {"frames", "instances", "metadata"} <= set(content):
        yield from _project(content, name)
    else:
        raise InputError(f"{file.name} is no file of SLEAP: it holds {', '.join(content) or 'nothing'}")


def _analysis(content: Any, name: str) -> PoseTable:
    nodes = tuple(_texts(content["node_names"][:]))
    places = np.asarray(content["tracks"][:], np.float64)  # (tracks, 2, nodes, frames)
    if places.ndim != 4 or places.shape[1:3] != (2, len(nodes)):
        raise InputError(f"tracks should be (tracks, 2, {len(nodes)}, frames), came {places.shape}")
    scores = np.asarray(content["point_scores"][:], np.float64) if "point_scores" in content else None
    third = np.ones((len(places), len(nodes), places.shape[3])) if scores is None else scores
    values = np.concatenate([places, third[:, None]], 1).transpose(0, 3, 2, 1)
    names = _texts(content["track_names"][:]) if "track_names" in content else []
    names = names if len(names) == len(places) else [str(i) for i in range(len(places))]
    frames = places.shape[3]
    return PoseTable(
        name,
        nodes,
        np.tile(np.arange(frames), len(places)),
        [track for track in names for _ in range(frames)],
        values.reshape(-1, len(nodes), 3),
        has_confidence=scores is not None,
        frames=frames,
    )


def _project(content: Any, name: str) -> Iterator[PoseTable]:
    """Every video of a .slp."""
    metadata = json.loads(_texts([content["metadata"].attrs["json"]])[0])
    listed = metadata["skeletons"][0]["nodes"] if metadata.get("skeletons") else []
    names = [metadata["nodes"][node["id"]]["name"] for node in listed]
    shift = 0.5 if float(content["metadata"].attrs.get("format_id", _AT_CORNER)) < _AT_CORNER else 0.0
    instances, placed = content["instances"][:], content["points"][:]
    predicted = content["pred_points"][:]
    rows: dict[int, list[tuple[int, int, NDArray[np.float64]]]] = {}
    for frame in content["frames"][:]:
        own = instances[int(frame["instance_id_start"]) : int(frame["instance_id_end"])]
        by_hand = own[own["instance_type"] == 0]
        for instance in by_hand if len(by_hand) else own:
            points = placed if instance["instance_type"] == 0 else predicted
            points = points[int(instance["point_id_start"]) : int(instance["point_id_end"])]
            score = points["score"] if "score" in points.dtype.names else np.ones(len(points))
            values = np.stack([points["x"] - shift, points["y"] - shift, score], -1).astype(np.float64)
            values[~points["visible"].astype(bool)] = np.nan
            if len(values) != len(names):
                raise InputError(f"an instance has {len(values)} points, and the skeleton {len(names)}")
            rows.setdefault(int(frame["video"]), []).append((int(frame["frame_idx"]), int(instance["track"]), values))
    several = len(rows) > 1
    for video, listed_rows in sorted(rows.items()):
        followed = all(track >= 0 for _, track, _ in listed_rows)
        yield PoseTable(
            f"{name}/video{video}" if several else name,
            tuple(names),
            np.array([frame for frame, _, _ in listed_rows], np.int64),
            [str(track) for _, track, _ in listed_rows] if followed else None,
            np.stack([values for _, _, values in listed_rows]),
        )


def _texts(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


TOOL = Tool(
    name="sleap",
    title="SLEAP: analysis CSV or HDF5, or a .slp project.",
    read=read,
    example="predictions.analysis.csv --size 1024x1024 --fps 30",
    notes="HDF5 and .slp need h5py; nodes are taken by name.",
)
