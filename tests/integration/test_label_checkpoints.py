"""A checkpoint in the form of the official ones, which are downloads: random weights, saved the same way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from posemill.estimation.backends.openpifpaf.backend import OpenPifPafBackend
from posemill.estimation.backends.openpifpaf.checkpoints import load_checkpoint
from posemill.estimation.backends.openpifpaf.library import openpifpaf
from posemill.estimation.backends.openpifpaf.network import from_bytes
from posemill.estimation.preprocess import network_input, place
from posemill.estimation.runtimes import Network, load_runtime
from posemill.params.label import LabelParams


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """shufflenetv2k16 with the heads of COCO's keypoints, pickled whole as openpifpaf.train does."""
    torch.manual_seed(0)
    base = openpifpaf.BASE_FACTORIES["shufflenetv2k16"]()
    metas = openpifpaf.plugins.coco.CocoKp().head_metas
    heads = [openpifpaf.HEADS[type(meta)](meta, base.out_features) for meta in metas]
    shell = openpifpaf.network.nets.Shell(base, heads)
    openpifpaf.network.nets.model_defaults(shell)
    path = tmp_path_factory.mktemp("official") / "shufflenetv2k16.pkl"
    torch.save({"model": shell, "epoch": 0, "meta": {"args": ["train"]}}, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["eager", "openvino", "onnxruntime"])
def test_official_form_is_exported_exactly(official: Path, tmp_path: Path, runtime: str) -> None:
    """Earns its time: official files are downloads, and a second trace of such a network fails to export."""
    checkpoint = load_checkpoint(str(official), None, tmp_path)
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    picture = network_input(image, place(96, 128, 129))
    network = from_bytes(checkpoint.shell)
    with torch.inference_mode():  # OpenPifPaf's own way, in place
        openpifpaf.network.heads.CompositeField4.inplace_ops = True
        wanted = [field[0] for field in network(torch.from_numpy(picture[None]))]

    found = load_runtime(runtime, Network("random", lambda: from_bytes(checkpoint.shell)), tmp_path, 1)(picture)
    for field, exact in zip(found, wanted, strict=True):
        assert field.shape == exact.shape
        torch.testing.assert_close(torch.from_numpy(field), exact, atol=1e-3, rtol=1e-3)
    backend = OpenPifPafBackend(
        checkpoint, LabelParams.model_validate({"runtime": runtime, "long_edge_px": 129}), tmp_path
    )
    assert len(backend.poses([image])) == 1
