"""Training throughput of ST-GCN++ here, against a plain PyTorch training of the same network.

    python benchmarks/training.py [--network stgcn++] [--precision bf16-mixed] [--batch 64] [--steps 30] [--json]

Both train on the same synthetic windows, from the same weights, with the same batch, optimiser, learning rates, kinds
of augmentation and number of threads. `ours` is what `posemill stage train` runs: windows in a memory-mapped array,
augmented a batch at a time, Lightning. `reference` is the network as it is commonly written (plain_stgcn.py), in 32
bits, with everything done a sample at a time by a loader without and with a worker of its own (per_sample.py); its
fastest run counts, and of ours the slowest. Losses are means over the last fifth of the steps, with standard errors.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import nn

from per_sample import Annotations, annotated, loader
from plain_stgcn import PlainSTGCN, twin
from posemill import models
from posemill.features.augment import Augmentation
from posemill.features.pipeline import FeaturePipeline
from posemill.params.train import AugmentParams, TrainParams
from posemill.pose.skeleton import COCO_17
from posemill.pose.window import WindowSpec
from posemill.training.datamodule import WindowData, WindowIndex, transform_windows
from posemill.training.module import ActivityModule

FRAMES, CLASSES, WARM_UP = 48, 12, 2
# what both sides do; the rest of the augmentation costs the same whether it changes anything or not
AUGMENT = AugmentParams(
    shear=0,
    jitter=0,
    drift=0,
    jumps=0,
    swap_stretches=0,
    drop_frames=0,
    drop_clip=0,
    drop_limb=0,
    rotate_rad=0.3,
    scale=0.2,
    crop=0.75,
)


@dataclass
class Course:
    """When every step ended, and its loss."""

    ended: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def add(self, loss: float) -> None:
        """A step has ended."""
        self.ended.append(time.perf_counter())
        self.losses.append(loss)

    def rate(self, batch: int) -> float:
        """Clips a second, by the median step after the first ones."""
        return batch / float(np.median(np.diff(self.ended)[WARM_UP:]))

    def final(self) -> tuple[float, float]:
        """Mean loss over the last fifth of the steps, and its standard error."""
        last = np.array(self.losses[-max(len(self.losses) // 5, 2) :])
        return float(last.mean()), float(last.std(ddof=1) / np.sqrt(len(last)))


class _Watch(pl.Callback):
    def __init__(self, course: Course) -> None:
        self.course = course

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.course.add(float(outputs["loss"]))


def clips(count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(N, T, K, 3) px of people who each swing their keypoints in the way of their class, and the classes (N,)."""
    random = np.random.default_rng(0)
    target = np.arange(count) % CLASSES
    swing = random.normal(0, 18, (CLASSES, 1, 17, 2)) * (random.random((CLASSES, 1, 17, 1)) < 0.4)
    pace = random.uniform(1, 4, CLASSES)
    phase = 2 * np.pi * (pace[target, None] * np.linspace(0, 1, FRAMES) + random.random((count, 1)))
    body = random.normal(0, 60, (1, 1, 17, 2)) + random.normal(0, 12, (count, 1, 17, 2))
    xy = 300 + body + swing[target] * np.sin(phase)[..., None, None] + random.normal(0, 4, (count, FRAMES, 17, 2))
    return np.concatenate([xy, np.ones((count, FRAMES, 17, 1))], -1).astype(np.float32), target


def of_ours(
    network: nn.Module,
    params: TrainParams,
    pipeline: FeaturePipeline,
    windows: NDArray[np.float32],
    target: NDArray[np.int64],
    steps: int,
) -> Course:
    """Train as the stage does, for so many steps."""
    index = WindowIndex(target, np.arange(len(target)), np.full(len(target), "train"))
    course = Course()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        mapped = transform_windows(windows, pipeline, Path(folder) / "windows.npy")
        trainer = pl.Trainer(
            max_steps=steps,
            accelerator="cpu",
            precision=params.precision,
            logger=False,
            callbacks=[_Watch(course)],
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            gradient_clip_val=5.0,
            reload_dataloaders_every_n_epochs=1,
            limit_val_batches=0,
            deterministic=True,
        )
        data = WindowData(mapped, index, Augmentation(pipeline, AUGMENT), params)
        trainer.fit(ActivityModule(network, params, steps + 1), data)
    return course


