"""The pose backend: picture, network, decoder, poses in the picture's own pixels."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.labelling import posenet
from posemill.labelling.base import Pose
from posemill.labelling.openpifpaf import fields
from posemill.labelling.openpifpaf.checkpoints import Checkpoint
from posemill.labelling.openpifpaf.decoder import Decoder, Thresholds
from posemill.labelling.openpifpaf.library import openpifpaf
from posemill.labelling.runtime import OpenVino, load_runtime
from posemill.labelling.views import View, smaller, without_doubles
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17

BORDER = 0.02  # a keypoint this far outside the picture (of its longer side) is a guess about what nobody can see


class OpenPifPafBackend:
    """See PoseBackend. Pictures of one call are spread over `params.threads` threads."""

    skeleton = COCO_17

    def __init__(self, checkpoint: Checkpoint, params: LabelParams, cache: Path) -> None:
        self._params, self._checkpoint = params, checkpoint
        # ONNX exports of the in-place form are silently wrong; OpenVINO takes both, the other way is as exact
        openpifpaf.network.heads.CompositeField4.inplace_ops = False
        content = checkpoint.sha256 + _digest_of_code()
        self._runtime = load_runtime(params.runtime, checkpoint.shell, content, cache / "networks", params.threads)
        self._thresholds = Thresholds(
            params.force_complete, params.instance_threshold, params.keypoint_threshold, params.seed_threshold
        )
        self._pool = ThreadPoolExecutor(self._runtime.workers, thread_name_prefix="posemill-pose")
        self._own = threading.local()

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        params = self._params
        return {
            "backend": "openpifpaf",
            "openpifpaf": openpifpaf.__version__,
            "checkpoint": self._checkpoint.name,
            "checkpoint_sha256": self._checkpoint.sha256,
            "code": _digest_of_code(),
            "runtime": params.runtime,
            "skeleton": self.skeleton.name,
            "long_edge_px": params.long_edge_px,
            "force_complete": params.force_complete,
            "instance_threshold": params.instance_threshold,
            "keypoint_threshold": params.keypoint_threshold,
            "seed_threshold": params.seed_threshold,
            "second_look": params.second_look,
        }

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """See PoseBackend."""
        views = [View(image, 0, self._params.long_edge_px) for image in images]
        with self._thresholds.in_force():
            found = self._look(views)
            again = [i for i, poses in enumerate(found) if self._unsure(poses)]
            turned = [View(images[i], turns, smaller(self._params.long_edge_px)) for i in again for turns in (1, 3)]
            more = self._look(turned)
        for number, i in enumerate(again):
            found[i] = without_doubles([*found[i], *more[2 * number], *more[2 * number + 1]])
        return found

    def _unsure(self, poses: Sequence[Pose]) -> bool:
        return all(pose.person_confidence < self._params.second_look for pose in poses)

    def _look(self, views: Sequence[View]) -> list[list[Pose]]:
        if isinstance(self._runtime, OpenVino):
            for sides in {view.placement.sides for view in views}:
                self._runtime.prepare((1, 3, *sides))
        return list(self._pool.map(self._one, views))

    def _one(self, view: View) -> list[Pose]:
        if not hasattr(self._own, "decoder"):
            self._own.decoder = Decoder(self._checkpoint.shell)
        found = self._own.decoder(self._runtime(view.network_input()))
        return [self._pose(points, confidence, view) for points, confidence in found]

    def _pose(self, points: NDArray[np.float32], confidence: float, view: View) -> Pose:
        """Keypoints that are not sure enough, or outside the picture, are not seen."""
        xy = view.back(points[:, :2])
        sure = points[:, 2].clip(0, 1).astype(np.float32)
        last = np.array([view.image.shape[1] - 1, view.image.shape[0] - 1], np.float32)
        margin = BORDER * float(last.max())
        seen = (sure > 0) & (sure >= self._params.keypoint_threshold)
        seen &= (xy >= -margin).all(-1) & (xy <= last + margin).all(-1)
        xy = np.where(seen[:, None], xy.clip(0, last), np.float32("nan"))
        return Pose(xy.astype(np.float32), np.where(seen, sure, np.float32(0)), min(1.0, max(0.0, confidence)))


def _digest_of_code() -> str:
    """Of the modules that compute fields: a kept network must not outlive a change of them."""
    return hashlib.sha256(b"".join(Path(str(m.__file__)).read_bytes() for m in (posenet, fields))).hexdigest()[:16]
