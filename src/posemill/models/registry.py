"""Networks by name, and trained networks on disk: network.safetensors beside network.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from posemill.errors import CheckpointError, InputError
from posemill.pose.definition import fingerprint
from posemill.pose.skeleton import Skeleton
from posemill.pose.skeleton import skeleton as skeleton_named
from posemill.untrusted import untrusted

if TYPE_CHECKING:
    from torch import nn

# name -> "module:class"; a class takes (skeleton, classes, **hyper)
NETWORKS: Mapping[str, str] = MappingProxyType(
    {
        "tcn": "posemill.models.tcn:TCN",
        "stgcn": "posemill.models.stgcn:STGCN",
        "stgcn++": "posemill.models.stgcn:STGCNPlusPlus",
        "transformer": "posemill.models.transformer:Transformer",
        "posec3d": "posemill.models.posec3d:PoseC3D",
        "posec3d-slowonly": "posemill.models.posec3d:PoseC3DSlowOnly",
        "linear": "posemill.models.linear:Linear",
        "mlp": "posemill.models.mlp:MLP",
    }
)
# made of trained networks by `posemill assemble`, never trained themselves
ENSEMBLES: Mapping[str, str] = MappingProxyType({"ensemble": "posemill.models.ensemble:Ensemble"})
WEIGHTS, CARD, METADATA = "network.safetensors", "network.json", "posemill"


@dataclass(frozen=True, slots=True)
class NetworkCard:
    """Card of a trained network: what builds it again, and refuses wrong input.

    name      in NETWORKS or ENSEMBLES.
    hyper     its hyper-parameters, JSON values.
    skeleton  name of the skeleton of its windows.
    classes   activities in output order.
    frames    T of its windows.
    layout    fingerprint of a skeleton of one's own, whose name says little; None for one that is known everywhere.
    """

    name: str
    hyper: dict[str, Any]
    skeleton: str
    classes: tuple[str, ...]
    frames: int
    layout: str | None = None


def build(name: str, skeleton: Skeleton, classes: int, **hyper: Any) -> nn.Module:
    """Build a fresh network (B, T, K, 3) → (B, classes).

    Errors: InputError for an unknown name or hyper-parameter, with the known ones.

    Examples:
        >>> from posemill.pose.skeleton import COCO_17
        >>> type(build("tcn", COCO_17, classes=5, width=32)).__name__
        'TCN'
    """
    if name not in NETWORKS and name not in ENSEMBLES:
        raise InputError(f"unknown network {name!r}; known are {', '.join(NETWORKS)}")
    import inspect

    module, cls = {**ENSEMBLES, **NETWORKS}[name].split(":")
    network = getattr(import_module(module), cls)
    known = [p for p in inspect.signature(network).parameters if p not in ("skeleton", "classes")]
    if unknown := sorted(set(hyper) - set(known)):
        raise InputError(f"network {name} has no {', '.join(unknown)}; it has {', '.join(known)}")
    built: nn.Module = network(
        skeleton, classes, **{k: tuple(v) if isinstance(v, list) else v for k, v in hyper.items()}
    )
    return built


def save(folder: Path, network: nn.Module, card: NetworkCard) -> None:
    """Write weights and card into `folder`; the card carries the digest of the weights."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = {k: v.detach().contiguous() for k, v in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS, {METADATA: json.dumps(asdict(card))})  # the file alone says what it is for
    fields = {**asdict(card), "classes": list(card.classes), "sha256": _sha256(folder / WEIGHTS)}
    (folder / CARD).write_text(json.dumps(fields, indent=1) + "\n")


def load(
    folder: Path, classes: Sequence[str] | None = None, skeleton: Skeleton | None = None
) -> tuple[nn.Module, NetworkCard]:
    """Load a trained network in eval mode, with its card.

    classes, skeleton  of the caller; CheckpointError where the network was trained for others. A skeleton that is not
                       known everywhere must be given: features.json has it.
    Errors: CheckpointError too for missing files, a wrong digest or weights of another shape.
    """
    with untrusted(f"the network in {folder}", CheckpointError):
        return _load(folder, classes, skeleton)


def _load(folder: Path, classes: Sequence[str] | None, skeleton: Skeleton | None) -> tuple[nn.Module, NetworkCard]:
    from safetensors.torch import load_file

    card, digest = _read_card(folder)
    if classes is not None and tuple(classes) != card.classes:
        raise CheckpointError(
            f"{folder}: trained for classes {list(card.classes)}, wanted {list(classes)}; train again"
        )
    if skeleton is not None and skeleton.name != card.skeleton:
        raise CheckpointError(f"{folder}: trained for skeleton {card.skeleton}, wanted {skeleton.name}; train again")
    if skeleton is not None and fingerprint(skeleton) != card.layout:
        raise CheckpointError(f"{folder}: {skeleton.name} had other keypoints or bones in that training; train again")
    if (actual := _sha256(folder / WEIGHTS)) != digest:
        raise CheckpointError(
            f"{folder / WEIGHTS}: SHA-256 should be {digest[:12]}…, is {actual[:12]}…; train again or restore "
            f"both files"
        )
    network = build(card.name, skeleton or skeleton_named(card.skeleton), len(card.classes), **card.hyper)
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except RuntimeError as exc:
        raise CheckpointError(f"{folder}: weights do not fit network {card.name} {card.hyper}; train again") from exc
    return network.eval(), card


def _read_card(folder: Path) -> tuple[NetworkCard, str]:
    try:
        fields = json.loads((folder / CARD).read_text())
        digest = fields.pop("sha256")
        return NetworkCard(**{**fields, "classes": tuple(fields["classes"])}), digest
    except FileNotFoundError as exc:
        raise CheckpointError(f"no trained network in {folder}: run `posemill stage train`") from exc
    except (KeyError, TypeError, json.JSONDecodeError) as exc:
        raise CheckpointError(f"{folder / CARD} is not a network card of posemill: {exc!r}; train again") from exc


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError as exc:
        raise CheckpointError(f"no weights {path}: run `posemill stage train`") from exc
