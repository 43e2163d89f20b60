"""Training from windows to the best network, repeatable under a seed and resumable after a kill."""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch import nn

from posemill import models
from posemill.errors import InputError
from posemill.features.augment import Augmentation
from posemill.features.labeller_noise import FittedNoise
from posemill.features.pipeline import FeaturePipeline
from posemill.models import NetworkCard
from posemill.models.imprint import imprint
from posemill.models.out_of_fold import OutOfFoldPredictions
from posemill.models.pretrained import load_pretrained
from posemill.params.train import TrainParams
from posemill.pose.definition import fingerprint
from posemill.training import sanity
from posemill.training.datamodule import (
    Batches,
    WindowData,
    WindowIndex,
    Windows,
    check_index,
    train_parts,
    transform_windows,
)
from posemill.training.module import ActivityModule, validation_score
from posemill.training.parted_windows import PartedWindows, TransformedWindows
from posemill.training.solve import solve

IMPRINTED = 100  # train windows of a class that a last layer of class means is made of


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """Outcome of a training: the network with the best validation score, in eval mode, and its history.

    history  one row an epoch: epoch, train.loss, validation.accuracy, validation.loss.
    resumed_from_epoch  0 unless a killed training was continued.
    held_out  of a training in folds, see posemill.training.folds.
    """

    network: nn.Module
    card: NetworkCard
    history: list[dict[str, float]]
    sanity: dict[str, float]
    best_epoch: int
    validation_accuracy: float
    seconds: float
    windows_per_s: float
    resumed_from_epoch: int
    held_out: OutOfFoldPredictions | None = None


class _History(Callback):
    """One row an epoch; part of the checkpoint, so a resumed training has all of it."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.scores: list[float] = []  # as they were logged

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        figures = {k: float(v) for k, v in trainer.callback_metrics.items()}
        self.scores.append(figures.pop("validation.score"))
        self.rows.append({"epoch": trainer.current_epoch, **figures})

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "scores": self.scores}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.scores = list(state_dict["rows"]), list(state_dict["scores"])

    def read(self, checkpoint: Path) -> None:
        """Take what a checkpoint has, of this process or of others."""
        self.load_state_dict(torch.load(checkpoint, weights_only=True)["callbacks"][self.state_key])


class _OnEpoch(Callback):
    """Calls `on_epoch` once an epoch."""

    def __init__(self, on_epoch: Callable[[int, float], None]) -> None:
        self.on_epoch = on_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.on_epoch(trainer.current_epoch, float(trainer.callback_metrics["validation.score"]))


def fit(
    params: TrainParams,
    windows: NDArray[np.float32],
    index: WindowIndex,
    pipeline: FeaturePipeline,
    classes: list[str],
    scratch: Path,
    live: Path | None = None,
    progress: bool = False,
    on_epoch: Callable[[int, float], None] | None = None,
    pretrained: Path | None = None,
    noise: FittedNoise | None = None,
) -> FitResult:
    """Train on the `train` windows, choose by the `validation` windows.

    windows  (N, T, K, C) px and confidence, as the pipeline cuts them, NaN = not seen (may be memory-mapped); index has
             N rows.
    scratch  folder of checkpoints: a training that was killed continues from its last.ckpt. Emptied at the end.
    live     folder for DVCLive's figures; None = none.
    on_epoch  called with epoch and validation score after every epoch; what it raises ends the training.
    noise    error model of the labeller, for params.augment.noise: fitted.
    pretrained  weights to begin with, a safetensors file or its folder; see posemill.models.pretrained.
    Errors: InputError for data that cannot train a model, a failed sanity check or a loss that is not a number.
    """
    check_index(index, classes)
    torch.set_num_threads(params.threads if params.devices == 1 else 1)  # forked from threads, devices would hang
    torch.manual_seed(params.seed)
    network = _fresh(params, pipeline, len(classes))
    shown, sample = _windows(params, windows, index, pipeline, scratch)
    data = WindowData(shown, index, Augmentation(pipeline, params.augment, noise), params)
    sanity_figures = sanity.check_training(
        network, *sample[index.rows("train")[:: max(len(index.rows("train")) // 512, 1)]][:2], len(classes)
    )
    card = NetworkCard(
        params.network,
        hyper_of(params, pipeline),
        pipeline.skeleton.name,
        tuple(classes),
        pipeline.window.frames,
        fingerprint(pipeline.skeleton),
    )
    if pretrained:
        load_pretrained(network, pretrained, card, params.pretrained_parts)
        if params.pretrained_parts == "body":
            imprint(network, *sample[_some_of_each(index, len(classes))][:2], len(classes))
    module = ActivityModule(network, params, params.epochs * data.steps_per_epoch())
    history = _History()
    last = scratch / "last.ckpt"
    resumed = int(torch.load(last, weights_only=True)["epoch"]) + 1 if last.exists() else 0
    data.first_epoch = resumed
    started = time.monotonic()
    if hasattr(network, "solve"):  # the baseline: no epochs
        history.rows = solve(module, data, _logger(live))
        if on_epoch:
            on_epoch(0, validation_score(history.rows[0]))
    else:
        logger = _logger(live)
        if logger and resumed:
            history.read(last)
            _log_again(logger, history, data.steps_per_epoch())
        _train(
            module,
            data,
            [_best(scratch), history, *_stopping(params), _last(scratch), *([_OnEpoch(on_epoch)] if on_epoch else [])],
            last if resumed else None,
            logger,
            progress,
            params,
        )
        # what other processes trained is known from their checkpoint
        history.read(last)
        network.load_state_dict(_weights_of(scratch / "best.ckpt"))
    seconds = time.monotonic() - started
    chosen = max(history.rows, key=validation_score)
    trained_windows = (len(history.rows) - resumed) * data.steps_per_epoch() * data.batch
    shutil.rmtree(scratch)
    return FitResult(
        network.eval(),
        card,
        history.rows,
        sanity_figures,
        int(chosen["epoch"]),
        chosen["validation.accuracy"],
        seconds,
        trained_windows / max(seconds, 1e-9),
        resumed,
    )


def _windows(
    params: TrainParams, windows: NDArray[np.float32], index: WindowIndex, pipeline: FeaturePipeline, scratch: Path
) -> tuple[Windows, Batches]:
    """Network input for training, and for samples of it: one file, or one a part, of which a device makes its own."""
    if params.partitions == 1:
        whole = transform_windows(windows, pipeline, scratch / "windows.npy")
        return whole, Batches(whole, index)
    parts = [*train_parts(index, params), index.rows("validation")]
    return PartedWindows(windows, pipeline, parts, scratch), Batches(TransformedWindows(windows, pipeline), index)


def _some_of_each(index: WindowIndex, classes: int) -> NDArray[np.int64]:
    """Rows of at most IMPRINTED train windows of every class, spread over its windows."""
    train = index.rows("train")
    rows = [train[index.target[train] == number] for number in range(classes)]
    return np.concatenate([r[np.linspace(0, len(r) - 1, min(len(r), IMPRINTED)).round().astype(int)] for r in rows])


def hyper_of(params: TrainParams, pipeline: FeaturePipeline) -> dict[str, Any]:
    """Return the network's hyper-parameters; it reads z where windows have it, unless somebody said otherwise."""
    return ({"coordinates": 3} if pipeline.coordinates == 3 else {}) | params.own_hyper


