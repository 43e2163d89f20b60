"""The home of `import openvino` for labelling."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

_FIRST = threading.Lock()


def openvino() -> Any:
    """The library, ready for several threads. Its telemetry calls a host of its own; without it, it says nothing.

    Its first use of a NumPy array makes a C++ static, which needs Python's lock on the way. Two threads that come there
    first together wait for each other for ever, one with the static's guard, one with Python's lock: so one thread
    goes there alone.
    """
    with _FIRST:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        openvino.Tensor(np.zeros(1, np.uint8)).data.sum()
        return openvino
