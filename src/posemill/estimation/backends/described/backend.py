"""Described pose networks as a pose backend: whole pictures, or a crop around everybody whom PoseNet finds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.estimation.backends.described.codecs import Decoded, check_outputs, decode
from posemill.estimation.backends.described.description import NetworkDescription, read_description
from posemill.estimation.backends.described.picture import Placed, crop, letterbox
from posemill.estimation.fingerprint import pose_code
from posemill.estimation.postprocess import mask_out_of_frame, nms
from posemill.estimation.runtimes import graphs
from posemill.estimation.runtimes.graph_file import GraphFile, checked
from posemill.estimation.threaded import ThreadedBackend
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams

_CODE = "posemill.estimation.backends.described"


def load(params: LabelParams) -> PoseBackend:
    """The backend with the ONNX file that `params.checkpoint` names, and the description beside it.

    Errors: CheckpointError for no such file, another digest, no description, or a network that gives something else.
    """
    path = Path(params.checkpoint)
    if path.suffix != ".onnx" or not path.is_file():
        raise CheckpointError(
            f"no network {params.checkpoint}: backend onnx has none of its own; label.checkpoint should be a .onnx "
            "file with its description beside it, of the same name and .json"
        )
    network = GraphFile(params.checkpoint, path, checked(path, params.checkpoint_sha256))
    about = read_description(path)
    finder = None
    if about.input.fit == "crop":
        from posemill.estimation.backends.posenet.backend import load as load_posenet

        usual = {"checkpoint": LabelParams().checkpoint, "checkpoint_sha256": None, "keypoint_threshold": 0.0}
        finder = load_posenet(params.model_copy(update=usual))
    return DescribedBackend(network, about, finder, params)


class DescribedBackend(ThreadedBackend):
    """See PoseBackend. `long_edge_px` and the seeds are those of the network that finds people, where there is one.

    So is a person's confidence then: a network for crops gives keypoints even where nobody is.
    """

    def __init__(
        self, network: GraphFile, about: NetworkDescription, finder: PoseBackend | None, params: LabelParams
    ) -> None:
        super().__init__(params.threads)
        self._network, self._about, self._finder, self._params = network, about, finder, params
        self._graph = graphs.open_graph(network.path, params.runtime, params.threads, params.precision)
        self.skeleton = about.body
        blank = np.zeros((1, 3, about.input.height, about.input.width), np.float32)
        try:
            outputs = self._graph(blank)
        except Exception as exc:  # each runtime has its own errors
            raise CheckpointError(
                f"{network.name} does not take (1, 3, {about.input.height}, {about.input.width}) as its description "
                f"says: {str(exc).strip()[:200]}"
            ) from exc
        check_outputs(outputs, about)

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        about = self._about.model_dump_json().encode()
        return {
            "backend": "onnx",
            "checkpoint": self._network.name,
            "checkpoint_sha256": self._network.sha256,
            "description_sha256": hashlib.sha256(about).hexdigest(),
            "code": pose_code(_CODE),
            "runtime": self._params.runtime,
            "precision": self._params.precision,
            "skeleton": self.skeleton.name,
            "finder": None if self._finder is None else self._finder.describe(),
            "instance_threshold": self._params.instance_threshold,
            "keypoint_threshold": self._params.keypoint_threshold,
        }

    def _pose_image(self, image: NDArray[np.uint8]) -> list[Pose]:
        if self._finder is None:
            placed = letterbox(image, self._about.input)
            return self._poses(image, placed, self._decoded(placed))
        (people,) = self._finder.poses([image])
        found = []
        for person in people:
            seen = person.xy[~np.isnan(person.xy).any(-1)]
            if len(seen) and float(np.ptp(seen, axis=0).max()) > 0:
                box = np.concatenate([seen.min(0), seen.max(0)]).astype(np.float64)
                placed = crop(image, box, self._about.input)
                found += self._poses(image, placed, self._decoded(placed), person.person_confidence)
        return nms(found)

    def _decoded(self, placed: Placed) -> Decoded:
        return decode(self._graph(placed.array), self._about, self._params.instance_threshold)

    def _poses(
        self, image: NDArray[np.uint8], placed: Placed, decoded: Decoded, confidence: float | None = None
    ) -> list[Pose]:
        """Poses in the picture's pixels; of a crop with the confidence of who found the person."""
        poses = []
        for keypoints, own in zip(decoded.keypoints, decoded.person, strict=True):
            xy = placed.back(keypoints[:, :2]).astype(np.float32)
            sure = float(own) if confidence is None else confidence
            poses.append(
                mask_out_of_frame(xy, keypoints[:, 2].astype(np.float32), image, self._params.keypoint_threshold, sure)
            )
        return poses
