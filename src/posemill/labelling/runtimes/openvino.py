"""OpenVINO on the processor: one compiled network for every picture size, one stream a worker."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.labelling.runtimes.base import Fields, Network
from posemill.labelling.runtimes.exported import ExportedNetworks
from posemill.labelling.runtimes.openvino_library import openvino

if TYPE_CHECKING:
    import torch

_COMPILED = 32  # networks for as many picture sizes stay in memory, some 20 MB each


class OpenVino:
    """See Runtime. `precision` f32, or bf16: half the time, and keypoints move by a pixel and people are lost."""

    def __init__(self, network: Network, cache: Path, threads: int, precision: str) -> None:
        self.workers = threads
        self._precision, library = precision, openvino()
        self._exported = ExportedNetworks(network, cache, f"openvino {library.__version__}", ".xml", _export)
        self._core = library.Core()
        self._compiled: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._compiling, self._own = threading.Lock(), threading.local()

    def __call__(self, picture: NDArray[np.uint8]) -> Fields:
        """See Runtime."""
        outputs = self._request(picture.shape).infer([picture[None]], share_inputs=False)
        return [np.array(outputs[i][0]) for i in range(len(outputs))]

    def _request(self, shape: tuple[int, ...]) -> Any:
        """This thread's own request for that shape, made once."""
        network = self._network(shape)
        kept: OrderedDict[tuple[int, ...], tuple[Any, Any]] = self._own.__dict__.setdefault("requests", OrderedDict())
        if shape not in kept or kept[shape][0] is not network:
            kept[shape] = (network, network.create_infer_request())
            while len(kept) > _COMPILED:
                kept.popitem(last=False)
        return kept[shape][1]

    def _network(self, shape: tuple[int, ...]) -> Any:
        """The compiled network for that shape; the first thread that asks compiles, others wait."""
        with self._compiling:
            if shape not in self._compiled:
                with self._exported.file(*shape[:2]) as path:
                    self._compiled[shape] = self._compile(path)
                while len(self._compiled) > _COMPILED:
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(shape)
            return self._compiled[shape]

    def _compile(self, path: Path) -> Any:
        config = {
            "INFERENCE_PRECISION_HINT": self._precision,
            "INFERENCE_NUM_THREADS": self.workers,
            "NUM_STREAMS": self.workers,  # measured: two pictures on a core each beat one picture on both
        }
        return self._core.compile_model(self._core.read_model(path), "CPU", config)


def _export(module: torch.nn.Module, picture: torch.Tensor, path: Path) -> None:
    import torch

    # traced once: OpenPifPaf keeps its grid of cells between calls, so that a second trace looks different
    traced = torch.jit.trace(module, picture, check_trace=False)  # type: ignore[no-untyped-call]
    exported = openvino().convert_model(traced, input=(list(picture.shape), np.uint8))
    openvino().save_model(exported, path, compress_to_fp16=False)
