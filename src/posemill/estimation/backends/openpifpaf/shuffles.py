"""ShuffleNet's channel shuffles, said by the order of its weights: the same fields, without the copies in between.

A block works on half of the channels, and the shuffle before it decides on which. That is known beforehand, so every
branch can give its channels in the order in which later blocks take them, and nothing has to be interleaved and parted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from posemill.estimation.backends.openpifpaf.library import openpifpaf

STAGES = ("stage2", "stage3", "stage4")

_Channel = tuple[int, int]  # number of the branch that gives it, and its number there
_Order = Sequence[int]


def without_shuffles(shell: Any) -> Any:
    """The network with other stages, a copy; itself where it is no ShuffleNet as OpenPifPaf trains it."""
    if not _is_usual(shell.base_net):
        return shell
    shell, order = deepcopy(shell), None
    for name in STAGES:
        stage = Stage(getattr(shell.base_net, name), order)
        setattr(shell.base_net, name, stage)
        order = stage.order
    _take(shell.base_net.conv5, stage.order)
    return shell


class Stage(nn.Module):
    """(B, C, H, W) to (B, C', h, w): what these blocks give, in another order of channels. Changes the blocks.

    given  order of the channels that come, as `order` of the stage before; None: they come as the blocks expect them.
    order  of the channels that it gives, as positions in what the blocks gave.
    """

    def __init__(self, blocks: Iterable[Any], given: _Order | None) -> None:
        super().__init__()
        first, *others = blocks
        self.branches = nn.ModuleList([first.branch1, first.branch2, *(block.branch2 for block in others)])
        half = first.branch2[-3].out_channels
        taken = _taken(len(self.branches), half)
        if given is not None:
            _take(first.branch1, given)
            _take(first.branch2, given)
        for branch, channels in zip(self.branches[2:], taken[:-1], strict=True):
            _take(branch, _sorted(channels))
        self.order = _sorted(taken[-1])
        self._shares: list[tuple[list[int], list[int]]] = []  # of every branch: who takes, and how many channels
        for number, branch in enumerate(self.branches):
            own = [[channel for who, channel in sorted(channels) if who == number] for channels in taken]
            _give(branch, [channel for channels in own for channel in channels])
            takers = [taker for taker, channels in enumerate(own) if channels]
            self._shares.append((takers, [len(own[taker]) for taker in takers]))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        waiting: list[list[Tensor]] = [[] for _ in self.branches[1:]]
        for number, branch in enumerate(self.branches):
            found = branch(x if number < 2 else torch.cat(waiting[number - 2], 1))
            takers, sizes = self._shares[number]
            for taker, part in zip(takers, found.split(sizes, 1), strict=True):
                waiting[taker].append(part)
        return torch.cat(waiting[-1], 1)


def _is_usual(base: Any) -> bool:
    nets = openpifpaf.network.basenetworks
    if not isinstance(base, nets.ShuffleNetV2K) or not isinstance(base.conv5[0], nn.Conv2d):
        return False
    blocks = [list(getattr(base, name)) for name in STAGES]
    return all(
        isinstance(block, nets.InvertedResidualK)
        and (block.branch1 is None) == (number > 0)
        and isinstance(block.branch2[1], nn.BatchNorm2d)  # other norms mix channels
        for stage in blocks
        for number, block in enumerate(stage)
    )


def _taken(branches: int, half: int) -> list[list[_Channel]]:
    """The channels that each branch from the third on takes, in its order, and last those that leave the stage."""
    first, second, *others = [[(branch, channel) for channel in range(half)] for branch in range(branches)]
    now, taken = _shuffled(first, second), []
    for given in others:
        taken.append(now[half:])
        now = _shuffled(now[:half], given)
    return [*taken, now]


def _shuffled(one: list[_Channel], other: list[_Channel]) -> list[_Channel]:
    return [channel for pair in zip(one, other, strict=True) for channel in pair]


def _sorted(channels: Sequence[_Channel]) -> list[int]:
    """Positions of the channels, by branch and number."""
    return sorted(range(len(channels)), key=channels.__getitem__)


def _take(layers: Any, order: _Order) -> None:
    """The layers take channels in that order; a depthwise convolution gives them in the same one."""
    for number, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d) and layer.groups == 1:
            layer.weight.data = layer.weight.data[:, order]
            return
        assert number < 2, "a depthwise convolution and its norm come first"
        _reorder(layer, order)


def _give(layers: Any, order: _Order) -> None:
    """The layers give channels in that order."""
    last = max(number for number, layer in enumerate(layers) if isinstance(layer, nn.Conv2d))
    for layer in layers[last:]:
        _reorder(layer, order)


def _reorder(layer: Any, order: _Order) -> None:
    """Of a convolution's or a norm's channels, all that there is one of a channel."""
    for values in (*layer.parameters(), *layer.buffers()):
        if values.ndim:  # a norm also counts batches
            values.data = values.data[order]
