"""Models of an exported folder: activity model, pose network and settings of tracking, checked when opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from posemill.edge.applications import Applications, applications_of
from posemill.edge.manifest import read_manifest
from posemill.edge.network import EdgeNetwork
from posemill.edge.pose import PoseDescription, PoseEstimate, open_pose_network
from posemill.errors import CheckpointError
from posemill.estimation.tracking.settings import TrackingSettings
from posemill.prediction.classifier import Network, WindowClassifier

MODEL = "model"  # folder with the files of a packaged model


@dataclass(frozen=True, slots=True)
class Tracking:
    """The tracking section of edge.json; see TrackingSettings."""

    min_oks: float
    max_gap_s: float
    min_duration_s: float
    min_poses: int
    interpolate_s: float
    double_oks: float


@dataclass(frozen=True, slots=True, eq=False)
class EdgeModel:
    """A model that is ready to run.

    manifest    the content of edge.json.
    classifier  windows → probabilities, on OpenVINO; None where it was exported without an activity model.
    pose        pictures → people.
    applications  builds those of a source.
    """

    manifest: dict[str, Any]
    classifier: WindowClassifier | None
    tracking: TrackingSettings
    pose: PoseEstimate
    applications: Applications = field(default=tuple)

    @classmethod
    def open(cls, folder: Path, threads: int = 1, expected: str | None = None) -> EdgeModel:
        """Open an exported folder.

        expected  digest of edge.json; None = any.
        Errors: CheckpointError where a file is missing, was changed, or does not fit the others.
        """
        manifest = read_manifest(folder, expected)
        try:
            tracking, pose = Tracking(**manifest["tracking"]), PoseDescription.of(manifest["pose"])
        except (KeyError, TypeError) as exc:
            raise CheckpointError(f"{folder}/edge.json does not fit this runtime ({exc!r}): export again") from exc
        activity = folder / MODEL if manifest["classes"] else None
        return cls(
            manifest,
            None if activity is None else open_classifier(activity, threads, manifest.get("activity_file")),
            tracking,
            open_pose_network(folder, pose, threads),
            applications_of(folder, manifest, cache(partial(open_classifier, threads=threads))),
        )


def open_classifier(folder: Path, threads: int = 1, file: str | None = None) -> WindowClassifier:
    """Open a packaged model's folder on OpenVINO.

    file  name of the network to run instead of activity.onnx, such as one of lower precision.
    """

    def opened(path: Path) -> Network:
        network = EdgeNetwork(path.with_name(file) if file else path, threads)
        return Network(network, network.outputs)

    return WindowClassifier.read(folder, opened)
