"""Batched inference: a network on windows, in batches, so that memory does not grow with the data."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Features(Protocol):
    """Part of the feature pipeline that inference needs."""

    def transform(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, T, K, 3) windows → (N, T, K, 3) network input."""
        ...


class LogitsFn(Protocol):
    """A function as `predict_logits`, which may compute elsewhere."""

    def __call__(
        self,
        network: Any,
        features: Features,
        windows: NDArray[np.float32],
        rows: NDArray[np.int64],
        batch_size: int,
        /,
    ) -> NDArray[np.float32]:
        """See `predict_logits`."""
        ...


def predict_logits(
    network: Any, features: Features, windows: NDArray[np.float32], rows: NDArray[np.int64], batch_size: int
) -> NDArray[np.float32]:
    """Return the logits (len(rows), C) float32 of these rows of `windows` (N, T, K, 3), which may be a memmap."""
    import torch

    network.eval()
    out = []
    with torch.inference_mode():
        for start in range(0, len(rows), batch_size):
            batch = features.transform(np.asarray(windows[rows[start : start + batch_size]]))
            out.append(network(torch.from_numpy(np.ascontiguousarray(batch))).numpy())
    return np.concatenate(out).astype(np.float32) if out else np.zeros((0, 0), np.float32)