def of_reference(
    network: PlainSTGCN, params: TrainParams, annotations: Annotations, workers: int, steps: int
) -> Course:
    """A loop over a loader, with the optimiser and the learning rates of the stage."""
    torch.use_deterministic_algorithms(False)  # Lightning left it so, and it costs time
    configured = ActivityModule(network, params.model_copy(update={"precision": "32-true"}), steps + 1)
    made = configured.configure_optimizers()
    optimizer, cycle = made["optimizer"], made["lr_scheduler"]["scheduler"]
    batches = loader(annotations, params.batch, workers)
    torch.manual_seed(params.seed)
    course = Course()
    network.train()
    for x, target in islice(chain.from_iterable(repeat(batches)), steps):
        loss = nn.functional.cross_entropy(network(x), target, label_smoothing=params.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        cycle.step()
        course.add(float(loss.detach()))
    return course


def difference(ours: nn.Module, plain: nn.Module, x: torch.Tensor) -> float:
    """Largest difference of logits in training mode."""
    with torch.no_grad():
        return float((ours.train()(x) - plain.train()(x)).abs().max())


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Both sides on the same windows."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    windows, target = clips(args.clips)
    pipeline = FeaturePipeline(COCO_17, WindowSpec(duration_s=2.0, rate_hz=FRAMES / 2)).fit(windows)
    params = TrainParams(
        network=args.network,
        hyper={args.network: {"dropout": 0.0}},
        batch=args.batch,
        precision=args.precision,
        threads=args.threads,
        mixup=0,
        learning_rate=args.learning_rate,
        augment=AUGMENT,
    )

    def fresh() -> nn.Module:
        torch.manual_seed(0)
        return models.build(args.network, COCO_17, CLASSES, **params.own_hyper)

    x = torch.from_numpy(pipeline.transform(windows[: args.batch]))
    line: dict[str, Any] = {
        "benchmark": "training",
        "network": args.network,
        "precision": args.precision,
        "batch": args.batch,
        "threads": args.threads,
        "steps": args.steps,
        "parameters": sum(p.numel() for p in fresh().parameters()),
        "logits_differ": round(difference(fresh(), twin(fresh()), x), 6),
    }
    annotations = Annotations(annotated(windows, target), pipeline, AUGMENT)
    quick = min(args.steps, args.quick)
    sides: dict[str, Callable[[], Course]] = {
        "reference": lambda: of_reference(twin(fresh()), params, annotations, 0, args.steps),
        "ours": lambda: of_ours(fresh(), params, pipeline, windows, target, args.steps),
        "reference_worker": lambda: of_reference(twin(fresh()), params, annotations, 1, quick),
        "reference_again": lambda: of_reference(twin(fresh()), params, annotations, 0, quick),
        "ours_again": lambda: of_ours(fresh(), params, pipeline, windows, target, quick),
        "ours_float32": lambda: of_ours(
            fresh(), params.model_copy(update={"precision": "32-true"}), pipeline, windows, target, quick
        ),
    }
    rates = {}
    for name, run in sides.items():
        course = run()
        rates[name] = course.rate(args.batch)
        loss, error = course.final()
        print(f"{name:18} {rates[name]:8.2f} clips/s   loss {loss:.4f} ± {error:.4f} after {len(course.losses)} steps")
        if name in ("ours", "reference"):
            line |= {f"loss_{name}": round(loss, 4), f"loss_{name}_error": round(error, 4)}
    reference = max(rates["reference"], rates["reference_worker"], rates["reference_again"])
    ours = min(rates["ours"], rates["ours_again"])
    return line | {
        "ratio": round(ours / reference, 3),
        "ours_clips_s": round(ours, 2),
        "reference_clips_s": round(reference, 2),
        "ratio_float32": round(rates["ours_float32"] / reference, 3),
        **{f"{name}_clips_s_each": round(rate, 2) for name, rate in rates.items()},
    }


def main() -> None:
    """Measure and print; with --json one flat JSON object in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="stgcn++", choices=("stgcn++", "stgcn"))
    parser.add_argument("--precision", default="bf16-mixed", choices=("bf16-mixed", "32-true"))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--clips", type=int, default=480)
    parser.add_argument("--steps", type=int, default=30, help="of the two trainings whose losses are compared")
    parser.add_argument("--quick", type=int, default=8, help="steps of the others")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    line = measure(args)
    print(f"{line['ratio']:.2f} times as fast; logits of the two networks differ by {line['logits_differ']}")
    if args.json:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
