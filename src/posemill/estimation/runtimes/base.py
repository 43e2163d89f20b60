"""The interface of a runtime, and the network that it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Fields = list[NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Network:
    """A network that takes a picture (1, H, W, 3) uint8 RGB and gives fields (1, ...) float32.

    content  names what it computes (weights and code): the key of exported networks.
    module   makes it. Where an exported network is kept it is never called, nor is what it imports.
    """

    content: str
    module: Callable[[], torch.nn.Module]


class Runtime(Protocol):
    """Runs a network on one picture at a time, from as many threads as `workers`."""

    workers: int

    def __call__(self, picture: NDArray[np.uint8]) -> Fields:
        """(H, W, 3) uint8 RGB to the fields of that picture, without their batch axis.

        They are the caller's own: nothing writes into them later.
        """
        ...
