"""Batch norm of the last axis, with residual sum and ReLU if wanted, by batch_norm.cpp or by torch.

Columns may come from several tensors that lie side by side, and go to several: splitting a network into branches and
concatenating them again is then no copy of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from posemill.cpu_kernels.compiler import MOST_PARTS, Parts, is_available, kernel


def batch_norm(norm: nn.BatchNorm1d, x: Tensor, skip: Tensor | None = None, relu: bool = False) -> Tensor:
    """Compute norm(x), + skip if there is one, then ReLU if asked; (..., C), as is `skip`, which is not changed.

    Statistics, running ones included, are those of torch.nn.BatchNorm1d.
    """
    if _is_available(norm, x):
        return _by_kernel(norm, [x], skip, relu, [x.shape[-1]])[0]
    out = _by_torch(norm, x)
    # in place: what is new in memory costs more than the sum, and no gradient needs what is overwritten
    out = out if skip is None else out.add_(skip)
    return functional.relu(out, inplace=True) if relu else out


def batch_norm_split(norm: nn.BatchNorm1d, x: Tensor, widths: Sequence[int]) -> list[Tensor]:
    """Compute ReLU(norm(x)) as parts (..., width); columns beyond those of `norm` are one part more, as they are."""
    rest = x.shape[-1] - norm.num_features
    if len(widths) < MOST_PARTS and _is_available(norm, x):
        return _by_kernel(norm, [x], None, True, [*widths, rest] if rest else list(widths))
    out = functional.relu(_by_torch(norm, x[..., : norm.num_features]), inplace=True)
    return [*torch.split(out, list(widths), -1), *([x[..., norm.num_features :]] if rest else [])]


def batch_norm_concat(norm: nn.BatchNorm1d, parts: Sequence[Tensor]) -> Tensor:
    """Compute ReLU(norm(x)), (..., C), of an x whose columns are those of the parts."""
    same = len({part.dtype for part in parts}) == 1
    if same and len(parts) <= MOST_PARTS and _is_available(norm, parts[0]):
        return _by_kernel(norm, list(parts), None, True, [norm.num_features])[0]
    return functional.relu(_by_torch(norm, torch.cat(list(parts), -1)), inplace=True)


def _is_available(norm: nn.BatchNorm1d, x: Tensor) -> bool:
    """True in training, of more than one row: a single one has no variance."""
    return norm.training and norm.weight.dtype == torch.float32 and x.numel() > x.shape[-1] and is_available(x)


def _by_torch(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    out = functional.batch_norm(
        x.flatten(0, -2),
        norm.running_mean,
        norm.running_var,
        norm.weight,
        norm.bias,
        norm.training,
        float(norm.momentum or 0.0),
        norm.eps,
    ).view(x.shape)
    if norm.training and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return out


def _by_kernel(
    norm: nn.BatchNorm1d, parts: list[Tensor], skip: Tensor | None, relu: bool, widths: list[int]
) -> list[Tensor]:
    skip = None if skip is None else skip.to(parts[0].dtype).contiguous()
    outputs: tuple[Tensor, ...] = _BatchNorm.apply(  # type: ignore[no-untyped-call]
        skip, norm.weight, norm.bias, relu, norm.eps, widths, *parts
    )
    *out, mean, variance = outputs
    if norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None:
        rows, momentum = parts[0].numel() // parts[0].shape[-1], float(norm.momentum or 0.0)
        with torch.no_grad():
            norm.num_batches_tracked.add_(1)
            norm.running_mean.lerp_(mean, momentum)
            norm.running_var.lerp_(variance * (rows / (rows - 1)), momentum)
    return out


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        skip: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        relu: bool,
        eps: float,
        widths: list[int],
        *parts: Tensor,
    ) -> tuple[Tensor, ...]:
        x = _concat(parts)
        out, mean, variance = _parts(x, widths), torch.empty_like(weight), torch.empty_like(weight)
        _call("batch_norm_forward", x, [x, skip], [out], [weight, bias, mean, variance], relu, eps)
        ctx.relu, ctx.eps, ctx.widths, ctx.skipped = relu, eps, [part.shape[-1] for part in parts], skip is not None
        # what was let through can be told from x unless something was added
        ctx.save_for_backward(x, out[0] if relu and skip is not None else None, weight, bias, mean, variance)
        ctx.mark_non_differentiable(mean, variance)
        return (*out, mean, variance)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        x, out, weight, bias, mean, variance = ctx.saved_tensors
        arrived = _concat(above[:-2])
        below, of_weight, of_bias = _parts(x, ctx.widths), torch.empty_like(weight), torch.empty_like(bias)
        of_skip = [torch.empty_like(x)] if ctx.skipped and ctx.relu else []
        vectors = [weight, bias, mean, variance, of_weight, of_bias]
        _call("batch_norm_backward", x, [arrived, x, out], [below, of_skip], vectors, ctx.relu, ctx.eps)
        skipped = of_skip[0] if of_skip else arrived if ctx.skipped else None
        return skipped, of_weight, of_bias, None, None, None, *below


def _concat(parts: Sequence[Tensor]) -> Tensor:
    return parts[0].contiguous() if len(parts) == 1 else torch.cat(list(parts), -1)


def _parts(x: Tensor, widths: list[int]) -> list[Tensor]:
    return [x.new_empty(*x.shape[:-1], width) for width in widths]


def _call(
    name: str,
    x: Tensor,
    read: list[Tensor | None],
    written: list[list[Tensor]],
    vectors: list[Tensor],
    relu: bool,
    eps: float,
) -> None:
    pointers = [None if t is None else t.data_ptr() for t in read], [t.data_ptr() for t in vectors]
    operands = [byref(Parts.of(tensors)) for tensors in written]
    rows, channels, normed = x.numel() // x.shape[-1], x.shape[-1], vectors[0].numel()
    called = kernel(name, x.dtype)
    called(*pointers[0], *operands, *pointers[1], rows, channels, normed, relu, eps, torch.get_num_threads())
