"""Networks of an exported folder on OpenVINO: ONNX or IR, compiled once for every input shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.estimation.runtimes.openvino_library import Compiled, openvino, stream_settings

MOST_SHAPES = 16  # compiled networks that stay in memory


class EdgeNetwork:
    """A network in a file; it may be called from `threads` threads at once.

    Args:
        path: .onnx or .xml.
        threads: processor cores, one a call.

    Raises:
        CheckpointError: the file is no network.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._core = openvino().Core()
        try:
            self._model = self._core.read_model(path)
        except RuntimeError as exc:
            raise CheckpointError(f"{path} is no network that OpenVINO reads: {str(exc).strip()[:200]}") from exc
        self._settings = stream_settings(threads, "f32")
        self._networks = Compiled(self._compile, MOST_SHAPES)

    @property
    def outputs(self) -> int:
        """Length of the last axis of the first output."""
        return int(self._model.outputs[0].partial_shape[-1].get_length())

    @property
    def input_sides(self) -> tuple[int, int]:
        """Height and width of a picture (1, 3, H, W), for networks that fix them."""
        shape = self._model.inputs[0].partial_shape
        return int(shape[2].get_length()), int(shape[3].get_length())

    def __call__(self, given: NDArray[Any]) -> NDArray[np.float32]:
        """Return the first output."""
        request = self._networks.request(given.shape)
        request.get_input_tensor(0).data[...] = given
        request.start_async()  # `infer` is the same and spends a third of a millisecond on its arguments
        request.wait()
        return np.array(request.get_output_tensor(0).data, np.float32)

    def _compile(self, shape: tuple[int, ...]) -> Any:
        self._model.reshape(list(shape))
        return self._core.compile_model(self._model, "CPU", self._settings)
