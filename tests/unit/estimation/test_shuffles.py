"""A ShuffleNet without shuffles gives the fields that it gave with them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from posemill.estimation.backends.openpifpaf.fields import posenet_shell
from posemill.estimation.backends.openpifpaf.library import openpifpaf
from posemill.estimation.backends.openpifpaf.network import from_bytes
from posemill.estimation.backends.openpifpaf.shuffles import Stage, without_shuffles
from posemill.estimation.backends.posenet.network import load_posenet

NETS = openpifpaf.network.basenetworks


def shell(base: Any) -> Any:
    """A network of random weights whose norms do something."""
    torch.manual_seed(0)
    heads = [
        openpifpaf.HEADS[type(meta)](meta, base.out_features) for meta in openpifpaf.plugins.coco.CocoKp().head_metas
    ]
    made = openpifpaf.network.nets.Shell(base, heads)
    openpifpaf.network.nets.model_defaults(made)
    for layer in made.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for values in (layer.weight, layer.bias, layer.running_mean):
                torch.nn.init.normal_(values, 0.2, 0.5)
            layer.running_var.uniform_(0.5, 2)
    return made.eval()


def small(*repeats: int, widths: tuple[int, ...] = (8, 20, 44, 96, 60)) -> Any:
    return shell(NETS.ShuffleNetV2K("small", list(repeats), list(widths)))


@pytest.mark.parametrize("repeats", [(4, 8, 4), (1, 2, 3), (7, 1, 5)])
@torch.no_grad()
def test_fields_are_the_same(repeats: tuple[int, int, int]) -> None:
    network, picture = small(*repeats), torch.rand(2, 3, 65, 97)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    quicker = without_shuffles(network)
    for found, wanted in zip(quicker(picture), network(picture), strict=True):
        assert wanted.std() > 0.01
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items()), "only a copy changes"
    assert all(isinstance(stage, Stage) for stage in (quicker.base_net.stage2, quicker.base_net.stage4))


@pytest.mark.filterwarnings("ignore")  # tracing, as the exporter does, warns of constants
@torch.no_grad()
def test_the_copies_are_gone_from_what_is_exported() -> None:
    picture = torch.zeros(1, 65, 65, 3, dtype=torch.uint8)
    traced = torch.jit.trace(from_bytes(small(2, 3, 2)), picture, check_trace=False)
    inlined = str(traced.inlined_graph)
    assert "aten::chunk" not in inlined
    assert inlined.count("aten::cat") == (2 + 3 + 2) + 2, "one a block, and one in each head"


def test_others_are_left_as_they_are() -> None:
    posenet = posenet_shell(load_posenet())
    assert without_shuffles(posenet) is posenet
    grouped = small(2, 2, 2, widths=(8, 32, 64, 128, 64))
    for stage in (grouped.base_net.stage2, grouped.base_net.stage3):
        stage[1].branch2[1] = torch.nn.GroupNorm(4, stage[1].branch2[1].num_features)
    assert without_shuffles(grouped) is grouped
