"""One operation for normalisation, sum and ReLU, against the same in 64 bits by torch."""

from __future__ import annotations

import copy
import logging
import subprocess
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from posemill import models
from posemill.cpu_kernels import batch_norm, compiler
from posemill.pose.skeleton import COCO_17

EVERY = ("out", "x", "skip", "weight", "bias")


def drawn(rows: int, channels: int, dtype: torch.dtype, seed: int = 0) -> tuple[nn.BatchNorm1d, Tensor, Tensor, Tensor]:
    """A layer, its input, what is added and the gradient from above."""
    random = torch.Generator().manual_seed(seed)
    layer = nn.BatchNorm1d(channels)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(channels, generator=random))
        layer.bias.copy_(torch.randn(channels, generator=random))
    x, skip, above = (torch.randn(rows, channels, generator=random).to(dtype) for _ in range(3))
    return layer, x * 3 + 40, skip, above


def traced(
    layer: nn.BatchNorm1d, x: Tensor, skip: Tensor | None, above: Tensor, relu: bool, fused: bool
) -> dict[str, Tensor]:
    """Result and gradients."""
    x = x.clone().requires_grad_()
    skip = None if skip is None else skip.clone().requires_grad_()
    if fused:
        out = batch_norm.batch_norm(layer, x, skip, relu)
    else:
        out = layer(x) if skip is None else layer(x) + skip
        out = torch.relu(out) if relu else out
    out.backward(above)
    found = {"out": out.detach(), "x": x.grad, "weight": layer.weight.grad, "bias": layer.bias.grad}
    return {k: v for k, v in (found | {"skip": None if skip is None else skip.grad}).items() if v is not None}


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(8, 300),
    channels=st.integers(1, 70),
    relu=st.booleans(),
    added=st.booleans(),
    threads=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_it_is_what_torch_computes(rows: int, channels: int, relu: bool, added: bool, threads: int, seed: int) -> None:
    layer, x, skip, above = drawn(rows, channels, torch.float32, seed)
    exact = copy.deepcopy(layer).double()
    wanted = traced(exact, x.double(), skip.double() if added else None, above.double(), relu, fused=False)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = traced(layer, x, skip if added else None, above, relu, fused=True)
    finally:
        torch.set_num_threads(before)
    assert found.keys() == wanted.keys()
    edge = wanted["out"].abs() < 1e-4 if relu else torch.zeros(rows, channels, dtype=torch.bool)  # either side of 0
    for name in EVERY:
        if name in ("x", "weight", "bias") and bool(edge.any()):
            continue
        if name in wanted:
            torch.testing.assert_close(found[name].double(), wanted[name], rtol=2e-3, atol=2e-3, msg=name)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(layer, name).double(), getattr(exact, name), rtol=1e-4, atol=1e-4)
    assert layer.num_batches_tracked.item() == 1


@pytest.mark.parametrize("channels", [16, 54, 107])
def test_sixteen_bits_are_rounded_once(channels: int) -> None:
    layer, x, skip, above = drawn(999, channels, torch.bfloat16)
    exact = copy.deepcopy(layer).double()
    wanted = traced(exact, x.double(), skip.double(), above.double(), relu=True, fused=False)
    found = traced(layer, x, skip, above, relu=True, fused=True)
    torch.testing.assert_close(found["out"].double(), wanted["out"], rtol=2**-8, atol=1e-3)
    kept = (wanted["out"] > 1e-3) | (wanted["out"] == 0)
    torch.testing.assert_close(found["skip"].double()[kept], wanted["skip"][kept], rtol=0, atol=0)
    torch.testing.assert_close(found["x"].double()[kept], wanted["x"][kept], rtol=2**-6, atol=2e-2)


def test_what_is_no_number_stays_none() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        layer, x, skip, _ = drawn(40, 24, dtype)
        x[3, 5] = float("nan")
        out = batch_norm.batch_norm(layer, x, skip, relu=True)
        assert out[:, 5].isnan().all()
        assert not out[:, :5].isnan().any()


def test_the_gradients_of_a_network_are_the_same_with_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = models.build("stgcn", COCO_17, 4, dropout=0.0)
    x, target = torch.randn(6, 16, 17, 3), torch.arange(6) % 4

    def gradients(network: nn.Module, x: Tensor) -> dict[str, Tensor]:
        nn.functional.cross_entropy(network(x), target).backward()
        return {name: p.grad.double() for name, p in network.named_parameters() if p.grad is not None}

    fused = gradients(copy.deepcopy(network), x)
    monkeypatch.setattr(compiler, "load_library", lambda: None)
    exact = gradients(copy.deepcopy(network).double(), x.double())
    assert fused.keys() == exact.keys()
    for name, wanted in exact.items():
        # below the last block a value on the other side of a ReLU or a maximum changes a little, in torch as well
        allowed = 1e-4 if name.startswith(("blocks.5", "head")) else 0.05
        assert (fused[name] - wanted).norm() < allowed * wanted.norm() + 1e-9, name


def test_without_a_compiler_torch_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiler, "_cache_folder", lambda: tmp_path)
    monkeypatch.setenv("CXX", str(tmp_path / "no-such-compiler"))
    with caplog.at_level(logging.WARNING):
        assert compiler.load_library.__wrapped__() is None
    assert "no-such-compiler" in caplog.text
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(subprocess.CalledProcessError):
        compiler.compile_library("false", tmp_path)


def test_it_is_compiled_once(tmp_path: Path) -> None:
    made = compiler.compile_library("g++", tmp_path)
    when = made.stat().st_mtime_ns
    assert compiler.compile_library("g++", tmp_path) == made
    assert made.stat().st_mtime_ns == when
    assert [p.name for p in tmp_path.iterdir()] == [made.name]
