"""Networks of lower precision for the edge: FP16 weights, and INT8 by NNCF, calibrated on real inputs."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import GateError, InputError
from posemill.packaging.export import openvino, save_openvino

PRECISIONS = ("f32", "fp16", "int8")


@dataclass(frozen=True, slots=True)
class PrecisionGate:
    """Outcome of the accuracy gate of a network of lower precision, on held-out clips; written into the export.

    network    `activity` or `pose`.
    clips      number of clips of the test split.
    accuracy_f32, accuracy  share of clips with the annotated verdict, in full and in lower precision.
    agreement  share of clips with the same verdict in both.
    oks        of a pose network: median OKS of its poses with those of full precision.
    people     of a pose network: people that it found for each that full precision found.
    """

    network: str
    precision: str
    clips: int
    accuracy_f32: float
    accuracy: float
    agreement: float
    oks: float | None = None
    people: float | None = None

    def faults(self) -> list[str]:
        """Return why it is not accepted, a phrase each; empty where it is."""
        faults = []
        if self.accuracy < self.accuracy_f32 - MOST_LOST_ACCURACY - 1e-9:
            faults.append(f"accuracy {self.accuracy:.3f} instead of {self.accuracy_f32:.3f}")
        if self.agreement < LEAST_AGREEMENT:
            faults.append(f"{self.agreement:.1%} of verdicts agree, {LEAST_AGREEMENT:.0%} are needed")
        if self.oks is not None and self.oks < LEAST_OKS:
            faults.append(f"median OKS {self.oks:.3f}, {LEAST_OKS} is needed")
        if self.people is not None and abs(self.people - 1) > MOST_LOST_PEOPLE:
            faults.append(f"{self.people:.1%} of the people are found")
        return faults

    def require(self) -> PrecisionGate:
        """Return the gate. Errors: GateError with its figures where it is not passed."""
        if faults := self.faults():
            raise GateError(
                f"the {self.network} network in {self.precision} fails on {self.clips} held-out clips: "
                f"{'; '.join(faults)}: export it in f32"
            )
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the figures, as edge.json has them."""
        return asdict(self) | {"accepted": not self.faults()}


MOST_LOST_ACCURACY = 0.01
LEAST_AGREEMENT = 0.97
LEAST_OKS = 0.9
MOST_LOST_PEOPLE = 0.03


def lower(model: Path, target: Path, precision: str, inputs: Sequence[NDArray[Any]], spare_ends: bool = False) -> Path:
    """Write a network (.onnx or .xml) in another precision to `target` (.xml).

    inputs      of one shape, on which INT8 is calibrated: of the train split, never of held-out clips.
    spare_ends  INT8 leaves the first block and the last convolution in full precision, and corrects biases layer by
                layer, which takes minutes: networks whose outputs are places need it (chosen on the validation split).
    Errors: InputError for an unknown precision, or where NNCF is not installed.
    """
    if precision == "fp16":
        return save_openvino(openvino().Core().read_model(model), target, fp16=True)
    if precision != "int8":
        raise InputError(f"precision is one of {', '.join(PRECISIONS)}, came {precision!r}")
    if find_spec("nncf") is None:
        raise InputError("INT8 needs the package nncf: pip install nncf, or export in fp16 or f32")
    if not inputs:
        raise InputError("INT8 is calibrated on windows or pictures of the train split, and there are none")
    library = openvino()
    graph = library.Core().read_model(model)
    shapes = graph.inputs[0].partial_shape
    graph.reshape(list(inputs[0].shape))
    quantized = _quantized(graph, inputs, spare_ends)
    quantized.reshape(shapes)
    return save_openvino(quantized, target)


def _quantized(graph: Any, inputs: Sequence[NDArray[Any]], spare_ends: bool) -> Any:
    import nncf

    nncf.set_log_level(logging.ERROR)
    settings: dict[str, Any] = {}
    if spare_ends:
        convolutions = [op.get_friendly_name() for op in graph.get_ordered_ops() if "Convolution" in op.get_type_name()]
        spared = nncf.IgnoredScope(names=[*convolutions[:2], convolutions[-1]])
        settings = {"ignored_scope": spared, "fast_bias_correction": False}
        settings |= {"preset": nncf.QuantizationPreset.MIXED}
    with redirect_stdout(io.StringIO()):  # its progress bars
        return nncf.quantize(graph, nncf.Dataset(list(inputs)), subset_size=len(inputs), **settings)


def as_batches(windows: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return windows (N, T, K, 3) one by one, as calibration takes them."""
    return [windows[i : i + 1] for i in range(len(windows))]
