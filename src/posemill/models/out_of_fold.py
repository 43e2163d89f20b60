"""Out-of-fold predictions, kept beside the network that was trained in folds: out_of_fold.npz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError

FILE = "out_of_fold.npz"


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFoldPredictions:
    """Logits of windows by the network that did not see them in training.

    rows    (N,) numbers of prepared windows, ascending.
    logits  (N, C) float32.
    """

    rows: NDArray[np.int64]
    logits: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Sequence[OutOfFoldPredictions]) -> OutOfFoldPredictions:
        """Concatenate the predictions of all folds."""
        rows = np.concatenate([p.rows for p in parts])
        order = np.argsort(rows, kind="stable")
        return cls(rows[order], np.concatenate([p.logits for p in parts])[order])

    @classmethod
    def load(cls, folder: Path, windows: int | None = None) -> OutOfFoldPredictions | None:
        """Load those of the network in a folder; None where it has none, having a validation split of its own.

        windows  how many are prepared. Errors: CheckpointError where the file is of other windows, or damaged.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        try:
            with np.load(path) as file:
                predictions = cls(file["rows"], file["logits"])
        except (ValueError, KeyError, OSError) as exc:
            raise CheckpointError(f"{path} cannot be read ({exc}): train again") from exc
        if windows is not None and len(predictions.rows) and predictions.rows.max() >= windows:
            raise CheckpointError(f"{path} is of other windows than prepare made ({windows}): train again")
        return predictions

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return logits of some windows, (len(rows), C). Errors: CheckpointError for one that was never held out."""
        at = np.searchsorted(self.rows, rows).clip(max=max(len(self.rows) - 1, 0))
        if not len(self.rows) or not np.array_equal(self.rows[at], rows):
            raise CheckpointError(f"{FILE} lacks windows of the validation split, prepare has run since: train again")
        return np.asarray(self.logits[at])

    def save(self, folder: Path) -> None:
        """Write out_of_fold.npz beside network.safetensors."""
        np.savez(folder / FILE, rows=self.rows, logits=self.logits)
