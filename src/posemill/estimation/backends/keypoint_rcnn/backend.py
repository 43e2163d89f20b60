"""torchvision's Keypoint R-CNN as a pose backend: boxes first, then keypoints in every box."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError, Unavailable
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.runtimes.graph_file import checked
from posemill.estimation.threaded import ThreadedBackend
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.settings import Settings

if TYPE_CHECKING:
    from torchvision.models.detection.keypoint_rcnn import KeypointRCNN

OFFICIAL = "official"
_UNCHOSEN = "posenet"  # the default of label.checkpoint, which is no file of this network


@dataclass(frozen=True, slots=True)
class RcnnCheckpoint:
    """A network ready to run, and what identifies its weights."""

    name: str
    sha256: str
    network: KeypointRCNN


def load(params: LabelParams) -> PoseBackend:
    """torchvision's network: label.checkpoint is `official` (downloaded once) or a .pth file of its state dict.

    Errors: CheckpointError for a wrong digest or other weights; Unavailable when the official ones cannot be fetched.
    """
    chosen = OFFICIAL if params.checkpoint == _UNCHOSEN else params.checkpoint
    path = download(Settings.from_env().home / "cache" / "checkpoints") if chosen == OFFICIAL else Path(chosen)
    if not path.is_file():
        raise CheckpointError(f"no checkpoint {chosen}: label.checkpoint should be {OFFICIAL}, or a .pth file")
    return KeypointRcnn("keypoint-rcnn", read_state(path, chosen, params), params)


def read_state(path: Path, name: str, params: LabelParams) -> RcnnCheckpoint:
    """A state dict, read as weights only: whatever else is in the file is refused before it runs."""
    import torch

    from posemill.estimation.backends.keypoint_rcnn.network import TORCHVISION, build, fill

    digest = checked(path, params.checkpoint_sha256)
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:  # a damaged pickle can raise anything
        raise CheckpointError(f"{path} is no file of weights only: {type(exc).__name__}: {str(exc)[:200]}") from exc
    if not isinstance(weights, dict):
        raise CheckpointError(f"{path} should hold a state dict, came a {type(weights).__name__}")
    network = build(TORCHVISION, params.long_edge_px, params.instance_threshold)
    fill(network, weights, path)
    return RcnnCheckpoint(name, digest, network)


def download(cache: Path) -> Path:
    """The official weights in the cache, fetched once; their digest must begin as their name says."""
    import torch
    from torchvision.models.detection import KeypointRCNN_ResNet50_FPN_Weights as Weights

    url = str(Weights.COCO_V1.url)
    path = cache / url.rsplit("/", 1)[1]
    prefix = path.stem.rsplit("-", 1)[1]
    if not path.is_file():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
        except (OSError, RuntimeError) as exc:
            raise Unavailable(
                f"the official weights cannot be downloaded from {url} ({exc}); put the file at {path}, or choose "
                "another backend: `posemill backends`"
            ) from exc
    if not checked(path, None).startswith(prefix):
        raise CheckpointError(f"{path}: SHA-256 should start with {prefix}; delete the file and try again")
    return path


class KeypointRcnn(ThreadedBackend):
    """See PoseBackend. PyTorch runs it, one picture at a time; a keypoint's confidence is the sigmoid of its peak.

    module  the one that loads the weights, whose code counts in `describe`.
    """

    skeleton = COCO_17

    def __init__(self, name: str, checkpoint: RcnnCheckpoint, params: LabelParams, module: str = __name__) -> None:
        super().__init__(threads=1)  # PyTorch has threads of its own
        self._name, self._checkpoint, self._params, self._module = name, checkpoint, params, module

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        import torchvision

        return {
            "backend": self._name,
            "torchvision": str(torchvision.__version__),
            "checkpoint": self._checkpoint.name,
            "checkpoint_sha256": self._checkpoint.sha256,
            "code": pose_code(self._module),
            "runtime": "eager",
            "skeleton": self.skeleton.name,
            "long_edge_px": self._params.long_edge_px,
            "instance_threshold": self._params.instance_threshold,
            "keypoint_threshold": self._params.keypoint_threshold,
        }

    def _pose_image(self, image: NDArray[np.uint8]) -> list[Pose]:
        import torch

        picture = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255
        with torch.inference_mode():
            (people,) = self._checkpoint.network([picture])
        columns = (people["keypoints"], people["keypoints_scores"], people["scores"])
        return [self._pose(*row) for row in zip(*(c.numpy() for c in columns), strict=True)]

    def _pose(self, points: NDArray[np.float32], peaks: NDArray[np.float32], score: np.float32) -> Pose:
        confidence = (1 / (1 + np.exp(-np.clip(peaks, -50, 50)))).astype(np.float32)
        seen = confidence >= max(self._params.keypoint_threshold, 1e-6)
        xy = np.where(seen[:, None], points[:, :2], np.float32("nan")).astype(np.float32)
        return Pose(xy, np.where(seen, confidence, np.float32(0)), float(score))
