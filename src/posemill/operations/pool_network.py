"""A trained network that looks at unlabelled clips: probabilities, penultimate features, and how unlike they are to
what it was trained on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import grouped_probabilities
from posemill.params.evaluate import EvaluateParams
from posemill.params.section import load_section
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from torch import nn

    from posemill.models.open_set import OpenSetScore

PACKAGED, OWN, BATCH = "packaged", "workspace", 256


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Clips as a network sees them, in ascending order of their numbers.

    clip           (M,) numbers.
    probabilities  (M, C) float32.
    features       (M, D) float32, mean over a clip's windows.
    unlike         (M,) 0..1, probability that it is none of the classes; 0 where the network has no open-set score.
    """

    clip: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]
    unlike: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PoolNetwork:
    """A network with its feature pipeline.

    name         of the model, for people.
    temperature  of its probabilities, as evaluation calibrated them.
    score        open-set score; None where it has none.
    """

    name: str
    network: nn.Module
    features: FeaturePipeline
    classes: tuple[str, ...]
    temperature: float
    score: OpenSetScore | None

    @classmethod
    def open(cls, which: str, inputs: Workspace) -> PoolNetwork:
        """Open `workspace` (what train wrote), `packaged` (comes with posemill), or a folder of either kind.

        A folder has network.safetensors, network.json and features.json, and perhaps calibration.json and
        open_set.safetensors: a copy of build/train with build/prepare/features.json beside it is one.
        Errors: CheckpointError or InputError where a file is missing or does not fit.
        """
        from posemill.prediction.packaged import PACKAGED as FOLDER

        if which == OWN:
            trained = inputs.root / load_section(inputs.params, "evaluate", EvaluateParams).network
            return cls._of(which, trained, inputs.output("prepare"), inputs.output("evaluate"))
        folder = FOLDER if which == PACKAGED else Path(which)
        return cls._of(which, folder, folder, folder)

    @classmethod
    def _of(cls, name: str, trained: Path, prepared: Path, evaluated: Path) -> PoolNetwork:
        from posemill import models
        from posemill.models.open_set import OpenSetScore

        if not (prepared / "features.json").is_file():
            raise InputError(
                f"no {prepared / 'features.json'}: `dvc repro` makes a network of the workspace, or choose "
                f"`--model {PACKAGED}`"
            )
        features = FeaturePipeline.load(prepared / "features.json")
        network, card = models.load(trained, skeleton=features.skeleton)
        calibration = evaluated / "calibration.json"
        temperature = float(json.loads(calibration.read_text())["temperature"]) if calibration.is_file() else 1.0
        score = OpenSetScore.load(evaluated)
        return cls(name, network, features, tuple(card.classes), temperature, score)

    def see(self, windows: NDArray[np.float32], clip: NDArray[np.int64]) -> Seen:
        """Look at windows (N, T, K, C) and the numbers (N,) of their clips."""
        from posemill.models.inference import predict_logits
        from posemill.models.open_set import OpenSetNetwork, has_features, with_features

        count, rows = len(self.classes), np.arange(len(windows))

        def run(network: Any) -> NDArray[np.float32]:
            return predict_logits(network, self.features, windows, rows, BATCH)

        both = run(with_features(self.network) if has_features(self.network) else self.network)
        logits, features = both[:, :count], both[:, count:] if has_features(self.network) else both
        numbers, probabilities = grouped_probabilities(_softmax(logits / self.temperature), clip)
        unlike = np.zeros(len(numbers))
        if self.score is not None and has_features(self.network):
            known = run(OpenSetNetwork(self.network, self.score, count)) / np.float32(self.temperature)
            unlike = grouped_probabilities(_softmax(known), clip)[1][:, -1].astype(np.float64)
        return Seen(numbers, probabilities, _clip_means(features, clip), unlike)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    e = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True), np.float32)


def _clip_means(values: NDArray[np.float32], clip: NDArray[np.int64]) -> NDArray[np.float32]:
    names, at = np.unique(clip, return_inverse=True)
    total = np.zeros((len(names), values.shape[1]))
    np.add.at(total, at, values)
    return np.asarray(total / np.bincount(at)[:, None], np.float32)
