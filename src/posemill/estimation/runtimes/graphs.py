"""Networks that come as a graph file (ONNX, or TensorFlow's frozen .pb), run by OpenVINO, ONNX Runtime or OpenCV.

All three give the same outputs, in 32-bit floats unless asked otherwise; picture and outputs are channels first,
whatever the file's own order is. A graph may be called from several threads: each has its own request (see
runtimes/openvino_library.py for why).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError, InputError
from posemill.estimation.runtimes.openvino_library import Compiled, openvino, stream_settings

Arrays = list[NDArray[np.float32]]
SUFFIXES = (".onnx", ".pb")
_COMPILED = 16  # networks for as many picture sizes stay in memory


class Graph(Protocol):
    """A network read from a file."""

    def __call__(self, picture: NDArray[np.float32]) -> Arrays:
        """(1, 3, H, W) float32 to its outputs, (1, C, h, w) float32 each."""
        ...


class OpenVinoGraph:
    """OpenVINO, one thread a request, compiled once for every picture size."""

    def __init__(self, path: Path, streams: int, precision: str) -> None:
        self._core = openvino().Core()
        self._model = self._core.read_model(path)
        sides = self._model.inputs[0].partial_shape
        self._channels_last = sides[3].is_static and sides[3].get_length() == 3
        self._config = stream_settings(streams, precision)
        self._networks = Compiled(self._compile, _COMPILED)

    def __call__(self, picture: NDArray[np.float32]) -> Arrays:
        """See Graph."""
        given = np.ascontiguousarray(picture.transpose(0, 2, 3, 1)) if self._channels_last else picture
        outputs = self._networks.request(given.shape).infer([given], share_inputs=False)
        made = [np.array(outputs[i], np.float32) for i in range(len(outputs))]
        return [np.ascontiguousarray(a.transpose(0, 3, 1, 2)) for a in made] if self._channels_last else made

    def _compile(self, shape: tuple[int, ...]) -> Any:
        self._model.reshape(list(shape))
        return self._core.compile_model(self._model, "CPU", self._config)


class OnnxRuntimeGraph:
    """ONNX Runtime; one session serves all threads, each call on its own."""

    def __init__(self, path: Path, streams: int, precision: str) -> None:
        import onnxruntime

        if path.suffix != ".onnx":
            raise InputError(f"{path}: ONNX Runtime reads .onnx files only; choose label.runtime: openvino")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, picture: NDArray[np.float32]) -> Arrays:
        """See Graph."""
        return [np.asarray(a, np.float32) for a in self._session.run(None, {self._input: picture})]


class OpenCvGraph:
    """OpenCV's own networks, a copy for every thread. OpenCV's threads are one setting for the process: not touched."""

    def __init__(self, path: Path, streams: int, precision: str) -> None:
        self._path, self._own = path, threading.local()
        self._net()

    def __call__(self, picture: NDArray[np.float32]) -> Arrays:
        """See Graph."""
        net = self._net()
        net.setInput(picture)
        return [np.array(a, np.float32) for a in net.forward(net.getUnconnectedOutLayersNames())]

    def _net(self) -> Any:
        import cv2

        if not hasattr(self._own, "net"):
            read = cv2.dnn.readNetFromONNX if self._path.suffix == ".onnx" else cv2.dnn.readNetFromTensorflow
            self._own.net = read(str(self._path))
        return self._own.net


RUNTIMES: Mapping[str, type[OpenVinoGraph] | type[OnnxRuntimeGraph] | type[OpenCvGraph]] = MappingProxyType(
    {"openvino": OpenVinoGraph, "onnxruntime": OnnxRuntimeGraph, "opencv": OpenCvGraph}
)


def open_graph(path: Path, runtime: str, streams: int = 1, precision: str = "f32") -> Graph:
    """Open a network file, for up to `streams` threads at a time. precision: f32, or bf16 with OpenVINO.

    Errors: InputError for a runtime that runs no graph files, or not in that precision; CheckpointError for a file that
    it cannot read.
    """
    if runtime not in RUNTIMES:
        raise InputError(
            f"label.runtime {runtime!r} runs no graph files, and {path.name} is one; choose {', '.join(RUNTIMES)}"
        )
    if precision != "f32" and runtime != "openvino":
        raise InputError(f"label.precision: {precision} needs label.runtime: openvino, came with {runtime}")
    if path.suffix not in SUFFIXES or not path.is_file():
        raise CheckpointError(f"{path} should be a file that ends in {' or '.join(SUFFIXES)}")
    try:
        return RUNTIMES[runtime](path, streams, precision)
    except InputError:
        raise
    except Exception as exc:  # each runtime has its own errors, all of them over a damaged or foreign file
        raise CheckpointError(f"{path} is no network that {runtime} reads: {str(exc).strip()[:200]}") from exc
