"""Temporal max-pool over three frames, by temporal_max_pool.cpp or by torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from posemill.cpu_kernels.compiler import is_available, kernel


def temporal_max_pool(x: Tensor, stride: int = 1) -> Tensor:
    """Take the maximum of a frame (each `stride`-th), the one before and the one after.

       x (B, T, K, C) → (B, ⌈T/stride⌉, K, C).
    Of equal values the first has the gradient.
    """
    if torch.is_grad_enabled() and x.requires_grad and is_available(x):
        out: Tensor = _TemporalMaxPool.apply(x.contiguous(), stride)  # type: ignore[no-untyped-call]
        return out
    picture = x.permute(0, 3, 1, 2)  # a view: to torch it is a channels-last picture
    return functional.max_pool2d(picture, (3, 1), (stride, 1), (1, 0)).permute(0, 2, 3, 1)


class _TemporalMaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, stride: int) -> Tensor:
        b, t, k, c = x.shape
        out = x.new_empty(b, (t - 1) // stride + 1, k, c)
        ctx.save_for_backward(x)
        ctx.stride = stride
        _call("temporal_max_pool_forward", [x, out], x, stride)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        below, above = torch.empty_like(x), above.contiguous()
        _call("temporal_max_pool_backward", [above, x, below], x, ctx.stride)
        return below, None


def _call(name: str, tensors: list[Tensor], x: Tensor, stride: int) -> None:
    b, t, k, c = x.shape
    kernel(name, x.dtype)(*[tensor.data_ptr() for tensor in tensors], b, t, k * c, stride, torch.get_num_threads())
