"""Model package: a folder with network, features, classes, calibration, labeller and their digests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import NONE_OF_THESE
from posemill.packaging.digests import of_files
from posemill.packaging.export import to_onnx, to_openvino
from posemill.packaging.parity import OPEN_SET_TOLERANCE, TOLERANCE, require_parity

if TYPE_CHECKING:
    from torch import nn

    from posemill.models import NetworkCard
    from posemill.models.open_set import OpenSetScore

FILES = {
    "model": "activity.onnx",
    "openvino": "activity.xml",
    "openvino_weights": "activity.bin",
    "features": "features.json",
    "classes": "classes.json",
    "calibration": "calibration.json",
    "labeller": "labeller.json",
}


def assemble(
    folder: Path,
    network: nn.Module,
    card: NetworkCard,
    features: FeaturePipeline,
    windows: NDArray[np.float32],
    temperature: float,
    labeller: Mapping[str, Any],
    origin: Mapping[str, str | None],
    rejection_threshold: float | None = None,
    open_set: OpenSetScore | None = None,
) -> float:
    """Write a model package to `folder`; returns the largest difference of logits (see parity.py).

    windows      (N, T, K, 3) pixels, NaN = not seen; real windows on which exports are compared with the network.
    temperature  > 0, of the calibration.
    labeller     pose estimator of this model's videos, see docs/architecture.md.
    origin       further digests (snapshot, parameters, code …), recorded beside those of the files.
    rejection_threshold  probability below which the model abstains; None: it never does.
    open_set     score that the exported network has as one more logit, of the class "none of these"; None: it has none.
    Errors: CheckpointError if network and features do not match, or if an export differs from the network.
    """
    if (card.skeleton, card.frames) != (features.skeleton.name, features.window.frames):
        raise CheckpointError(
            f"the network expects {card.frames} poses of {card.skeleton}, the features give "
            f"{features.window.frames} of {features.skeleton.name}: "
            "run `posemill stage train` after `posemill stage prepare`"
        )
    folder.mkdir(parents=True, exist_ok=True)
    network, classes = with_open_set(network, card, open_set), package_classes(card, open_set)
    model = to_onnx(network, card.frames, features.skeleton, folder / FILES["model"])
    exports, inputs = (model, to_openvino(model, folder / FILES["openvino"])), features.transform(windows)
    tolerance = TOLERANCE if open_set is None else OPEN_SET_TOLERANCE
    difference = max(require_parity(file, network, inputs, tolerance) for file in exports)
    features.save(folder / FILES["features"])
    write_json(folder / FILES["classes"], classes)
    abstain = {} if rejection_threshold is None else {"rejection_threshold": rejection_threshold}
    write_json(folder / FILES["calibration"], {"temperature": temperature, **abstain})
    write_json(folder / FILES["labeller"], dict(labeller))
    digests = of_files({key: folder / name for key, name in FILES.items()})
    write_json(folder / "digests.json", {**digests, **origin})
    return difference


def with_open_set(network: nn.Module, card: NetworkCard, score: OpenSetScore | None) -> nn.Module:
    """Return the network that is exported: with the score as one more logit, where there is a score."""
    from posemill.models.open_set import OpenSetNetwork

    return network if score is None else OpenSetNetwork(network, score, len(card.classes))


def package_classes(card: NetworkCard, score: OpenSetScore | None) -> list[str]:
    """Return the classes of a package, in output order: "none of these" is the last of one with an open-set score."""
    return [*card.classes] if score is None else [*card.classes, NONE_OF_THESE]


def write_json(path: Path, content: Any) -> None:
    """Write JSON; equal content gives equal bytes."""
    path.write_text(json.dumps(content, indent=1) + "\n")
