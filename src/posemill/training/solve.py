"""Closed-form training: a network that has `solve` is fitted to all train windows at once, without epochs."""

from __future__ import annotations

import warnings
from typing import Any

import pytorch_lightning as pl
import torch

from posemill.training.datamodule import WindowData
from posemill.training.module import ActivityModule
from posemill.training.parted_windows import CHUNK


def solve(module: ActivityModule, data: WindowData, logger: Any) -> list[dict[str, float]]:
    """Fit the module's network and validate it as after an epoch; the history of that one epoch."""
    rows = data.index.rows("train")
    batches = (data.dataset[rows[i : i + CHUNK]][0] for i in range(0, len(rows), CHUNK))
    network: Any = module.network
    loss = network.solve(batches, torch.from_numpy(data.index.target[rows]))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=1,
            logger=logger,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        trainer.validate(module, data, verbose=False)
    figures = {k: float(v) for k, v in trainer.callback_metrics.items() if k != "validation.score"}
    return [{"epoch": 0, "train.loss": loss, **figures}]
