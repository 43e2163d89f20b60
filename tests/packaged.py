"""A small package (random weights, fitted features) and tracks for it, for tests of packaging and serving."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.features import FeaturePipeline, WindowSpec
from posemill.pose.skeleton import BODY_12, Skeleton
from posemill.pose.track import PoseTrack

if TYPE_CHECKING:
    from torch import nn

    from posemill.models import NetworkCard
    from posemill.models.open_set import OpenSetScore

CLASSES = ("rest", "squat", "wave")
ABSTAIN_BELOW = 0.55  # some of some_windows() are below, some above
SPEC = WindowSpec(duration_s=1.0, stride_s=0.5, rate_hz=12.0)


def walking_track(body: Skeleton = BODY_12, fps: float = 25.0, seconds: float = 3.0, seed: int = 0) -> PoseTrack:
    """A person whose keypoints swing around a standing pose; pixels."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(fps * seconds)) / fps
    rest = rng.uniform([250, 100], [390, 420], (len(body), 2))
    swing = rng.uniform(-30, 30, (len(body), 2))
    xy = (rest + np.sin(2 * np.pi * t)[:, None, None] * swing).astype(np.float32)
    shape = (len(t), len(body))
    return PoseTrack(
        body, 0, np.arange(len(t), dtype=np.int32), t, xy, np.full(shape, 0.9, np.float32), np.zeros(len(t), np.uint8)
    )


def some_windows(n: int = 16) -> NDArray[np.float32]:
    """(n, T, K, 3) windows of different people, some keypoints not seen."""
    fitted = FeaturePipeline(BODY_12, SPEC)
    windows = np.concatenate([fitted.windows(walking_track(seed=i))[0][:1] for i in range(n)])
    windows[::3, :, 2] = (np.nan, np.nan, 0)
    return windows


def fitted_features() -> FeaturePipeline:
    return FeaturePipeline(BODY_12, SPEC).fit(some_windows())


def hold_network() -> tuple[nn.Module, NetworkCard]:
    """A small network with fixed random weights that tells people apart, and its card."""
    import torch

    from posemill.models import NetworkCard, build

    torch.manual_seed(7)
    hyper = {"width": 16, "dilations": [1, 2]}
    network = build("tcn", BODY_12, len(CLASSES), **hyper).eval()
    with torch.no_grad():  # random weights hardly tell people apart; these do
        head = network.get_submodule("head.1")
        head.weight *= 20
        head.bias -= network(torch.from_numpy(fitted_features().transform(some_windows()))).mean(0)
    return network, NetworkCard("tcn", hyper, BODY_12.name, CLASSES, SPEC.frames)


def hold_score() -> OpenSetScore:
    """An open-set score of that network, by which some of some_windows() are none of the classes."""
    from posemill.evaluation.open_set import ClassFeatures, fit_score
    from posemill.models.inference import predict_logits
    from posemill.models.open_set import with_features

    network, _ = hold_network()
    windows = some_windows(24)
    both = predict_logits(with_features(network), fitted_features(), windows, np.arange(24), 24)
    seen = ClassFeatures(both[:, : len(CLASSES)], both[:, len(CLASSES) :], np.arange(24))
    score = fit_score(seen, seen.logits.argmax(1), seen, 1.5, 0.6)
    assert score is not None
    return score


def write_package(
    folder: Path,
    labeller: Mapping[str, Any] | None = None,
    weights: str | None = None,
    open_set: OpenSetScore | None = None,
) -> float:
    """A whole package folder; returns the measured difference between ONNX and the network."""
    from posemill.packaging.assemble import assemble

    network, card = hold_network()
    return assemble(
        folder,
        network,
        card,
        fitted_features(),
        some_windows(),
        1.5,
        labeller or {},
        {"snapshot": "0" * 64, "weights": weights},
        ABSTAIN_BELOW,
        open_set,
    )
