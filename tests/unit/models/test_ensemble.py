"""Networks fused late: one network, one file, the normalised geometric mean of its members."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posemill import models
from posemill.models.ensemble import make_ensemble
from posemill.packaging.export import to_onnx
from posemill.packaging.parity import require_parity
from posemill.pose.skeleton import BODY_12

CLASSES = ("rest", "squat", "wave")


def trained(seed: int, name: str = "tcn", **hyper: object) -> tuple[torch.nn.Module, models.NetworkCard]:
    torch.manual_seed(seed)
    network = models.build(name, BODY_12, len(CLASSES), **hyper).eval()
    return network, models.NetworkCard(name, dict(hyper), BODY_12.name, CLASSES, 12)


def members() -> list[tuple[torch.nn.Module, models.NetworkCard]]:
    return [trained(0, width=8, dilations=[1, 2]), trained(1, width=12, dilations=[1])]


def test_its_softmax_is_the_geometric_mean_of_the_members() -> None:
    x = torch.randn(4, 12, len(BODY_12), 3, generator=torch.Generator().manual_seed(3))
    network, card = make_ensemble(members(), BODY_12)
    with torch.no_grad():
        p = torch.stack([m(x).softmax(-1) for m, _ in members()]).log().mean(0).exp()
        assert torch.allclose(network(x).softmax(-1), p / p.sum(-1, keepdim=True), atol=1e-6)
    assert (card.name, card.classes) == ("ensemble", CLASSES)


def test_an_ensemble_of_one_says_what_its_member_says() -> None:
    x = torch.randn(2, 12, len(BODY_12), 3, generator=torch.Generator().manual_seed(3))
    one = members()[:1]
    with torch.no_grad():
        assert torch.allclose(make_ensemble(one, BODY_12)[0](x).softmax(-1), one[0][0](x).softmax(-1), atol=1e-6)


def test_in_a_mirror_it_says_the_same() -> None:
    x = torch.randn(4, 12, len(BODY_12), 3, generator=torch.Generator().manual_seed(3))
    mirror = x[:, :, torch.from_numpy(BODY_12.flip_index)] * torch.tensor([-1.0, 1.0, 1.0])
    with torch.no_grad():
        plain, mirrored = (make_ensemble(members(), BODY_12, both)[0] for both in (False, True))
        assert torch.allclose(mirrored(x), mirrored(mirror), atol=1e-6)
        each = torch.stack([m(view).log_softmax(-1) for m, _ in members() for view in (x, mirror)]).mean(0)
        assert torch.allclose(mirrored(x), each, atol=1e-6)
        assert not torch.allclose(plain(x), plain(mirror), atol=1e-3)


@pytest.mark.parametrize("mirrored", [False, True])
def test_it_is_kept_and_exported_as_any_network(tmp_path: Path, mirrored: bool) -> None:
    network, card = make_ensemble(members(), BODY_12, mirrored)
    models.save(tmp_path, network, card)
    again, card_again = models.load(tmp_path, list(CLASSES), BODY_12)
    assert card_again == card
    x = torch.randn(5, 12, len(BODY_12), 3, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert torch.equal(again(x), network(x))
    path = to_onnx(again, card.frames, BODY_12, tmp_path / "activity.onnx")
    assert require_parity(path, network, x.numpy()) < 1e-4


def test_it_is_no_network_to_train() -> None:
    assert "ensemble" not in models.NETWORKS
