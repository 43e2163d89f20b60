from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from posemill import models
from posemill.errors import CheckpointError
from posemill.models.pretrained import load_pretrained
from posemill.pose.definition import fingerprint
from posemill.pose.skeleton import BODY_12, COCO_17, Skeleton
from small_networks import SMALL

CARD = models.NetworkCard("tcn", SMALL["tcn"], "body-12", ("sit", "walk"), 24)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, torch.nn.Module]:
    network = fresh(0)
    models.save(tmp_path / "net", network, CARD)
    return tmp_path / "net", network


def fresh(seed: int, classes: int = 2, **hyper: object) -> torch.nn.Module:
    torch.manual_seed(seed)
    return models.build("tcn", BODY_12, classes, **{**SMALL["tcn"], **hyper}).eval()


def test_saved_and_loaded_it_answers_the_same(saved: tuple[Path, torch.nn.Module]) -> None:
    folder, network = saved
    again, card = models.load(folder, ["sit", "walk"], BODY_12)
    x = torch.randn(2, 24, 12, 3)
    torch.testing.assert_close(again(x), network(x), rtol=0, atol=0)
    assert not again.training
    assert card.classes == ("sit", "walk")
    assert card.frames == 24


def test_the_baseline_keeps_what_it_was_fitted_to(tmp_path: Path) -> None:
    network = models.build("linear", BODY_12, 2)
    x = torch.randn(12, 24, 12, 3)
    network.solve([x], torch.arange(12) % 2)
    models.save(tmp_path, network.eval(), replace(CARD, name="linear", hyper={}))
    torch.testing.assert_close(models.load(tmp_path)[0](x), network(x), rtol=0, atol=0)


def test_other_classes_or_skeleton_are_refused(saved: tuple[Path, torch.nn.Module]) -> None:
    with pytest.raises(CheckpointError, match="trained for classes"):
        models.load(saved[0], ["walk", "sit"])
    with pytest.raises(CheckpointError, match="trained for skeleton body-12, wanted coco-17"):
        models.load(saved[0], skeleton=COCO_17)


def test_a_layout_of_ones_own_is_known_by_more_than_its_name(tmp_path: Path) -> None:
    own = Skeleton("mine", ("head", "hip", "foot"), (("hip", "head"), ("hip", "foot")), (), (0.08,) * 3)
    turned = replace(own, keypoints=("foot", "hip", "head"))
    card = replace(CARD, skeleton="mine", layout=fingerprint(own))
    models.save(tmp_path / "net", models.build("tcn", own, 2, **SMALL["tcn"]), card)
    assert models.load(tmp_path / "net", skeleton=own)[1] == card
    with pytest.raises(CheckpointError, match="mine had other keypoints or bones in that training"):
        models.load(tmp_path / "net", skeleton=turned)
    wanted = replace(card, layout=fingerprint(turned))
    with pytest.raises(CheckpointError, match="mine had other keypoints or bones in that training"):
        load_pretrained(models.build("tcn", turned, 2, **SMALL["tcn"]), tmp_path / "net", wanted)
    assert (fingerprint(COCO_17), CARD.layout) == (None, None)


def test_changed_or_missing_files_are_refused(saved: tuple[Path, torch.nn.Module], tmp_path: Path) -> None:
    weights = saved[0] / "network.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(CheckpointError, match="SHA-256"):
        models.load(saved[0])
    weights.unlink()
    with pytest.raises(CheckpointError, match="no weights"):
        models.load(saved[0])
    with pytest.raises(CheckpointError, match="no trained network"):
        models.load(tmp_path)


@pytest.mark.parametrize("name", ["", "network.safetensors"])
def test_a_training_starts_from_a_folder_or_file(saved: tuple[Path, torch.nn.Module], name: str) -> None:
    network = fresh(1)
    load_pretrained(network, saved[0] / name, CARD)
    x = torch.randn(2, 24, 12, 3)
    torch.testing.assert_close(network(x), saved[1](x), rtol=0, atol=0)


def test_the_body_serves_other_activities(saved: tuple[Path, torch.nn.Module]) -> None:
    network = fresh(1, classes=5)
    head = network.head[1].weight.clone()
    load_pretrained(network, saved[0], replace(CARD, classes=("a", "b", "c", "d", "e")), "body")
    torch.testing.assert_close(network.stem[1].weight, saved[1].stem[1].weight, rtol=0, atol=0)
    torch.testing.assert_close(network.head[1].weight, head, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "stgcn"}, "holds network tcn, this training is of stgcn: set train.network to tcn"),
        ({"skeleton": "coco-17"}, "trained for skeleton body-12, wanted coco-17: set prepare.skeleton to body-12"),
        ({"classes": ("run", "sit")}, r"trained for classes .*set train.pretrained_parts to body"),
    ],
)
@pytest.mark.parametrize("moved", [False, True])
def test_weights_of_something_else_are_refused_with_advice(
    saved: tuple[Path, torch.nn.Module], change: dict[str, object], says: str, moved: bool
) -> None:
    path = saved[0]
    if moved:  # the file alone knows what it is for
        path = (saved[0] / "network.safetensors").rename(saved[0].parent / "elsewhere.safetensors")
    with pytest.raises(CheckpointError, match=says):
        load_pretrained(fresh(1), path, replace(CARD, **change))


def test_layers_that_do_not_fit_are_named(saved: tuple[Path, torch.nn.Module]) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_pretrained(fresh(1, width=8, dilations=[1]), saved[0], CARD)
    assert "blocks.0.body.0.weight is (16, 16, 5), should be (8, 8, 5)" in str(caught.value)
    assert "more; set train.hyper" in str(caught.value)


def test_weights_without_a_card_are_judged_by_their_layers(saved: tuple[Path, torch.nn.Module], tmp_path: Path) -> None:
    save_file(saved[1].state_dict(), tmp_path / "bare.safetensors")
    load_pretrained(fresh(1), tmp_path / "bare.safetensors", CARD)
    some = {k: v for k, v in saved[1].state_dict().items() if k != "head.1.bias"}
    save_file({**some, "tail": torch.zeros(1)}, tmp_path / "bare.safetensors")
    with pytest.raises(CheckpointError, match=r"head.1.bias is missing; tail is not known"):
        load_pretrained(fresh(1), tmp_path / "bare.safetensors", CARD)


def test_no_file_and_no_weights_say_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no weights .*train.pretrained should name"):
        load_pretrained(fresh(1), tmp_path, CARD)
    (tmp_path / "x.safetensors").write_bytes(b"what is this")
    with pytest.raises(CheckpointError, match="is no safetensors file"):
        load_pretrained(fresh(1), tmp_path / "x.safetensors", CARD)
