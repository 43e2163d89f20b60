"""Activity models of applications: how a packaged one is opened, which differs by runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posemill.prediction.classifier import WindowClassifier

OpenModel = Callable[[Path], "WindowClassifier"]


def open_activity_model(folder: Path) -> WindowClassifier:
    """Open a packaged activity model on ONNX Runtime. Errors: CheckpointError where the package is incomplete."""
    from posemill.prediction.model import ActivityModel

    return ActivityModel.load(folder)
