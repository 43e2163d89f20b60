"""Sanity checks before a long training: network and data fit together, and one batch can be overfitted."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from posemill.errors import InputError

STEPS = 60
PER_CLASS, AT_MOST = 2, 32


def check_training(network: nn.Module, x: Tensor, target: Tensor, classes: int) -> dict[str, float]:
    """Check shapes, that the first loss is near ln C, and that one small batch can be overfitted (on a copy).

    x (B, T, K, 3), target (B,). Returns first_loss, expected_loss, learnt_accuracy.
    Errors: InputError in one sentence.
    """
    x, target = _few(x, target)
    network = copy.deepcopy(network).train()
    logits = network(x)
    if logits.shape != (len(x), classes) or not torch.isfinite(logits).all():
        raise InputError(
            f"the network should answer ({len(x)}, {classes}) finite numbers, came {tuple(logits.shape)}; look at "
            f"prepare's windows and train.hyper"
        )
    first, expected = float(functional.cross_entropy(logits.detach(), target)), math.log(classes)
    if not 0.5 * expected < first < 2 * expected + 1:
        raise InputError(
            f"before training the loss should be near ln {classes} = {expected:.2f}, is {first:.2f}: the network "
            f"starts out prejudiced or its input is not normalised; look at train.hyper and features.json"
        )
    accuracy = _overfit(network, x, target)
    if accuracy < 0.9:
        raise InputError(
            f"the network cannot learn {len(x)} windows by heart (accuracy {accuracy:.2f}): are there equal windows "
            f"with different activities? Or is train.hyper too small?"
        )
    return {"first_loss": first, "expected_loss": expected, "learnt_accuracy": accuracy}


def _few(x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Up to PER_CLASS windows of every class, AT_MOST in all."""
    rows = torch.cat([torch.nonzero(target == c)[:PER_CLASS, 0] for c in sorted(set(target.tolist()))])[:AT_MOST]
    return x[rows], target[rows]


def _overfit(network: nn.Module, x: Tensor, target: Tensor) -> float:
    """Overfit the batch: accuracy after at most STEPS steps on it, without dropout."""
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    accuracy = 0.0
    for _ in range(STEPS):
        logits = network(x)
        accuracy = float((logits.argmax(1) == target).float().mean())
        if accuracy == 1.0:
            break
        optimizer.zero_grad()
        loss: Tensor = functional.cross_entropy(logits, target)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return accuracy
