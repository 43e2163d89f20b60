"""Files of BlazePose: the embedded detector and lite landmarks, full and heavy ones by file, all known by digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from posemill.errors import CheckpointError
from posemill.estimation.backends.blazepose.detector import DETECTOR_SHAPES
from posemill.estimation.backends.blazepose.landmarks import LANDMARK_OUTPUTS, LANDMARK_SHAPES
from posemill.estimation.backends.blazepose.tflite import TfLiteNetwork
from posemill.estimation.runtimes.graph_file import WEIGHTS, GraphFile, checked
from posemill.params.label import LabelParams
from posemill.settings import Settings

PACKAGE = "@mediapipe/pose@0.5.1675469404"
SHA256: Mapping[str, str] = MappingProxyType(
    {
        "lite": "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        "full": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        "heavy": "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
    }
)
DETECTOR = GraphFile(
    "detector",
    WEIGHTS / "blazepose-detector.tflite",
    "a63c614bef30d35947f13be361820b1e4e3bec9cfeebf4d11216a18373108e85",
)
EMBEDDED = GraphFile("lite", WEIGHTS / "blazepose-landmark-lite.tflite", SHA256["lite"])


def find_landmark_file(params: LabelParams) -> GraphFile:
    """Return the landmark network that `params.checkpoint` names: lite (embedded), full, heavy, or a .tflite file.

    full and heavy are files pose_landmark_<name>.tflite in the cache of checkpoints. A file by its path is refused
    unless it is one of the known ones, or `params.checkpoint_sha256` pins it.

    Errors: CheckpointError for a name that is no file, and for other bytes than expected.
    """
    name, pinned = params.checkpoint, params.checkpoint_sha256
    if name in (EMBEDDED.name, LabelParams().checkpoint):  # the default is another backend's: nothing was chosen
        return GraphFile(EMBEDDED.name, EMBEDDED.path, checked(EMBEDDED.path, pinned or EMBEDDED.sha256))
    known = name in SHA256
    path = Settings.from_env().home / "cache" / "checkpoints" / source_name(name) if known else Path(name)
    if path.suffix != ".tflite" or not path.is_file():
        raise CheckpointError(_absent(name, path if known else None))
    digest = checked(path, pinned or (SHA256[name] if known else None))
    if pinned is None and digest not in SHA256.values():
        listed = ", ".join(f"{source_name(kind)} {sha256}" for kind, sha256 in SHA256.items())
        raise CheckpointError(
            f"{path}: SHA-256 {digest} is none of the landmark files of npm {PACKAGE} ({listed}): take one of them, "
            "or pin another file with label.checkpoint_sha256"
        )
    return GraphFile(name, path, digest)


def open_detector(params: LabelParams) -> TfLiteNetwork:
    """Open the embedded detector. Errors: CheckpointError where it is damaged."""
    checked(DETECTOR.path, DETECTOR.sha256)
    return TfLiteNetwork(DETECTOR.path, DETECTOR_SHAPES, params.threads, params.precision)


def open_landmarks(file: GraphFile, params: LabelParams) -> TfLiteNetwork:
    """Open a landmark network. Errors: CheckpointError where it is none."""
    return TfLiteNetwork(file.path, LANDMARK_SHAPES, params.threads, params.precision, LANDMARK_OUTPUTS)


def source_name(name: str) -> str:
    """Return the name of a landmark file in the npm package."""
    return f"pose_landmark_{name}.tflite"


def _absent(name: str, cached: Path | None) -> str:
    if cached is None:
        return (
            f"no checkpoint {name}: label.checkpoint should be {', '.join(SHA256)}, or a .tflite file of npm {PACKAGE}"
        )
    return (
        f"no checkpoint {name}: take {source_name(name)} (SHA-256 {SHA256[name]}) out of npm {PACKAGE} "
        f"(`npm pack {PACKAGE}`) and put it at {cached}, or give its path as label.checkpoint"
    )
