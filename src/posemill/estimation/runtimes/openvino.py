"""OpenVINO on the processor: one compiled network for every picture size, one stream a worker."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.fingerprint import pose_code
from posemill.estimation.runtimes.base import Fields, Network
from posemill.estimation.runtimes.exported import ExportedNetworks
from posemill.estimation.runtimes.openvino_library import Compiled, openvino, stream_settings

if TYPE_CHECKING:
    import torch

_COMPILED = 32  # networks for as many picture sizes stay in memory, some 20 MB each


class OpenVino:
    """See Runtime. `precision` f32, or bf16: half the time, and keypoints move by a pixel and people are lost."""

    def __init__(self, network: Network, cache: Path, threads: int, precision: str) -> None:
        self.workers = threads
        self._precision, library = precision, openvino()
        exporter = f"openvino {library.__version__} {pose_code(__name__)}"
        self._exported = ExportedNetworks(network, cache, exporter, ".xml", _export)
        self._core = library.Core()
        self._networks = Compiled(self._compile, _COMPILED)

    def __call__(self, picture: NDArray[np.uint8]) -> Fields:
        """See Runtime."""
        outputs = self._networks.request(picture.shape).infer([picture[None]], share_inputs=False)
        return [np.array(outputs[i][0]) for i in range(len(outputs))]

    def _compile(self, shape: tuple[int, ...]) -> Any:
        with self._exported.file(*shape[:2]) as path:
            model = self._core.read_model(path)
            return self._core.compile_model(model, "CPU", stream_settings(self.workers, self._precision))


def _export(module: torch.nn.Module, picture: torch.Tensor, path: Path) -> None:
    import torch

    # traced once: OpenPifPaf keeps its grid of cells between calls, so that a second trace looks different
    traced = torch.jit.trace(module, picture, check_trace=False)  # type: ignore[no-untyped-call]
    exported = openvino().convert_model(traced, input=(list(picture.shape), np.uint8))
    openvino().save_model(exported, path, compress_to_fp16=False)
