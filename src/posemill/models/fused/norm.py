"""Batch normalisation of the last axis, with a sum and a ReLU after it if wanted, by norm.cpp or by torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from posemill.models.fused.library import loaded

NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


def normalised(norm: nn.BatchNorm1d, x: Tensor, skip: Tensor | None = None, relu: bool = False) -> Tensor:
    """norm(x), + skip if there is one, then ReLU if asked; (..., C), as is `skip`, which is not changed.

    Statistics, running ones included, are those of torch.nn.BatchNorm1d.
    """
    if _is_fused(norm, x):
        return _trained(norm, x, skip, relu)
    out = functional.batch_norm(
        x.flatten(0, -2), norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.training,
        float(norm.momentum or 0.0), norm.eps,
    ).view(x.shape)  # fmt: skip
    if norm.training and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    # in place: what is new in memory costs more than the sum, and no gradient needs what is overwritten
    out = out if skip is None else out.add_(skip)
    return functional.relu(out, inplace=True) if relu else out


def _is_fused(norm: nn.BatchNorm1d, x: Tensor) -> bool:
    """Where it is trained, on the CPU, in numbers that norm.cpp knows, and more than one row has a spread."""
    return (
        norm.training and x.device.type == "cpu" and x.dtype in NAMES and norm.weight.dtype == torch.float32
        and x.numel() > x.shape[-1] and not torch.compiler.is_compiling() and loaded() is not None
    )  # fmt: skip


def _trained(norm: nn.BatchNorm1d, x: Tensor, skip: Tensor | None, relu: bool) -> Tensor:
    skip = None if skip is None else skip.to(x.dtype).contiguous()
    out, mean, variance = _Fused.apply(x.contiguous(), skip, norm.weight, norm.bias, relu, norm.eps)
    if norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None:
        rows, momentum = x.numel() // x.shape[-1], float(norm.momentum or 0.0)
        with torch.no_grad():
            norm.num_batches_tracked.add_(1)
            norm.running_mean.lerp_(mean, momentum)
            norm.running_var.lerp_(variance * (rows / (rows - 1)), momentum)
    return out


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, skip: Tensor | None, weight: Tensor, bias: Tensor, relu: bool, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        out, mean, variance = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
        _call("forward", x, [x, skip, out, weight, bias, mean, variance], relu, eps)
        ctx.save_for_backward(x, out, weight, mean, variance)
        ctx.relu, ctx.eps, ctx.skipped = relu, eps, skip is not None
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        x, out, weight, mean, variance = ctx.saved_tensors
        above = above.contiguous()
        below, of_weight, of_bias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
        of_skip = torch.empty_like(x) if ctx.skipped and ctx.relu else None
        tensors = [above, x, out, below, of_skip, weight, mean, variance, of_weight, of_bias]
        _call("backward", x, tensors, ctx.relu, ctx.eps)
        return below, above if ctx.skipped and not ctx.relu else of_skip, of_weight, of_bias, None, None


def _call(name: str, x: Tensor, tensors: list[Tensor | None], relu: bool, eps: float) -> None:
    function = getattr(loaded(), f"{name}_{NAMES[x.dtype]}")
    pointers = [None if t is None else t.data_ptr() for t in tensors]
    function(*pointers, x.numel() // x.shape[-1], x.shape[-1], relu, eps, torch.get_num_threads())
