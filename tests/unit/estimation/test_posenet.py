"""The embedded network against TensorFlow.js running the published one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from posemill.errors import CheckpointError
from posemill.estimation.backends.posenet.network import (
    EMBEDDED_SHA256,
    FIELDS,
    embedded_digest,
    load_posenet,
    verify_embedded,
)

GOLDEN = Path(__file__).parents[2] / "fixtures" / "posenet_tfjs.json"


def waves(side: int) -> torch.Tensor:
    at = np.arange(side)
    planes = [np.cos(at / (17 - 2 * c))[:, None] * np.sin(at / (11 + c))[None] for c in range(3)]
    return torch.from_numpy(np.stack(planes)[None].astype(np.float32))


def test_same_fields_as_tensorflow_js() -> None:
    golden = json.loads(GOLDEN.read_text())
    with torch.inference_mode():
        fields = load_posenet()(waves(385))[0]
    assert fields.shape == (FIELDS, 25, 25)
    for (y, x), expected in zip(golden["cells"], golden["fields"], strict=True):
        found, wanted = fields[:, y, x].numpy(), np.array(expected)
        # in 32-bit floats the conversion agrees to 0.0005 (tools/convert_posenet.py checks that); the rest is what
        # 16-bit weights cost on this pattern: 0.08 logits and 1.2 pixels at worst, where a wrong axis costs tens
        assert np.abs(found[:17] - wanted[:17]).max() < 0.1
        assert np.abs(found[17:] - wanted[17:]).max() < 1.5


def test_the_embedded_file_is_the_published_one() -> None:
    verify_embedded()
    assert embedded_digest() == EMBEDDED_SHA256


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(CheckpointError, match="does not hold PoseNet"):
        load_posenet(path)
