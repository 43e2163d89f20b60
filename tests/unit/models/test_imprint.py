"""Weight imprinting: right about windows of clearly different poses before any step of training."""

from __future__ import annotations

import torch
from torch import nn

from posemill.models.imprint import imprint
from posemill.models.registry import build
from posemill.pose.skeleton import BODY_12

CLASSES = 3


def _windows(each: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows of one pose a class, a little shaken."""
    g = torch.Generator().manual_seed(0)
    poses = torch.randn(CLASSES, 1, 12, 3, generator=g)
    target = torch.arange(CLASSES).repeat_interleave(each)
    return poses[target].expand(-1, 24, -1, -1) + 0.05 * torch.randn(len(target), 24, 12, 3, generator=g), target


def test_an_imprinted_head_names_what_it_was_imprinted_with() -> None:
    torch.manual_seed(1)
    network, (windows, target) = build("tcn", BODY_12, CLASSES, width=16, dilations=[1, 2]), _windows()
    body = {name: value.clone() for name, value in network.state_dict().items() if not name.startswith("head.")}
    assert imprint(network, windows[::2], target[::2], CLASSES)
    with torch.no_grad():
        said = network.eval()(windows[1::2]).argmax(1)
    torch.testing.assert_close(said, target[1::2])
    for name, value in body.items():
        torch.testing.assert_close(network.state_dict()[name], value)


def test_nothing_changes_where_a_class_has_no_window() -> None:
    network, (windows, target) = build("tcn", BODY_12, CLASSES, width=16, dilations=[1]), _windows()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert not imprint(network, windows[target > 0], target[target > 0], CLASSES)
    torch.testing.assert_close(dict(network.state_dict()), before)


def test_a_network_without_a_head_is_left_as_it_is() -> None:
    network, (windows, target) = nn.Sequential(nn.Flatten(), nn.Linear(24 * 36, CLASSES)), _windows()
    assert not imprint(network, windows, target, CLASSES)
