"""Reference statistics of the training data. They travel with the package: monitoring needs no training data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.features.window_stats import round_for_json, window_stats

FILE = "reference.json"
FORMAT = "posemill-reference-1"
WINDOWS = 20_000  # of the train split are measured for the reference, spread over it
VALUES = 500  # kept of a figure, at evenly spread ranks: its whole distribution, at any sample size
FIGURES = ("body_px", "missing", "keypoint_confidence")


@dataclass(frozen=True, slots=True)
class Reference:
    """Statistics of the windows of the train split.

    windows     how many there are.
    values      figure → at most VALUES values in order, see features/window_stats.py for what they are.
    activities  activity → windows with that label.
    """

    windows: int
    values: Mapping[str, tuple[float, ...]]
    activities: Mapping[str, int]

    def save(self, path: Path) -> None:
        """Write reference.json; equal references are equal bytes."""
        path.write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")


def reference(windows: NDArray[np.float32], activities: Iterable[str]) -> Reference:
    """Measure train windows (N, T, K, 3) with the label of each; both may be samples of the whole."""
    stats = window_stats(windows)
    labels = Counter(map(str, activities))
    columns = dict(zip(FIGURES, (stats.body_px, stats.missing, stats.confidence), strict=True))
    return Reference(
        windows=sum(labels.values()),
        values={name: _spread(values) for name, values in columns.items()},
        activities=dict(sorted(labels.items())),
    )


def write_reference(prepare: Path, path: Path) -> None:
    """Write reference.json of the train split of build/prepare, for the package. Equal windows give equal bytes."""
    import pandas as pd

    index = pd.read_parquet(prepare / "index.parquet", columns=["activity", "split"])
    rows = np.flatnonzero(index["split"] == "train")
    some = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), WINDOWS)).round().astype(int))]
    windows = np.load(prepare / "windows.npy", mmap_mode="r")[some]
    measured = reference(np.asarray(windows, np.float32), index["activity"].iloc[rows])
    Reference(len(rows), measured.values, measured.activities).save(path)


def load(path: Path) -> Reference:
    """Read reference.json. Errors: InputError where it is missing or of another format."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(
            f"no {path}: this model was packaged without it; package it again (`posemill stage package`)"
        ) from None
    except json.JSONDecodeError as exc:
        raise InputError(f"{path} is not JSON: {exc}") from None
    if (
        not isinstance(content, dict)
        or content.get("format") != FORMAT
        or set(content.get("values", ())) != set(FIGURES)
    ):
        raise InputError(f"{path} should be of format {FORMAT}; package the model again (`posemill stage package`)")
    return Reference(content["windows"], {k: tuple(v) for k, v in content["values"].items()}, content["activities"])


def _spread(values: NDArray[np.float32]) -> tuple[float, ...]:
    known = np.sort(values[~np.isnan(values)])
    ranks = np.unique(np.linspace(0, len(known) - 1, min(len(known), VALUES)).round().astype(int))
    return tuple(v for v in round_for_json(known[ranks]) if v is not None) if len(known) else ()
