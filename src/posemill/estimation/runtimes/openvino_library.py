"""The home of `import openvino` for labelling, and what its users share: networks for several picture sizes."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

_FIRST = threading.Lock()


def openvino() -> Any:
    """Import the library, ready for several threads. Its telemetry, which calls a
    host of its own, is switched off.

    Its first use of a NumPy array makes a C++ static, which needs Python's lock on the way. Two threads that come there
    first together wait for each other for ever, one with the static's guard, one with Python's lock: so one thread
    goes there alone.
    """
    with _FIRST:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        openvino.Tensor(np.zeros(1, np.uint8)).data.sum()
        return openvino


class Compiled:
    """A network compiled once for every picture size, with a request of its own in every thread.

    compile  makes the network for a shape.
    most     sizes that stay in memory.
    """

    def __init__(self, compile: Callable[[tuple[int, ...]], Any], most: int) -> None:
        self._compile, self._most = compile, most
        self._networks: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._compiling, self._own = threading.Lock(), threading.local()

    def request(self, shape: tuple[int, ...]) -> Any:
        """This thread's own request for that shape, made once."""
        network = self._network(shape)
        kept: OrderedDict[tuple[int, ...], tuple[Any, Any]] = self._own.__dict__.setdefault("requests", OrderedDict())
        if shape not in kept or kept[shape][0] is not network:
            kept[shape] = (network, network.create_infer_request())
            while len(kept) > self._most:
                kept.popitem(last=False)
        return kept[shape][1]

    def _network(self, shape: tuple[int, ...]) -> Any:
        """The network for that shape; the first thread that asks compiles, others wait."""
        with self._compiling:
            if shape not in self._networks:
                self._networks[shape] = self._compile(shape)
                while len(self._networks) > self._most:
                    self._networks.popitem(last=False)
            self._networks.move_to_end(shape)
            return self._networks[shape]


def stream_settings(count: int, precision: str) -> dict[str, Any]:
    """OpenVINO settings for so many threads: measured, two pictures on a core each beat one on both."""
    return {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": count, "NUM_STREAMS": count}
