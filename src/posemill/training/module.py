"""The LightningModule: loss, mixup, optimiser and figures around a plain network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from posemill.errors import InputError
from posemill.features.verdict import grouped_probabilities
from posemill.params.train import TrainParams


class ActivityModule(pl.LightningModule):
    """Trains one network; validation accuracy is counted a clip, by the verdict that evaluation and service use."""

    def __init__(self, network: nn.Module, params: TrainParams, steps: int) -> None:
        super().__init__()
        self.network, self.params, self.steps = network, params, steps
        self.validated: list[tuple[Tensor, Tensor, Tensor]] = []

    def on_fit_start(self) -> None:
        """Threads of every device's process; what it allocates is not filled with NaN first."""
        torch.set_num_threads(self.params.threads)
        # Lightning's `deterministic` asks for it: one more pass over memory an operation, to find who reads too early
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]

    def on_train_epoch_start(self) -> None:
        """Seed by epoch, so that a training that was killed continues as if it had not been."""
        torch.manual_seed(self.params.seed * 100_003 + self.current_epoch + self.global_rank * 1_000_000_007)

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> Tensor:
        """Cross-entropy with label smoothing, on mixtures of two windows."""
        x, target, _ = batch
        loss = self._mixup(x, target) if self.params.mixup > 0 else self._plain(x, target)
        self._finite("training", loss.item())
        self.log("train.loss", loss, on_step=False, on_epoch=True, batch_size=len(x), sync_dist=True)
        return loss

    def _plain(self, x: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(self.network(x), target, label_smoothing=self.params.label_smoothing)

    def _mixup(self, x: Tensor, target: Tensor) -> Tensor:
        share = float(torch.distributions.Beta(self.params.mixup, self.params.mixup).sample())
        other = torch.randperm(len(x))
        logits = self.network(share * x + (1 - share) * x[other])
        smoothing = self.params.label_smoothing
        loss = share * functional.cross_entropy(logits, target, label_smoothing=smoothing)
        return loss + (1 - share) * functional.cross_entropy(logits, target[other], label_smoothing=smoothing)

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> None:
        """Keep the probabilities until the clips are complete."""
        x, target, clip = batch
        self.validated.append((self.network(x).float().softmax(-1), target, clip))

    def on_validation_epoch_end(self) -> None:
        """Accuracy and loss a clip; the score orders epochs by accuracy, equal ones by loss."""
        probs, target, clip = (torch.cat(part).cpu().numpy() for part in zip(*self.validated, strict=True))
        self.validated.clear()
        names, verdicts = grouped_probabilities(probs, clip)
        truth = target[np.unique(clip, return_index=True)[1]]
        accuracy = float((verdicts.argmax(1) == truth).mean())
        loss = float(-np.log(verdicts[np.arange(len(names)), truth].clip(1e-6)).mean())
        self._finite("validation", loss)  # else Lightning would end the training without a word
        figures = {"validation.accuracy": accuracy, "validation.loss": loss}
        self.log_dict({**figures, "validation.score": validation_score(figures)}, sync_dist=True)

    def _finite(self, which: str, loss: float) -> None:
        if not math.isfinite(loss):
            raise InputError(
                f"the {which} loss became {loss} in epoch {self.current_epoch}: lower train.learning_rate (now "
                f"{self.params.learning_rate:g})"
                + ("" if self.params.precision == "32-true" else ", or set train.precision to 32-true")
            )

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """By norm; bf16-mixed scales nothing, which Lightning does not know when it refuses fused optimisers."""
        if self.params.precision == "16-mixed":
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_val:
            nn.utils.clip_grad_norm_(self.network.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> Any:
        """AdamW without decay on biases and norms, one cycle of the learning rate."""
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": self.params.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        # with 16-mixed a fused optimiser would scale gradients back only after they were clipped
        fused = self.params.precision != "16-mixed"
        optimizer = torch.optim.AdamW(groups, lr=self.params.learning_rate, fused=fused)
        # a rise over a quarter of fewer steps would divide by zero
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.params.learning_rate, total_steps=max(self.steps, 5), pct_start=0.25
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


def validation_score(figures: Mapping[str, float]) -> float:
    """Return the score that orders epochs and trials: validation accuracy, and loss where that is equal."""
    return figures["validation.accuracy"] - 0.01 * figures["validation.loss"]
