"""Fine-tuning: a training that begins with pretrained weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from posemill.errors import CheckpointError
from posemill.models.registry import CARD, METADATA, WEIGHTS, NetworkCard

if TYPE_CHECKING:
    from torch import Tensor, nn

Parts = Literal["all", "body"]
HEAD = "head."  # every network's last layer
_NAMED = 5  # layers that a message names; more are counted


def load_pretrained(network: nn.Module, path: Path, wanted: NetworkCard, parts: Parts = "all") -> None:
    """Load weights (a safetensors file, or the folder it is in) into a fresh `network`, whose card is `wanted`.

    parts  "all", or "body": all layers but the last, for other activities.
    Errors: CheckpointError for a missing file, another network, skeleton or (unless "body") class list, and for layers
    that do not fit, which it names.
    """
    path = path / WEIGHTS if path.is_dir() else path
    weights, card = _read(path)
    if card:
        _same(path, card, wanted, parts)
    own = network.state_dict()
    if parts == "body":
        weights = {k: v for k, v in weights.items() if not k.startswith(HEAD)}
        own = {k: v for k, v in own.items() if not k.startswith(HEAD)}
    if mismatches := _mismatches(weights, own):
        more = f" and {len(mismatches) - _NAMED} more" if len(mismatches) > _NAMED else ""
        raise CheckpointError(
            f"{path}: {len(mismatches)} layers do not fit network {wanted.name}: {'; '.join(mismatches[:_NAMED])}{more}"
            f"; set train.hyper as it was in that training"
            + ("" if parts == "body" else ", or train.pretrained_parts to body where only head is named")
        )
    network.load_state_dict(weights, strict=False)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights, and the card in the file or beside it; empty where the file is not posemill's."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            weights = {name: file.get_tensor(name) for name in sorted(file.keys())}
            inside = (file.metadata() or {}).get(METADATA)
        beside = path.parent / CARD
        if not inside and path.name == WEIGHTS and beside.is_file():
            inside = beside.read_text()
        return weights, json.loads(inside or "{}")
    except FileNotFoundError as exc:
        raise CheckpointError(
            f"no weights {path}: train.pretrained should name a {WEIGHTS} or the folder of one"
        ) from exc
    except (SafetensorError, ValueError) as exc:
        raise CheckpointError(f"{path} is no safetensors file: train.pretrained should name one ({exc})") from exc


def _same(path: Path, card: Mapping[str, Any], wanted: NetworkCard, parts: Parts) -> None:
    """CheckpointError that says what to change."""
    if card["name"] != wanted.name:
        raise CheckpointError(
            f"{path}: holds network {card['name']}, this training is of {wanted.name}: set train.network to "
            f"{card['name']} or train.pretrained to another file"
        )
    if card["skeleton"] != wanted.skeleton:
        raise CheckpointError(
            f"{path}: trained for skeleton {card['skeleton']}, wanted {wanted.skeleton}: set prepare.skeleton to "
            f"{card['skeleton']} or train.pretrained to another file"
        )
    if card.get("layout") != wanted.layout:
        raise CheckpointError(
            f"{path}: {wanted.skeleton} had other keypoints or bones in that training: set train.pretrained to another "
            f"file"
        )
    if parts == "all" and tuple(card["classes"]) != wanted.classes:
        raise CheckpointError(
            f"{path}: trained for classes {list(card['classes'])}, wanted {list(wanted.classes)}: set "
            f"train.pretrained_parts to body, which takes all layers but the last"
        )


def _mismatches(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    """List layers that are missing, unknown or of another shape."""
    missing = [f"{k} is missing" for k in own if k not in weights]
    unknown = [f"{k} is not known" for k in weights if k not in own]
    other = [
        f"{k} is {tuple(v.shape)}, should be {tuple(own[k].shape)}"
        for k, v in weights.items()
        if k in own and v.shape != own[k].shape
    ]
    return [*other, *missing, *unknown]
