"""Pose model: one pose → probabilities, by a package that was trained on still poses."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.applications.activity_model import OpenModel, open_activity_model
from posemill.errors import InputError
from posemill.prediction.classifier import WindowClassifier

LEAST_TEMPERATURE = 0.5
EMBEDDED = Path(__file__).parent / "model"


@lru_cache(maxsize=4)
def load_pose_model(folder: Path | None, open_model: OpenModel = open_activity_model) -> WindowClassifier:
    """Load a package, or the embedded one.

    Errors: CheckpointError where files are missing or changed; InputError where it was trained on motion.
    """
    model = open_model(folder or EMBEDDED)
    if (sampling := model.features.window.sampling) != "still":
        raise InputError(
            f"{folder}: this package was trained on windows of motion (sampling {sampling}); the yoga identifier needs "
            "one trained on still poses, with prepare.window.sampling: still"
        )
    return model


def probabilities(model: WindowClassifier, pose: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities (C,) of a pose (K, 3) in pixels, of the model's skeleton; NaN = not seen.

    They are never sharper than with LEAST_TEMPERATURE: a calibration on few photos, all of them answered right, makes
    the model sure of anything, also of poses that it was never shown.
    """
    held = np.repeat(pose[None, None], model.features.window.frames, axis=1).astype(np.float32)
    z = model.logits(held)[0].astype(np.float64) / max(model.temperature, LEAST_TEMPERATURE)
    e = np.exp(z - z.max())
    return np.asarray(e / e.sum(), np.float32)
