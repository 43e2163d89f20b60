"""Weight imprinting: a last layer made of class means, for training that begins with a pretrained body.

A random last layer sends random gradients into features that were good already. Class means of the features of the
first windows make one that is right about as often as a nearest-class-mean classifier, before the first step (Qi et
al., Low-shot learning with imprinted weights, 2018).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from posemill.models.open_set import has_features

LENGTH = 8.0  # logits of a window that lies exactly in its class's direction
LEAST_SPREAD = 1e-3  # of a feature


def imprint(network: nn.Module, windows: Tensor, target: Tensor, classes: int) -> bool:
    """Set the last layer of a network's `head` to class means of standardised features.

    windows  (N, T, K, 3) network input, at least one of every class; target (N,) class numbers.
    Returns False, and changes nothing, for a network without a module `head` that ends in a linear layer, or where a
    class has no window.
    """
    last = _last_linear(network, classes)
    if last is None or len(torch.unique(target)) < classes:
        return False
    with torch.no_grad():
        features = _features(network, windows)
        middle, spread = features.mean(0), features.std(0, correction=0).clamp(min=LEAST_SPREAD)
        standard = (features - middle) / spread
        unit = standard / standard.norm(dim=1, keepdim=True).clamp(min=1e-6)
        means = torch.stack([unit[target == number].mean(0) for number in range(classes)])
        means = means / means.norm(dim=1, keepdim=True).clamp(min=1e-6)
        weight = LENGTH / standard.norm(dim=1).median() * means / spread
        last.weight.copy_(weight)
        last.bias.copy_(-(weight @ middle))
    return True


def _last_linear(network: nn.Module, classes: int) -> nn.Linear | None:
    if not has_features(network):
        return None
    linear = [m for m in network.get_submodule("head").modules() if isinstance(m, nn.Linear)]
    fits = bool(linear) and linear[-1].out_features == classes and linear[-1].bias is not None
    return linear[-1] if fits else None


def _features(network: nn.Module, windows: Tensor) -> Tensor:
    """(N, D) what the last linear layer of the head reads, in eval mode."""
    found: list[Tensor] = []
    body = copy.deepcopy(network).eval()
    last = [m for m in body.get_submodule("head").modules() if isinstance(m, nn.Linear)][-1]
    last.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    for first in range(0, len(windows), 512):
        body(windows[first : first + 512])
    return torch.cat(found)
