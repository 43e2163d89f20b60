"""Graph matmul: keypoints mixed frame by frame, with gradients in the order in which products are quickest."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from posemill.cpu_kernels.compiler import is_available, kernel


def graph_matmul(weights: Tensor, x: Tensor) -> Tensor:
    """Mix keypoints: weights (M, K), x (N, K, C) → (N, M, C)."""
    if not (torch.is_grad_enabled() and weights.requires_grad and x.requires_grad) or torch.compiler.is_compiling():
        return torch.bmm(weights.expand(x.shape[0], -1, -1), x)
    device = x.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
    out: Tensor = _GraphMatmul.apply(weights.to(dtype), x.to(dtype))  # type: ignore[no-untyped-call]
    return out


class _GraphMatmul(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, x: Tensor) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(weights, x)
        return torch.bmm(weights.expand(x.shape[0], -1, -1), x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, Tensor]:
        weights, x = ctx.saved_tensors
        transposed = weights.t().contiguous()  # as a view of the weights it takes a slower way
        below = torch.bmm(transposed.expand(x.shape[0], -1, -1), above)
        return _weight_gradient(x, above.contiguous()).t(), below


def _weight_gradient(x: Tensor, above: Tensor) -> Tensor:
    """Sum over N of x · aboveᵀ, (K, M), of (N, K, C) and (N, M, C)."""
    if x.dtype == torch.bfloat16 and is_available(x):
        out = x.new_empty(x.shape[1], above.shape[1], dtype=torch.float32)
        pointers = [tensor.data_ptr() for tensor in (x, above, out)]
        sizes = *x.shape[:2], *above.shape[1:], torch.get_num_threads()
        if kernel("graph_matmul_gradient", x.dtype)(*pointers, *sizes):
            return out.to(x.dtype)
    return torch.bmm(x, above.transpose(1, 2)).sum(0)
