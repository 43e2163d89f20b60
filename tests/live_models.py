"""Small packages for the live page: any window specification, random weights, no torch; and tracks with gaps."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from packaged import CLASSES, walking_track
from posemill.features import FeaturePipeline, WindowSpec
from posemill.packaging.digests import of_file
from posemill.packaging.golden import write_golden
from posemill.packaging.taught import package_taught
from posemill.pose.skeleton import BODY_12, COCO_17, Skeleton
from posemill.pose.track import PoseTrack, State
from posemill.prediction.classifier import DIGESTS
from posemill.prediction.golden import FILE as GOLDEN
from posemill.prediction.golden import GoldenTrack
from posemill.prediction.model import ActivityModel
from posemill.prediction.taught import TaughtModel

KERNEL, HIDDEN = 5, 8


def gappy_track(seed: int, body: Skeleton = COCO_17, fps: float = 20.0, seconds: float = 4.2) -> PoseTrack:
    """Uneven times, keypoints that are missing for a while or always, and rows that were interpolated."""
    rng = np.random.default_rng(seed)
    track = walking_track(body, fps, seconds, seed)
    times = track.time_s + rng.uniform(-0.3, 0.3, len(track)) / fps
    xy = (track.xy + rng.normal(0, 2, track.xy.shape)).astype(np.float32)
    xy[rng.uniform(size=xy.shape[:2]) < 0.15] = np.nan
    xy[10:34, 7] = np.nan
    xy[:, 9] = np.nan
    keep = np.ones(len(track), bool)
    keep[50:58] = False
    state = track.state.copy()
    state[::9] = State.INTERPOLATED
    confidence = np.where(np.isnan(xy[..., 0]), np.float32(0), track.confidence)
    return replace(track, time_s=times, xy=xy, confidence=confidence, state=state).rows(keep)


def golden_tracks(count: int = 3) -> list[GoldenTrack]:
    return [GoldenTrack(f"made up {seed}", gappy_track(seed), 640, 480, CLASSES[seed % 3]) for seed in range(count)]


def small_package(folder: Path, spec: WindowSpec, body: Skeleton = BODY_12, seed: int = 0) -> None:
    """A package with fitted features and a random network that tells the made-up tracks apart."""
    features = FeaturePipeline(body, spec)
    features = features.fit(np.concatenate([features.windows(g.track)[0] for g in golden_tracks()]))
    package_taught(random_model(features, seed), "none", folder)


def add_golden(folder: Path) -> None:
    """Put golden clips and their digest into a package, as an export for the browser has them."""
    model = ActivityModel.load(folder)
    body = model.features.skeleton
    write_golden(folder / GOLDEN, model, [replace(g, track=g.track.to(body)) for g in golden_tracks()])
    digests = json.loads((folder / DIGESTS).read_text()) | {"golden": of_file(folder / GOLDEN)}
    (folder / DIGESTS).write_text(json.dumps(digests))


def random_model(features: FeaturePipeline, seed: int) -> TaughtModel:
    rng = np.random.default_rng(seed)
    shapes = {
        "hidden_weight": (KERNEL * 2 * len(features.skeleton), HIDDEN),
        "hidden_bias": (HIDDEN,),
        "output_weight": (2 * HIDDEN, len(CLASSES)),
        "output_bias": (len(CLASSES),),
    }
    weights = {name: _weights(rng.normal(0, 0.5, shape)) for name, shape in shapes.items()}
    return TaughtModel.model_validate(
        {
            "format": "posemill-taught-1",
            "classes": list(CLASSES),
            "features": features.to_json(),
            "temperature": 1.3,
            "threshold": 0.5,
            "network": {"kernel": KERNEL, "weights": weights},
        }
    )


def _weights(values: NDArray[np.float64]) -> dict[str, object]:
    return {"shape": list(values.shape), "values": base64.b64encode(values.astype("<f4").tobytes()).decode()}
