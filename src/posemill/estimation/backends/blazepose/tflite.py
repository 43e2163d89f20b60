"""TensorFlow Lite networks of one fixed input size, run by OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.estimation.runtimes.openvino_library import Compiled, openvino, stream_settings

Shapes = list[tuple[int, ...]]


class TfLiteNetwork:
    """A network in a .tflite file. May be called from `threads` threads at a time, each has its own request.

    Args:
        path: .tflite file.
        shapes: that it must have, of the input and of every output in order.
        threads: threads that call it.
        precision: f32 or bf16.
        outputs: numbers of the outputs that are computed; None = all. What only the others need is not computed.

    Raises:
        CheckpointError: the file is none that OpenVINO reads, or has other shapes.
    """

    def __init__(
        self, path: Path, shapes: Shapes, threads: int, precision: str, outputs: Sequence[int] | None = None
    ) -> None:
        library = openvino()
        core = library.Core()
        try:
            model = core.read_model(path)
            found = [tuple(port.shape) for port in (*model.inputs, *model.outputs)]
        except Exception as exc:  # a damaged file can raise anything
            raise CheckpointError(
                f"{path} is no TensorFlow Lite network that OpenVINO reads: {str(exc).strip()[:200]}"
            ) from exc
        if found != shapes:
            raise CheckpointError(f"{path}: input and outputs should be {shapes}, came as {found}")
        if outputs is not None:
            model = library.Model([model.outputs[i].get_node() for i in outputs], model.get_parameters(), path.stem)
        self._shape = shapes[0]
        self._compiled = Compiled(self._compile, 1)
        self._core, self._model, self._settings = core, model, stream_settings(threads, precision)

    def __call__(self, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run on (H, W, 3) float32; returns the outputs in the order asked for, with their batch axis of 1."""
        outputs = self._compiled.request(self._shape).infer([picture[None]], share_inputs=False)
        return [np.array(outputs[i], np.float32) for i in range(len(outputs))]

    def _compile(self, shape: tuple[int, ...]) -> Any:
        return self._core.compile_model(self._model, "CPU", self._settings)
