"""What splits a network into branches and joins them again, against the same in 64 bits by torch."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from posemill.cpu_kernels import batch_norm, compiler, graph_matmul
from posemill.cpu_kernels.temporal_max_pool import temporal_max_pool

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 5))  # samples, frames, keypoints


def layer_of(channels: int, random: torch.Generator) -> nn.BatchNorm1d:
    layer = nn.BatchNorm1d(channels)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(channels, generator=random))
        layer.bias.copy_(torch.randn(channels, generator=random))
    return layer


@settings(max_examples=40, deadline=None)
@given(
    shape=SHAPES,
    widths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    rest=st.integers(0, 20),
    threads=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_parts_of_a_split_are_slices_of_the_whole(
    shape: tuple[int, int, int], widths: list[int], rest: int, threads: int, seed: int
) -> None:
    random = torch.Generator().manual_seed(seed)
    known = sum(widths)
    layer = layer_of(known, random)
    x = torch.randn(*shape, 8, known + rest, generator=random) * 3 + 5
    above = torch.randn(x.shape, generator=random)
    exact, x64 = copy.deepcopy(layer).double(), x.double().requires_grad_()
    normed = exact(x64[..., :known].flatten(0, -2)).view(*x.shape[:-1], known)
    whole = torch.cat([torch.relu(normed), x64[..., known:]], -1)
    whole.backward(above.double())
    x.requires_grad_()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        parts = batch_norm.batch_norm_split(layer, x, widths)
        assert [p.shape[-1] for p in parts] == widths + ([rest] if rest else [])
        torch.autograd.backward(parts, list(above.split([p.shape[-1] for p in parts], -1)))
    finally:
        torch.set_num_threads(before)
    assert x64.grad is not None
    assert x.grad is not None
    torch.testing.assert_close(torch.cat(parts, -1).double(), whole.detach(), rtol=1e-3, atol=1e-3)
    if not bool((normed.abs() < 1e-4).any()):
        torch.testing.assert_close(x.grad.double(), x64.grad, rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(layer.weight.grad.double(), exact.weight.grad, rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(layer.running_var.double(), exact.running_var, rtol=1e-4, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(2, 200),
    widths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    threads=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_concatenated_parts_are_normalised_as_one(rows: int, widths: list[int], threads: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    layer = layer_of(sum(widths), random)
    x, above = (torch.randn(rows, sum(widths), generator=random) for _ in range(2))
    exact, x64 = copy.deepcopy(layer).double(), x.double().requires_grad_()
    normed = exact(x64)
    torch.relu(normed).backward(above.double())
    parts = [part.contiguous().requires_grad_() for part in x.split(widths, -1)]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        out = batch_norm.batch_norm_concat(layer, parts)
        out.backward(above)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(out.double(), torch.relu(normed), rtol=1e-3, atol=1e-3)
    if not bool((normed.abs() < 1e-4).any()) and rows > 8:
        gradient = torch.cat([part.grad for part in parts if part.grad is not None], -1)
        torch.testing.assert_close(gradient.double(), x64.grad, rtol=5e-3, atol=5e-3)


@settings(max_examples=40, deadline=None)
@given(
    shape=SHAPES,
    channels=st.integers(1, 40),
    stride=st.integers(1, 3),
    seed=st.integers(0, 9),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_the_temporal_max_pool_is_that_of_torch(
    shape: tuple[int, int, int], channels: int, stride: int, seed: int, dtype: torch.dtype
) -> None:
    random = torch.Generator().manual_seed(seed)
    x = torch.randint(-3, 4, (*shape, channels), generator=random).to(dtype)  # many are equal
    x64 = x.double().requires_grad_()
    wanted = nn.functional.max_pool2d(x64.permute(0, 3, 1, 2), (3, 1), (stride, 1), (1, 0)).permute(0, 2, 3, 1)
    above = torch.randint(-8, 9, wanted.shape, generator=random).to(dtype)
    wanted.backward(above.double())
    x.requires_grad_()
    out = temporal_max_pool(x, stride)
    out.backward(above)
    assert x.grad is not None
    assert x64.grad is not None
    torch.testing.assert_close(out.double(), wanted.detach(), rtol=0, atol=0)
    torch.testing.assert_close(x.grad.double(), x64.grad, rtol=0, atol=0)


def test_the_maximum_with_nan_is_nan() -> None:
    x = torch.zeros(1, 5, 2, 20)
    x[0, 2, 1, 3] = float("nan")
    out = temporal_max_pool(x.requires_grad_())
    assert out.isnan().nonzero().tolist() == [[0, t, 1, 3] for t in (1, 2, 3)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("frames", "keypoints", "channels"), [(1, 1, 1), (7, 17, 64), (50, 20, 33), (19, 12, 8)])
def test_graph_matmul_has_the_gradients_of_the_plain_product(
    frames: int, keypoints: int, channels: int, dtype: torch.dtype
) -> None:
    random = torch.Generator().manual_seed(0)
    weights = torch.randn(3 * keypoints, keypoints, generator=random).to(dtype)
    x, above = (torch.randn(frames, k, channels, generator=random).to(dtype) for k in (keypoints, 3 * keypoints))
    w64, x64 = weights.double().requires_grad_(), x.double().requires_grad_()
    wanted = w64 @ x64
    wanted.backward(above.double())
    weights.requires_grad_()
    x.requires_grad_()
    out = graph_matmul.graph_matmul(weights, x)
    out.backward(above)
    allowed = 1e-5 if dtype == torch.float32 else 2**-7
    for found, exact in ((out, wanted), (weights.grad, w64.grad), (x.grad, x64.grad)):
        assert found is not None
        assert exact is not None
        assert (found.double() - exact).norm() <= allowed * exact.norm()


def test_threads_add_up_to_the_same_gradient() -> None:
    x, above = torch.randn(41, 17, 48).bfloat16(), torch.randn(41, 51, 48).bfloat16()
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(graph_matmul._weight_gradient(x, above))
    finally:
        torch.set_num_threads(before)
    for one in found[1:]:
        torch.testing.assert_close(one, found[0], rtol=2**-7, atol=1e-2)


def test_a_processor_without_such_products_takes_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    x, above = torch.randn(9, 17, 64).bfloat16(), torch.randn(9, 51, 64).bfloat16()
    exact = (x.double() @ above.double().transpose(1, 2)).sum(0)
    for usual in (True, False):
        if not usual:
            monkeypatch.setattr(graph_matmul, "kernel", lambda name, dtype: lambda *_: 0)
        found = graph_matmul._weight_gradient(x, above)
        # single values near 0 are what rounding leaves of large ones: they are judged together
        assert (found.double() - exact).norm() <= 2**-7 * exact.norm()


def test_more_branches_than_one_call_takes_are_joined_by_torch() -> None:
    count = compiler.MOST_PARTS + 1
    layer = nn.BatchNorm1d(2 * count)
    parts = list(torch.randn(30, 2 * count).split(2, -1))
    out = batch_norm.batch_norm_concat(copy.deepcopy(layer), parts)
    torch.testing.assert_close(out, torch.relu(layer(torch.cat(parts, -1))))
    split = batch_norm.batch_norm_split(copy.deepcopy(layer), torch.cat(parts, -1), [2] * count)
    torch.testing.assert_close(torch.cat(split, -1), out)
