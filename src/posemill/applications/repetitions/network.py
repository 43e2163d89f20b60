"""The small temporal convolutional network that finds repetitions and their length, in plain numpy.

Trained by `tools/train_repetitions.py` on synthetic motion only: random bodies that repeat random movements before
random cameras. It knows no exercise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from posemill.applications.repetitions.poses import Floats

# lengths of a repetition that the network chooses from, in bins: 0.4 to 10 s at ten bins a second
PERIODS_BINS = 4.0 * 25.0 ** (np.arange(32) / 31)
WEIGHTS = "repetition-density.npz"


@dataclass(frozen=True, slots=True, eq=False)
class DensityNetwork:
    """Residual dilated convolutions over time: features (T, F) → (T, 1 + P).

    First the logit of being within a repetition, then the logits of how long that one is, see PERIODS_BINS.

    dilations  of the residual blocks, in bins.
    weights    parameter → array, as PyTorch has them: convolutions (out, in, 3) or (out, in, 1).
    """

    dilations: tuple[int, ...]
    weights: dict[str, Floats]

    def __call__(self, features: Floats) -> Floats:
        """Return the logits of every bin."""
        w = self.weights
        hidden = _pointwise(features, w["inp.weight"], w["inp.bias"])
        for i, dilation in enumerate(self.dilations):
            inner = _dilated(hidden, w[f"a.{i}.weight"], w[f"a.{i}.bias"], dilation)
            hidden = hidden + _pointwise(np.maximum(inner, 0), w[f"b.{i}.weight"], w[f"b.{i}.bias"])
        return np.asarray(_pointwise(np.maximum(hidden, 0), w["out.weight"], w["out.bias"]), np.float32)


def _pointwise(x: Floats, weight: Floats, bias: Floats) -> Floats:
    return x @ weight[:, :, 0].T + bias


def _dilated(x: Floats, weight: Floats, bias: Floats, dilation: int) -> Floats:
    padded = np.pad(x, ((dilation, dilation), (0, 0)))
    taps = np.concatenate([padded[k * dilation : k * dilation + len(x)] for k in range(3)], axis=1)
    flat: NDArray[np.float32] = np.concatenate([weight[:, :, k] for k in range(3)], axis=1)
    return taps @ flat.T + bias


@cache
def density_network() -> DensityNetwork:
    """Return the network with the weights that posemill brings along, read once a process."""
    data = files("posemill.applications.repetitions").joinpath("weights", WEIGHTS).read_bytes()
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        weights = {name: arrays[name].astype(np.float32) for name in arrays.files if name != "dilations"}
        return DensityNetwork(tuple(arrays["dilations"].tolist()), weights)
