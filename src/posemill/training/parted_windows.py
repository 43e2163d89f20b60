"""Windows for training in parts, each a memory-mapped file of its own: a device reads the parts that are its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.atomic import atomic_path
from posemill.errors import InputError
from posemill.features.pipeline import FeaturePipeline

CHUNK = 4096


def deal_parts(rows: NDArray[np.int64], clip: NDArray[np.int64], parts: int) -> list[NDArray[np.int64]]:
    """Cut train rows into `parts` runs of about the same length, none of which ends within a clip.

    rows  (M,) increasing; clip (M,) number of the clip of each, whose windows follow one another.
    Errors: InputError where there are not so many clips.

    Examples:
        >>> [part.tolist() for part in deal_parts(np.arange(6), np.array([1, 1, 1, 2, 3, 3]), 2)]
        [[0, 1, 2], [3, 4, 5]]
    """
    ends = np.flatnonzero(np.append(clip[1:] != clip[:-1], True)) + 1  # places where a clip ends
    wanted = len(rows) * np.arange(1, parts) / parts
    cuts = ends[np.abs(ends[:, None] - wanted).argmin(0)] if len(ends) else wanted.astype(int)
    found = np.split(rows, cuts)
    if any(not len(part) for part in found):
        raise InputError(
            f"{len(ends)} clips for training cannot be dealt into {parts} parts: lower train.partitions, or add clips"
        )
    return found


class PartedWindows:
    """Network input (N, T, K, 3) of some rows of prepare's windows: `windows[rows]`, of parts that need not be here.

    A part is transformed and written to `folder` when a row of it is first asked for, by whoever asks; what nobody here
    asks for is neither read nor written.

    windows  (N, T, K, C) px and confidence, may be memory-mapped; parts: their rows, which do not overlap.
    """

    def __init__(
        self,
        windows: NDArray[np.float32],
        pipeline: FeaturePipeline,
        parts: list[NDArray[np.int64]],
        folder: Path,
    ) -> None:
        self._windows, self._pipeline, self._parts, self._folder = windows, pipeline, parts, folder
        self._shape = (*windows.shape[1:3], 3)
        self._part = np.full(len(windows), -1, np.int32)
        self._place = np.zeros(len(windows), np.int32)
        for number, rows in enumerate(parts):
            self._part[rows], self._place[rows] = number, np.arange(len(rows))
        self._open: dict[int, NDArray[np.float32]] = {}

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(B,) rows → (B, T, K, 3). Errors: IndexError for a row that is in no part."""
        part = self._part[rows]
        if (part < 0).any():
            raise IndexError(f"row {rows[part < 0][0]} is in no part")
        out = np.empty((len(rows), *self._shape), np.float32)
        for number in np.unique(part).tolist():
            out[part == number] = self._map(number)[self._place[rows[part == number]]]
        return out

    def _map(self, number: int) -> NDArray[np.float32]:
        if number not in self._open:
            path = self._folder / f"windows-{number}.npy"
            if not path.is_file():
                self._write(path, self._parts[number])
            self._open[number] = np.load(path, mmap_mode="r")
        return self._open[number]

    def _write(self, path: Path, rows: NDArray[np.int64]) -> None:
        with atomic_path(path) as fresh:
            out = np.lib.format.open_memmap(fresh, "w+", np.float32, (len(rows), *self._shape))
            for start in range(0, len(rows), CHUNK):
                some = rows[start : start + CHUNK]
                out[start : start + CHUNK] = self._pipeline.transform(np.asarray(self._windows[some]))
            out.flush()


class TransformedWindows:
    """Network input (B, T, K, 3) of any rows, transformed when they are asked for: for a sample, here and there."""

    def __init__(self, windows: NDArray[np.float32], pipeline: FeaturePipeline) -> None:
        self._windows, self._pipeline = windows, pipeline

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(B,) rows → (B, T, K, 3)."""
        return self._pipeline.transform(np.asarray(self._windows[rows]))
