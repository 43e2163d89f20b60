"""A video and a model on this machine: poses, activities and an overlay, without database or service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from posemill.errors import CheckpointError
from posemill.estimation.estimator import PoseEstimator
from posemill.params.label import LabelParams
from posemill.prediction.locate import package_folder
from posemill.prediction.model import ActivityModel
from posemill.prediction.packaged import PACKAGED
from posemill.prediction.schema import Prediction

LABELLER = "labeller.json"


@dataclass(frozen=True, slots=True, eq=False)
class TryModel:
    """An activity model with the pose estimator that it goes with.

    Examples:
        >>> TryModel.load().predict(Path("clip.mp4")).verdict    # doctest: +SKIP
    """

    model: ActivityModel
    estimator: PoseEstimator

    @classmethod
    def load(cls, folder: Path | None = None, backend: str | None = None) -> Self:
        """Load a package, None = the packaged model; and its pose estimator, or another backend.

        Errors: CheckpointError for a folder that is no package; InputError for an unknown backend.
        """
        folder = PACKAGED if folder is None else package_folder(folder)
        return cls(ActivityModel.load(folder), PoseEstimator(backend, params=labeller_of(folder)))

    def predict(self, video: Path, overlay: Path | None = None) -> Prediction:
        """Predict everybody's activities in a video; with `overlay` also draw them into that folder (MP4 and JPEG).

        Errors: UnreadableMedia for a file that is no video.
        """
        tracks = self.estimator.track(video, sandboxed=True)
        answer = self.model.predict(tracks)
        if overlay is not None:
            from posemill.serving.overlay import draw

            overlay.mkdir(parents=True, exist_ok=True)
            stride = self.estimator.params.frame_stride
            files = overlay / f"{video.stem}.mp4", overlay / f"{video.stem}.jpg"
            draw(video, tracks, answer.people, stride, *files, lambda _: None)
        return answer


def labeller_of(folder: Path) -> LabelParams:
    """Read the label parameters of a package. Errors: CheckpointError without a readable labeller.json."""
    try:
        return LabelParams.model_validate(json.loads((folder / LABELLER).read_text())["params"])
    except (OSError, ValueError, KeyError) as exc:
        raise CheckpointError(f"{folder} has no readable {LABELLER}: {exc}; package the model again") from exc
