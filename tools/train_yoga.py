"""Train the pose model that the yoga identifier embeds: rendered people in asanas, nothing else.

    python tools/train_yoga.py [--each 500] [--seed 0]

Writes src/posemill/applications/yoga/model/: the ONNX network, features.json, classes.json, calibration.json,
labeller.json and digests.json, as `posemill stage package` does. Equal arguments give equal weights on one machine.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill import models
from posemill.applications.yoga.pose_model import EMBEDDED
from posemill.evaluation.calibration import fit_temperature
from posemill.features.pipeline import FeaturePipeline
from posemill.packaging.assemble import FILES, assemble
from posemill.params.train import AugmentParams, TrainParams
from posemill.pose.skeleton import COCO_17
from posemill.pose.window import WindowSpec
from posemill.synth.still_asanas import OTHER, STILL_ASANAS, still_keypoints
from posemill.training.datamodule import WindowIndex
from posemill.training.fit import fit

SPEC = WindowSpec(sampling="still", duration_s=0.6, stride_s=0.3, clip_frames=8)
OTHER_TIMES = 4  # what is no asana is more varied than any one of them
VALIDATION = 0.15
REJECTION = 0.35
TRAINING = TrainParams(
    network="mlp",
    hyper={"mlp": {"width": 192, "depth": 2, "dropout": 0.2}},
    epochs=30,
    batch=128,
    learning_rate=3e-3,
    weight_decay=0.02,
    label_smoothing=0.05,
    mixup=0.0,
    patience=30,
    augment=AugmentParams(
        rotate_rad=0.15,
        scale=0.12,
        shear=0.08,
        mirror=0.5,
        swap_sides=0.1,
        swap_stretches=0.0,
        jitter=0.0,
        drift=0.06,
        jumps=0.0,
        drop_frames=0.0,
        drop_clip=0.06,
        drop_limb=0.12,
        crop=1.0,
    ),
)


def rendered(each: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
    """Keypoints (N, 17, 2) of people in every asana and in none, the class numbers (N,), and the classes."""
    classes = sorted((*STILL_ASANAS, OTHER))
    poses, target = [], []
    for number, name in enumerate(classes):
        for take in range(each * (OTHER_TIMES if name == OTHER else 1)):
            poses.append(still_keypoints(name, np.random.default_rng([seed, number, take])))
            target.append(number)
    return np.array(poses, np.float32), np.array(target, np.int64), classes


def windows(poses: NDArray[np.float32]) -> NDArray[np.float32]:
    """Poses (N, K, 2) as held windows (N, T, K, 3)."""
    known = ~np.isnan(poses[..., :1])
    return np.repeat(np.concatenate([poses, known], -1)[:, None], SPEC.frames, axis=1).astype(np.float32)


def main() -> None:
    """Render, train, calibrate, package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=500, help="poses of every asana")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=EMBEDDED)
    given = parser.parse_args()
    poses, target, classes = rendered(given.each, given.seed)
    held = windows(poses)
    validation = np.random.default_rng(given.seed).uniform(size=len(target)) < VALIDATION
    features = FeaturePipeline(COCO_17, SPEC).fit(held[~validation])
    index = WindowIndex(target, np.arange(len(target)), np.where(validation, "validation", "train"))
    with tempfile.TemporaryDirectory() as scratch:
        result = fit(TRAINING, held, index, features, classes, Path(scratch) / "fit")
    import torch

    with torch.no_grad():
        logits = result.network(torch.from_numpy(features.transform(held[validation]))).numpy()
    temperature = fit_temperature(logits, target[validation])
    labeller: dict[str, object] = {"backend": "movenet", "checkpoint": "lightning", "params": {}, "describes": None}
    origin = {"code": None, "training": f"tools/train_yoga.py --each {given.each} --seed {given.seed}"}
    assemble(given.out, result.network, result.card, features, held[::97], temperature, labeller, origin, REJECTION)
    models.save(given.out, result.network, result.card)  # to begin a training of one's own with
    for name in (FILES["openvino"], FILES["openvino_weights"]):
        (given.out / name).unlink()
    right = (logits.argmax(1) == target[validation]).mean()
    print(f"{len(target)} poses of {len(classes)} classes, rendered validation accuracy {right:.3f}")


if __name__ == "__main__":
    main()
