"""A checkpoint in the form of the official ones, which are downloads: random weights, saved the same way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from posemill.labelling.openpifpaf.backend import OpenPifPafBackend
from posemill.labelling.openpifpaf.checkpoints import load_checkpoint
from posemill.labelling.openpifpaf.library import openpifpaf
from posemill.labelling.picture import network_input, place
from posemill.labelling.runtime import OpenVino, load_runtime
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
def test_official_form_is_loaded_and_exported_exactly(official: Path, tmp_path: Path) -> None:
    """Earns its time: official files are downloads, and a second trace of such a network fails to export."""
    params = LabelParams(checkpoint=str(official), long_edge_px=129)
    checkpoint = load_checkpoint(params.checkpoint, None, tmp_path)
    backend = OpenPifPafBackend(checkpoint, params, tmp_path)
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    picture = network_input(image, place(96, 128, 129))

    exported = load_runtime("openvino", checkpoint.shell, "random", tmp_path / "networks", 1)
    assert isinstance(exported, OpenVino)
    exported.prepare(picture.shape)
    with torch.inference_mode():  # OpenPifPaf's own way, in place
        openpifpaf.network.heads.CompositeField4.inplace_ops = True
        wanted = [field[0] for field in checkpoint.shell(torch.from_numpy(picture))]
        openpifpaf.network.heads.CompositeField4.inplace_ops = False
    for found, field in zip(exported(picture), wanted, strict=True):
        assert found.shape == field.shape
        torch.testing.assert_close(found, field, atol=1e-3, rtol=1e-3)
    assert len(backend.poses([image])) == 1
