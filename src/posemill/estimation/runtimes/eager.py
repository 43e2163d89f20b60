"""PyTorch itself: the reference on the processor, and the way to use a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.estimation.runtimes.base import Fields, Network


class Eager:
    """PyTorch on the processor with channels last, which is half again as fast. It uses its own threads."""

    device = "cpu"

    def __init__(self, network: Network, cache: Path, threads: int, precision: str) -> None:
        self.workers = 1
        self._network = network.module().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, picture: NDArray[np.uint8]) -> Fields:
        """See Runtime."""
        with torch.inference_mode():
            fields = self._network(torch.from_numpy(picture[None]).to(self.device))
            return [np.ascontiguousarray(field[0].cpu().numpy()) for field in fields]


class Cuda(Eager):
    """PyTorch on the first GPU. Its workers take turns there, and decode beside it."""

    device = "cuda"

    def __init__(self, network: Network, cache: Path, threads: int, precision: str) -> None:
        if not torch.cuda.is_available():
            raise InputError(
                "label.runtime: cuda needs a GPU, and PyTorch sees none here: "
                "take openvino, or look what nvidia-smi says of the driver"
            )
        super().__init__(network, cache, threads, precision)
        self.workers = threads
