"""Pose keypoints in, activities out: trains, validates and serves activity-recognition models.

The public names of the library. They are imported when they are used, so that `import posemill` costs nothing:

>>> import posemill
>>> posemill.SKELETONS["coco-17"].keypoints[:3]
('nose', 'left_eye', 'right_eye')
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it as true; importing typing would take longer than all of this
if TYPE_CHECKING:
    from posemill import apps
    from posemill.errors import (
        CheckpointError,
        GateError,
        InputError,
        ParamsError,
        PosemillError,
        QualityError,
        ReaderEnded,
        SkeletonError,
        Unavailable,
        UnreadableMedia,
    )
    from posemill.estimation.estimator import PoseEstimator
    from posemill.estimation.types import Pose
    from posemill.formats.registry import read_media, read_tracks, write_tracks
    from posemill.pose.skeleton import SKELETONS
    from posemill.pose.topology import Skeleton
    from posemill.pose.track import MediumTracks, PoseTrack
    from posemill.prediction.model import ActivityModel
    from posemill.prediction.schema import Prediction
    from posemill.serving.client import Client
    from posemill.workspace import open_workspace

    __version__: str

__all__ = [
    "SKELETONS",
    "ActivityModel",
    "CheckpointError",
    "Client",
    "GateError",
    "InputError",
    "MediumTracks",
    "ParamsError",
    "Pose",
    "PoseEstimator",
    "PoseTrack",
    "PosemillError",
    "Prediction",
    "QualityError",
    "ReaderEnded",
    "Skeleton",
    "SkeletonError",
    "Unavailable",
    "UnreadableMedia",
    "__version__",
    "apps",
    "open_workspace",
    "read_media",
    "read_tracks",
    "write_tracks",
]

_HOMES = {
    "ActivityModel": "posemill.prediction.model",
    "Client": "posemill.serving.client",
    "MediumTracks": "posemill.pose.track",
    "Pose": "posemill.estimation.types",
    "PoseEstimator": "posemill.estimation.estimator",
    "PoseTrack": "posemill.pose.track",
    "Prediction": "posemill.prediction.schema",
    "SKELETONS": "posemill.pose.skeleton",
    "Skeleton": "posemill.pose.topology",
    "apps": "posemill",
    "open_workspace": "posemill.workspace",
    "read_media": "posemill.formats.registry",
    "read_tracks": "posemill.formats.registry",
    "write_tracks": "posemill.formats.registry",
}


if not TYPE_CHECKING:  # or else every misspelt name would pass a type checker

    def __getattr__(name):
        """Import a public name from its module on first use (PEP 562)."""
        from importlib import import_module

        if name == "__version__":
            value = _version()
        elif _HOMES.get(name) == __name__:  # a module of its own
            value = import_module(f"{__name__}.{name}")
        elif name in __all__:
            value = getattr(import_module(_HOMES.get(name, "posemill.errors")), name)
        else:
            raise AttributeError(f"module 'posemill' has no attribute {name!r}; it has {', '.join(__all__)}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Public names, also those not imported yet, for completion."""
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("posemill")
    except metadata.PackageNotFoundError:  # the small bento brings the source alone
        return "0+unknown"
