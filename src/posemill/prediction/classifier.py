"""Packaged window classifiers: the part of an activity model that every runtime shares, whatever runs its network.

numpy only. `posemill.prediction.model` runs it by ONNX Runtime, `posemill.edge` by OpenVINO.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.features.calibration_file import rejection_threshold
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import none_column
from posemill.pose.track import PoseTrack
from posemill.prediction.events import events_of
from posemill.untrusted import untrusted

MODEL, FEATURES, CLASSES, DIGESTS, CALIBRATION = (
    "activity.onnx",
    "features.json",
    "classes.json",
    "digests.json",
    "calibration.json",
)
FILES = {"model": MODEL, "features": FEATURES, "classes": CLASSES, "calibration": CALIBRATION}  # that must be whole
BATCH = 256  # windows a run, so that memory does not grow with the length of a track
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # (N, T, K, 3) network input → (N, C) logits


class WindowProbabilities(NamedTuple):
    """Windows of a track with their probabilities; N may be 0.

    spans          (N, 2) seconds, start and end.
    windows        (N, T, K, 3) pixels, NaN = not seen.
    probabilities  (N, C), calibrated.
    """

    spans: NDArray[np.float64]
    windows: NDArray[np.float32]
    probabilities: NDArray[np.float32]


class Network(NamedTuple):
    """A network that a runtime has opened: what runs it, and its number of outputs."""

    run: Run
    outputs: int


@dataclass(frozen=True, slots=True, eq=False)
class WindowClassifier:
    """Windows of one person → calibrated probabilities of activities.

    features     the fitted feature pipeline: its skeleton and window are what the model takes.
    classes      activities in output order, C of them; of a model with an open-set score the last is "none of these".
    temperature  > 0; logits are divided by it (temperature scaling).
    digests      of the packaged files, see packaging/digests.py.
    run          the network on any runtime: (N, T, K, 3) normalised float32 → (N, C) logits; N from 1 to BATCH.
    rejection_threshold  probability under which the model abstains, found in evaluation; None = it never does.
    events       activities that name a clip wherever they happen in it, with their least probability.
    """

    features: FeaturePipeline
    classes: tuple[str, ...]
    temperature: float
    digests: dict[str, Any]
    run: Run
    rejection_threshold: float | None = None
    events: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, open_network: Callable[[Path], Network]) -> Self:
        """Read a package's files and open its network.

        Errors: CheckpointError where a file is missing or was changed after packaging, or where network and class list
        do not match.
        """
        with untrusted(f"the package {folder}", CheckpointError):
            return cls._read_files(folder, open_network)

    @classmethod
    def _read_files(cls, folder: Path, open_network: Callable[[Path], Network]) -> Self:
        digests = _read(folder / DIGESTS)
        for key, name in FILES.items():
            _verify(folder / name, digests.get(key))
        classes, network = tuple(_read(folder / CLASSES)), open_network(folder / MODEL)
        if network.outputs != len(classes):
            raise CheckpointError(
                f"{folder}: the model has {network.outputs} outputs, classes.json {len(classes)} names; the two are of "
                "different models: package the model again"
            )
        calibration, features = _read(folder / CALIBRATION), FeaturePipeline.load(folder / FEATURES)
        threshold = rejection_threshold(calibration)
        temperature, events = float(calibration["temperature"]), events_of(calibration)
        return cls(features, classes, temperature, digests, network.run, threshold, events)

    def window_probabilities(
        self,
        track: PoseTrack,
        start_s: float | None = None,
        end_s: float | None = None,
        others: Sequence[PoseTrack] = (),
    ) -> WindowProbabilities:
        """Cut a track into windows between two times (None = from the first, to the last pose) and predict each.

        others  the other people of the medium, for a model of pairs.
        """
        windows, spans = self.features.windows(track, start_s, end_s, others)
        return WindowProbabilities(spans, windows, self.probabilities(windows))

    def logits(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (N, C) float32 of windows (N, T, K, 3) in pixels (NaN = not seen)."""
        prepared = self.features.transform(windows)
        parts = [self.run(prepared[i : i + BATCH]) for i in range(0, len(prepared), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes)), np.float32)

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the calibrated probabilities (N, C) float32 of windows (N, T, K, 3); every row sums to 1."""
        return calibrated(self.logits(windows), self.temperature)

    def abstained(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return (N,) true where no activity is named: (N, C) is below the rejection threshold, or "none of these"."""
        unsure = np.asarray(probabilities.max(-1, initial=0) < (self.rejection_threshold or 0.0))
        none = none_column(self.classes)
        return unsure if none is None else unsure | (probabilities.argmax(-1) == none)

    def warm(self) -> None:
        """Run the model once on an empty window, so that the first request does not wait for what loads lazily."""
        self.probabilities(np.full((1, *self.features.shape), np.nan, np.float32))


def calibrated(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return the probabilities (N, C) of logits (N, C): softmax after temperature scaling.

    Examples:
        >>> calibrated(np.zeros((1, 2), np.float32), 1.5).tolist()
        [[0.5, 0.5]]
    """
    z = logits.astype(np.float64) / temperature
    e = np.exp(z - z.max(-1, keepdims=True, initial=-np.inf))
    return np.asarray(e / e.sum(-1, keepdims=True), np.float32)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError) as exc:
        raise CheckpointError(f"{path} is missing or not JSON: run `posemill stage package` again") from exc


def _verify(path: Path, digest: str | None) -> None:
    if not path.is_file():
        raise CheckpointError(f"no {path}: run `posemill stage package` again")
    if (actual := hashlib.sha256(path.read_bytes()).hexdigest()) != digest:
        raise CheckpointError(
            f"{path}: SHA-256 should be {str(digest)[:12]}…, is {actual[:12]}…; it was changed after packaging"
        )
