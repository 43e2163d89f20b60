"""Official checkpoints are pickled networks, which PyTorch's restricted loader reads.

Only the classes that such a network consists of are allowed; everything else is refused before anything of it runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from posemill.errors import CheckpointError
from posemill.estimation.backends.openpifpaf.library import openpifpaf

_ALLOWED = {
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray.scalar",
    "numpy.ndarray",
    "numpy.dtype",
}
_ALLOWED_PACKAGES = ("torch.nn.modules.", "openpifpaf.network.", "torchvision.models.", "torchvision.ops.")


def unpickled(path: Path) -> Any:
    """The network in an OpenPifPaf checkpoint, through the restricted loader; CheckpointError if it is none."""
    try:
        wanted = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals(list(_allowed(path, wanted))):
            shell = torch.load(path, map_location="cpu", weights_only=True)["model"]
    except CheckpointError:
        raise
    except Exception as exc:  # a damaged pickle can raise anything
        raise CheckpointError(
            f"{path} is not an OpenPifPaf checkpoint: {type(exc).__name__}: {str(exc)[:200]}"
        ) from exc
    if not isinstance(shell, openpifpaf.network.nets.Shell):
        raise CheckpointError(f"{path} holds a {type(shell).__name__}, not an OpenPifPaf network")
    openpifpaf.network.model_migration.model_migration(shell)
    shell = _single_frame(shell)
    _check_heads(path, shell)
    return shell.eval()


def _allowed(path: Path, names: Iterable[str]) -> Iterable[Any]:
    """The classes by those names; CheckpointError for any that a network has no use for."""
    import numpy as np

    # never listed, yet asked for
    yield from (np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Int64DType, np.dtypes.StrDType)
    refused = []
    for name in names:
        module, _, attribute = name.rpartition(".")
        if name in _ALLOWED:
            yield (getattr(import_module(module), attribute), name)
        elif (found := _network_class(module, attribute)) is not None:
            yield (found, name)
        else:
            refused.append(name)
    if refused:
        raise CheckpointError(
            f"{path} is refused: a network needs no {', '.join(sorted(refused))}; loading it could run foreign code"
        )


def _network_class(module: str, name: str) -> type | None:
    """A layer or a description of a head, from the packages that networks are made of; else None."""
    headmeta = openpifpaf.headmeta
    if module != headmeta.__name__ and not f"{module}.".startswith(_ALLOWED_PACKAGES):
        return None
    found = getattr(import_module(module), name, None)
    return found if isinstance(found, type) and issubclass(found, torch.nn.Module | headmeta.Base) else None


def _single_frame(shell: Any) -> Any:
    """Of a tracking network, what it says of one frame: the network without its memory of the frame before, and the
    first CIF and CAF heads for COCO's keypoints. Its TCAF heads, which link two frames, are left out. Others unchanged.
    """
    metas = openpifpaf.headmeta
    if not isinstance(shell.base_net, openpifpaf.network.tracking_base.TrackingBase):
        return shell
    pairs = [
        (cif, caf)
        for cif, caf in pairwise(shell.head_nets)
        if isinstance(cif.meta, metas.TSingleImageCif) and isinstance(caf.meta, metas.TSingleImageCaf)
    ]
    pairs.sort(key=lambda pair: list(pair[0].meta.keypoints) != openpifpaf.plugins.coco.constants.COCO_KEYPOINTS)
    heads = [net.head for net in pairs[0]] if pairs else []
    return openpifpaf.network.nets.Shell(shell.base_net.single_image_backbone, heads)


def _check_heads(path: Path, shell: Any) -> None:
    heads = [type(meta).__name__ for meta in shell.head_metas[:2]]
    wanted = (openpifpaf.headmeta.Cif, openpifpaf.headmeta.Caf)
    if len(heads) < 2 or not all(map(isinstance, shell.head_metas, wanted)):
        raise CheckpointError(f"{path}: heads should be Cif and Caf, came as {', '.join(heads) or 'none'}")
    if list(shell.head_metas[0].keypoints) != openpifpaf.plugins.coco.constants.COCO_KEYPOINTS:
        raise CheckpointError(
            f"{path} finds {len(shell.head_metas[0].keypoints)} keypoints other than COCO's 17; "
            "posemill labels the skeleton coco-17"
        )
