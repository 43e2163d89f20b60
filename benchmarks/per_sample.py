"""Per-sample data loading, the reference of benchmarks/training.py: everything is done in `Dataset.__getitem__`.

As toolboxes for skeletons commonly do: an annotation is unpickled, frames are drawn, the pose is normalised, flipped,
turned and scaled in numpy, made a tensor, and a loader collates the batch.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from posemill.features.pipeline import FeaturePipeline
from posemill.params.train import AugmentParams


@dataclass(frozen=True, eq=False)
class Annotations(Dataset[tuple[Tensor, int]]):
    """Pickled annotations, each the (T, K, 3) keypoints of one clip and its class."""

    pickled: list[bytes]
    pipeline: FeaturePipeline
    augment: AugmentParams

    def __len__(self) -> int:
        return len(self.pickled)

    def __getitem__(self, n: int) -> tuple[Tensor, int]:
        annotation = pickle.loads(self.pickled[n])
        random = np.random.default_rng(int(torch.randint(2**31, ())))
        window = self.pipeline.transform(drawn_frames(annotation["keypoints"], self.augment.crop, random)[None])[0]
        return torch.from_numpy(self._turned(window, random)), annotation["target"]

    def _turned(self, window: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
        p = self.augment
        if random.random() < p.mirror:
            window = window[:, self.pipeline.skeleton.flip_index] * np.array([-1, 1, 1], np.float32)
        angle = random.uniform(-p.rotate_rad, p.rotate_rad)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = rotation @ np.diag(1 + random.uniform(-p.scale, p.scale, 2))
        turned = np.concatenate([window[..., :2] @ matrix.T, window[..., 2:]], -1)
        return np.ascontiguousarray(turned, np.float32)


def drawn_frames(keypoints: NDArray[np.float32], shortest: float, random: np.random.Generator) -> NDArray[np.float32]:
    """A random part of a clip, with one frame of each of T equal stretches of it."""
    t = len(keypoints)
    part = random.uniform(shortest, 1)
    start = random.uniform(0, 1 - part)
    at = (start + part * (np.arange(t) + random.random(t)) / t) * t - 0.5
    left = np.clip(np.floor(at), 0, t - 2).astype(int)
    weight = np.clip(at - left, 0, 1)[:, None, None].astype(np.float32)
    return np.asarray(keypoints[left] * (1 - weight) + keypoints[left + 1] * weight, np.float32)


def annotated(windows: NDArray[np.float32], target: NDArray[np.int64]) -> list[bytes]:
    """One pickled annotation a window."""
    return [pickle.dumps({"keypoints": w, "target": int(c)}) for w, c in zip(windows, target, strict=True)]


def loader(annotations: Annotations, batch: int, workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Shuffled batches; workers stay alive between epochs."""
    return DataLoader(
        annotations, batch, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )
