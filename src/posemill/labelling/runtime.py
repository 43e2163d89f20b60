"""What runs a network of 32-bit floats: PyTorch itself, or OpenVINO. Both give the same fields."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import threading
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

Fields = list[torch.Tensor]
_COMPILED = 32  # networks for as many picture sizes stay in memory, some 20 MB each


class Runtime(Protocol):
    """Runs a network on one picture."""

    workers: int

    def __call__(self, picture: NDArray[np.float32]) -> Fields:
        """(1, 3, H, W) float32 to the outputs of that picture, without their batch axis. May run in threads."""
        ...


class Eager:
    """PyTorch with channels last, which is half again as fast on processors. It uses its own threads."""

    workers = 1

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, picture: NDArray[np.float32]) -> Fields:
        """See Runtime."""
        with torch.inference_mode():
            batch = torch.from_numpy(picture).contiguous(memory_format=torch.channels_last)
            return [field[0].contiguous() for field in self._network(batch)]


class OpenVino:
    """OpenVINO on the processor, full precision, one network for every picture size, kept on disk when exported.

    content  names what the network computes (weights and code): the key of the kept files.
    """

    def __init__(self, network: torch.nn.Module, content: str, cache: Path, threads: int) -> None:
        self.workers = threads
        self._network, self._content, self._cache = network, content, cache
        self._core = _openvino().Core()
        self._compiled: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._own = threading.local()

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Export and compile for that input shape, before threads ask for it."""
        if shape not in self._compiled:
            config = {
                "INFERENCE_PRECISION_HINT": "f32",  # half floats move keypoints by a pixel and lose people
                "INFERENCE_NUM_THREADS": self.workers,
                "NUM_STREAMS": self.workers,
            }
            self._compiled[shape] = self._core.compile_model(self._exported(shape), "CPU", config)
            while len(self._compiled) > _COMPILED:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(shape)

    def __call__(self, picture: NDArray[np.float32]) -> Fields:
        """See Runtime; `prepare` must have seen the shape."""
        outputs = self._request(picture.shape).infer([picture], share_inputs=False)
        return [torch.from_numpy(np.array(outputs[i][0])) for i in range(len(outputs))]

    def _request(self, shape: tuple[int, ...]) -> Any:
        """This thread's own request for that shape, made once.

        A new request for every picture was seen to hang, likely since destroying one waits for OpenVINO while it holds
        Python's lock, which the other thread needs. For the same reason the input is copied, not shared.
        """
        network = self._compiled[shape]
        kept: OrderedDict[tuple[int, ...], tuple[Any, Any]] = self._own.__dict__.setdefault("requests", OrderedDict())
        if shape not in kept or kept[shape][0] is not network:
            kept[shape] = (network, network.create_infer_request())
        return kept[shape][1]

    def _exported(self, shape: tuple[int, ...]) -> Any:
        name = hashlib.sha256(f"{self._content} {_openvino().__version__}".encode()).hexdigest()[:20]
        path = self._cache / f"{name}-{shape[3]}x{shape[2]}" / "network.xml"
        if not path.is_file():
            return self._export(shape, path)
        return self._core.read_model(path)

    def _export(self, shape: tuple[int, ...], path: Path) -> Any:
        with warnings.catch_warnings(), torch.no_grad():  # tracing warns of sizes that become constants: here they are
            warnings.simplefilter("ignore")
            # traced once: OpenPifPaf keeps its grid of cells between calls, so that a second trace looks different
            traced = torch.jit.trace(self._network, torch.zeros(shape), check_trace=False)  # type: ignore[no-untyped-call]
            exported = _openvino().convert_model(traced, input=list(shape))
        # whole or not there: written aside, then renamed; a run beside this one may have been quicker
        try:
            path.parent.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent.parent) as aside:
                _openvino().save_model(exported, Path(aside) / "new" / path.name, compress_to_fp16=False)
                os.rename(Path(aside) / "new", path.parent)
        except OSError:
            pass  # a cache that cannot be written costs time, nothing else
        return exported


def _openvino() -> Any:
    """The library. Its telemetry calls a host of its own; without that package it falls back to saying nothing."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def load_runtime(name: str, network: torch.nn.Module, content: str, cache: Path, threads: int) -> Eager | OpenVino:
    """The runtime of that name; `cache` is a folder for exported networks."""
    return OpenVino(network, content, cache, threads) if name == "openvino" else Eager(network)
