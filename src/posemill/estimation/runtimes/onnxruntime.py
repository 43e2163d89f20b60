"""ONNX Runtime on the processor: one session for every picture size, which all workers run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.fingerprint import pose_code
from posemill.estimation.runtimes.base import Fields, Network
from posemill.estimation.runtimes.exported import ExportedNetworks

if TYPE_CHECKING:
    import torch

_SESSIONS = 32  # for as many picture sizes stay in memory, some 20 MB each
OPSET = 18


class OnnxRuntime:
    """See Runtime. A session runs in the thread that calls it."""

    def __init__(self, network: Network, cache: Path, threads: int, precision: str) -> None:
        self.workers = threads
        exporter = f"onnx {OPSET} torch {version('torch')} {pose_code(__name__)}"
        self._exported = ExportedNetworks(network, cache, exporter, ".onnx", _export)
        self._sessions: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._opening = threading.Lock()

    def __call__(self, picture: NDArray[np.uint8]) -> Fields:
        """See Runtime."""
        fields = self._session(picture.shape).run(None, {"picture": picture[None]})
        return [field[0] for field in fields]

    def _session(self, shape: tuple[int, ...]) -> Any:
        with self._opening:
            if shape not in self._sessions:
                with self._exported.file(*shape[:2]) as path:
                    self._sessions[shape] = _open(path)
                while len(self._sessions) > _SESSIONS:
                    self._sessions.popitem(last=False)
            self._sessions.move_to_end(shape)
            return self._sessions[shape]


def _open(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _export(module: torch.nn.Module, picture: torch.Tensor, path: Path) -> None:
    import torch

    torch.onnx.export(
        module, (picture,), str(path), input_names=["picture"], opset_version=OPSET, dynamo=False, external_data=False
    )
