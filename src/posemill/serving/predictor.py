"""Predictor of a packaged model: windows or tracks → probabilities, by ONNX Runtime and the feature pipeline.

The services, acceptance and an edge device use it; it needs neither BentoML nor torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.track import PoseTrack

MODEL, FEATURES, CLASSES, DIGESTS, CALIBRATION = (
    "activity.onnx",
    "features.json",
    "classes.json",
    "digests.json",
    "calibration.json",
)
FILES = {"model": MODEL, "features": FEATURES, "classes": CLASSES, "calibration": CALIBRATION}  # that must be whole
BATCH = 256  # windows a run, so that memory does not grow with the length of a track


@dataclass(frozen=True, slots=True, eq=False)
class ActivityPredictor:
    """A packaged model, ready to answer.

    features     the fitted feature pipeline: its skeleton and window are what the model takes.
    classes      activities in output order, C of them.
    temperature  > 0; logits are divided by it, so that probabilities mean what they say.
    digests      of the packaged files, see packaging/digests.py.
    below        rejection threshold: probability under which the model abstains; None = it never does.
    """

    features: FeaturePipeline
    classes: tuple[str, ...]
    temperature: float
    digests: dict[str, Any]
    session: Any
    below: float | None = None

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> ActivityPredictor:
        """Load a folder as the package stage writes it. CheckpointError where a file is missing or was changed."""
        import onnxruntime

        digests = _read(folder / DIGESTS)
        for key, name in FILES.items():
            _verify(folder / name, digests.get(key))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(folder / MODEL, options, providers=["CPUExecutionProvider"])
        classes = tuple(_read(folder / CLASSES))
        if (outputs := session.get_outputs()[0].shape[-1]) != len(classes):
            raise CheckpointError(f"{folder}: the model has {outputs} outputs, classes.json {len(classes)} names")
        calibration = _read(folder / CALIBRATION)
        features, below = FeaturePipeline.load(folder / FEATURES), calibration.get("rejection_threshold")
        return cls(features, classes, float(calibration["temperature"]), digests, session, below)

    def logits(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute logits: (N, T, K, 3) windows in pixels (NaN = not seen) → (N, C) float32."""
        prepared = self.features.transform(windows)
        name = self.session.get_inputs()[0].name
        parts = [self.session.run(None, {name: prepared[i : i + BATCH]})[0] for i in range(0, len(prepared), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes)), np.float32)

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probabilities: (N, T, K, 3) windows in pixels (NaN = not seen) → (N, C) float32; rows sum to 1.

        Examples
        --------
        >>> predictor = ActivityPredictor.load(Path("build/package"))  # doctest: +SKIP
        >>> predictor.probabilities(np.load("build/prepare/windows.npy")[:4]).shape  # doctest: +SKIP
        (4, 12)
        """
        z = self.logits(windows).astype(np.float64) / self.temperature
        e = np.exp(z - z.max(-1, keepdims=True, initial=-np.inf))
        return np.asarray(e / e.sum(-1, keepdims=True), np.float32)

    def abstained(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Selective prediction, (N, C) → (N,): True where the best probability is below the rejection threshold."""
        return np.asarray(probabilities.max(-1, initial=0) < (self.below or 0.0))

    def warm(self) -> None:
        """Run the model once on nobody, so that nothing is loaded in the first request."""
        self.probabilities(np.full((1, *self.features.shape), np.nan, np.float32))

    def track(
        self, track: PoseTrack, start_s: float | None = None, end_s: float | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return (N, 2) spans in seconds and (N, C) probabilities, see `predict_track`."""
        spans, _, probabilities = self.predict_track(track, start_s, end_s)
        return spans, probabilities

    def predict_track(
        self, track: PoseTrack, start_s: float | None = None, end_s: float | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        """Return (N, 2) spans in seconds, (N, T, K, 3) windows and (N, C) probabilities; N may be 0.

        track           of any skeleton with the model's keypoints, and of any frame rate.
        start_s, end_s  the stretch that is cut into windows; None = from the first to the last pose.
        """
        windows, _ = self.features.windows(track, start_s, end_s)
        return self.features.spans(track, start_s, end_s), windows, self.probabilities(windows)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError) as exc:
        raise CheckpointError(f"{path} is missing or not JSON: run `posemill stage package` again") from exc


def _verify(path: Path, digest: str | None) -> None:
    if not path.is_file():
        raise CheckpointError(f"no {path}: run `posemill stage package` again")
    if (actual := hashlib.sha256(path.read_bytes()).hexdigest()) != digest:
        raise CheckpointError(
            f"{path}: SHA-256 should be {str(digest)[:12]}…, is {actual[:12]}…; it was changed after packaging"
        )
