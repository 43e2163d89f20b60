"""Lower precision: the gate lets through what is as accurate, and says why it does not otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from packaged import fitted_features, some_windows, write_package
from posemill.edge.model import open_classifier
from posemill.errors import GateError, InputError
from posemill.packaging import precision
from posemill.packaging.precision import PrecisionGate, as_batches, lower

GOOD = PrecisionGate("pose", "int8", 100, 0.90, 0.895, 0.98, oks=0.99, people=1.01)


def test_a_gate_that_is_passed() -> None:
    assert GOOD.require() is GOOD
    assert GOOD.to_json()["accepted"] is True
    assert replace(GOOD, oks=None, people=None, accuracy=0.95).faults() == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"accuracy": 0.88}, "accuracy 0.880 instead of 0.900"),
        ({"agreement": 0.96}, "96.0% of verdicts agree, 97% are needed"),
        ({"oks": 0.8}, "median OKS 0.800"),
        ({"people": 0.95}, "95.0% of the people are found"),
    ],
)
def test_a_gate_that_is_not(changes: dict[str, float], says: str) -> None:
    gate = replace(GOOD, **changes)
    assert gate.to_json()["accepted"] is False
    with pytest.raises(GateError, match=f"pose network in int8 fails on 100 held-out clips: {says}.*export it in f32"):
        gate.require()


@pytest.mark.parametrize(("kind", "least"), [("fp16", 1.0), ("int8", 0.8)])
def test_a_lowered_network_is_smaller_and_answers_alike(kind: str, least: float, tmp_path: Path) -> None:
    if kind == "int8":
        pytest.importorskip("nncf")
    write_package(tmp_path)
    windows = some_windows(32)
    lower(tmp_path / "activity.onnx", tmp_path / "low.xml", kind, as_batches(fitted_features().transform(windows)))
    full, lowered = open_classifier(tmp_path), open_classifier(tmp_path, file="low.xml")
    expected, given = full.probabilities(windows), lowered.probabilities(windows)
    assert not np.array_equal(expected, given)
    assert (expected.argmax(1) == given.argmax(1)).mean() >= least
    assert (tmp_path / "low.bin").stat().st_size < 0.7 * (tmp_path / "activity.bin").stat().st_size


def test_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="precision is one of f32, fp16, int8, came 'int4'"):
        lower(tmp_path / "a.onnx", tmp_path / "b.xml", "int4", [])
    with pytest.raises(InputError, match="calibrated on windows or pictures of the train split"):
        lower(tmp_path / "a.onnx", tmp_path / "b.xml", "int8", [])
    monkeypatch.setattr(precision, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install nncf"):
        lower(tmp_path / "a.onnx", tmp_path / "b.xml", "int8", [])
