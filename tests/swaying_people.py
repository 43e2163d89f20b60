"""Windows for training whose class is plain to see: who sways sideways, who nods up and down, who is still."""

from __future__ import annotations

import numpy as np

from posemill.features import FeaturePipeline, WindowSpec
from posemill.pose.skeleton import BODY_12
from posemill.training.datamodule import WindowIndex

Data = tuple[np.ndarray, WindowIndex, FeaturePipeline]


def swaying(count: int = 240) -> Data:
    """(N, 16, 12, 3) windows whose class is the direction of a sine; every fourth window is for validation."""
    random = np.random.default_rng(0)
    target = np.arange(count) % 3
    phase = np.linspace(0, 2 * np.pi, 16)[None, :] + random.uniform(0, 6, (count, 1))
    wave = 40 * np.sin(phase)
    xy = 200 + random.normal(0, 40, (1, 1, 12, 2)) + random.normal(0, 2, (count, 16, 12, 2))
    xy[target == 2, :, 2:6, 0] += wave[target == 2, :, None]
    xy[target == 0, :, 2:6, 1] += wave[target == 0, :, None]
    windows = np.concatenate([xy, np.ones((count, 16, 12, 1))], -1).astype(np.float32)
    split = np.where(np.arange(count) // 3 % 4 == 0, "validation", "train")
    pipeline = FeaturePipeline(BODY_12, WindowSpec(duration_s=1.0, rate_hz=16.0)).fit(windows)
    return windows, WindowIndex(target, np.arange(count), split), pipeline