def _fresh(params: TrainParams, pipeline: FeaturePipeline, classes: int) -> nn.Module:
    try:
        return models.build(params.network, pipeline.skeleton, classes, **hyper_of(params, pipeline))
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as exc:
        raise InputError(
            f"network {params.network} cannot be built with {hyper_of(params, pipeline)} ({exc}): correct "
            f"train.hyper.{params.network}, see docs/models.md"
        ) from exc


def _best(scratch: Path) -> ModelCheckpoint:
    return ModelCheckpoint(
        scratch, filename="best", monitor="validation.score", mode="max", enable_version_counter=False
    )


def _last(scratch: Path) -> ModelCheckpoint:
    """Every epoch, whether better or not; Lightning's own `save_last` only follows the best."""
    return ModelCheckpoint(scratch, filename="last", enable_version_counter=False)


def _stopping(params: TrainParams) -> list[Callback]:
    return [EarlyStopping("validation.score", mode="max", patience=params.patience)]


def _train(
    module: ActivityModule,
    data: WindowData,
    callbacks: list[Callback],
    last: Path | None,
    logger: Any,
    progress: bool,
    params: TrainParams,
) -> None:
    """Run the trainer; a resumed one must not be told of workers and folders that are as they should be."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pytorch_lightning")
        trainer = pl.Trainer(
            max_epochs=params.epochs,
            accelerator=params.accelerator,
            devices=params.devices,
            precision=params.precision,
            strategy=_strategy(params),
            use_distributed_sampler=False,
            deterministic=True if params.accelerator == "cpu" else "warn",
            logger=logger,
            callbacks=callbacks,
            enable_progress_bar=progress,
            enable_model_summary=False,
            gradient_clip_val=5.0,
            num_sanity_val_steps=0,
            reload_dataloaders_every_n_epochs=1,
            log_every_n_steps=1,
        )
        trainer.fit(module, data, ckpt_path=None if last is None else str(last), weights_only=True)


def _strategy(params: TrainParams) -> str:
    """Devices are started by this process: Lightning's own choice would run the whole stage once more for each."""
    return "ddp_fork" if params.strategy == "auto" and params.devices > 1 else params.strategy


def _logger(live: Path | None) -> Any:
    if live is None:
        return False
    from dvclive.lightning import DVCLiveLogger

    return DVCLiveLogger(dir=str(live), save_dvc_exp=False, dvcyaml=None, report=None)


def _log_again(logger: Any, history: _History, steps: int) -> None:
    """Log the epochs before a kill: DVC removed their curves with the stage's other outputs."""
    for row, score in zip(history.rows, history.scores, strict=True):
        epoch = int(row["epoch"])
        validation = {k: row[k] for k in ("validation.accuracy", "validation.loss")}
        for figures in (validation | {"validation.score": score}, {"train.loss": row["train.loss"]}):
            logger.log_metrics({**figures, "epoch": epoch}, step=(epoch + 1) * steps - 1, sync=True)


def _weights_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    return {k.removeprefix("network."): v for k, v in state.items()}
