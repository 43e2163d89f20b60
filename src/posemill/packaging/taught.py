"""Package of a model that was taught in the live page: the same network as an ONNX file that every runtime takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.atomic import atomic_folder
from posemill.errors import InputError
from posemill.features.pipeline import FeaturePipeline
from posemill.packaging.assemble import write_json
from posemill.packaging.digests import of_files
from posemill.prediction.classifier import CALIBRATION, CLASSES, DIGESTS, FEATURES, MODEL

if TYPE_CHECKING:
    from posemill.prediction.taught import TaughtModel

LABELLER = "labeller.json"
FILES = {"model": MODEL, "features": FEATURES, "classes": CLASSES, "calibration": CALIBRATION, "labeller": LABELLER}
OPSET = 18


def package_taught(model: TaughtModel, pose_network: str, folder: Path) -> None:
    """Write the model's package to `folder`, as `posemill stage package` does of a trained one.

    Errors: InputError where weights, features and classes do not fit together.
    """
    with atomic_folder(folder) as part:
        (part / FEATURES).write_text(json.dumps(model.features))
        features = FeaturePipeline.load(part / FEATURES)
        features.save(part / FEATURES)
        weights = _weights(model, features)
        (part / MODEL).write_bytes(_onnx(weights, model.network.kernel, features))
        write_json(part / CLASSES, model.classes)
        write_json(part / CALIBRATION, {"temperature": model.temperature, "rejection_threshold": model.threshold})
        write_json(part / LABELLER, {"backend": "live-page", "checkpoint": pose_network})
        write_json(part / DIGESTS, of_files({key: part / name for key, name in FILES.items()}))


def _weights(model: TaughtModel, features: FeaturePipeline) -> dict[str, NDArray[np.float32]]:
    try:
        weights = {str(name): entry.array() for name, entry in model.network.weights.items()}
        _, hidden = weights["hidden_weight"].shape
        expected = {
            "hidden_weight": (model.network.kernel * 2 * len(features.skeleton), hidden),
            "hidden_bias": (hidden,),
            "output_weight": (2 * hidden, len(model.classes)),
            "output_bias": (len(model.classes),),
        }
        shapes = {name: weights[name].shape for name in expected}
    except (KeyError, ValueError) as exc:
        raise InputError(f"the taught model's weights are damaged ({exc}): download the file again") from exc
    if shapes != expected or features.coordinates != 2:
        raise InputError(f"the taught model's weights should have shapes {expected}, have {shapes}: download it again")
    return weights


def _onnx(weights: dict[str, NDArray[np.float32]], kernel: int, features: FeaturePipeline) -> bytes:
    """Build the graph: x and y of every pose, a convolution over time, mean and maximum, the output layer."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    frames, keypoints, _ = features.shape
    hidden = weights["hidden_weight"].reshape(kernel, 2 * keypoints, -1).transpose(2, 1, 0)  # (H, 2K, kernel)
    constants: dict[str, NDArray[Any]] = {
        "hidden_weight": np.ascontiguousarray(hidden),
        "hidden_bias": weights["hidden_bias"],
        "output_weight": weights["output_weight"],
        "output_bias": weights["output_bias"],
        "from": np.array([0], np.int64),
        "to": np.array([2], np.int64),
        "last": np.array([-1], np.int64),
        "flat": np.array([0, 0, -1], np.int64),
        "time": np.array([2], np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["windows", "from", "to", "last"], ["xy"]),
        helper.make_node("Reshape", ["xy", "flat"], ["poses"]),
        helper.make_node("Transpose", ["poses"], ["channels"], perm=[0, 2, 1]),
        helper.make_node("Conv", ["channels", "hidden_weight", "hidden_bias"], ["convolved"], kernel_shape=[kernel]),
        helper.make_node("Relu", ["convolved"], ["active"]),
        helper.make_node("ReduceMean", ["active", "time"], ["mean"], keepdims=0),
        helper.make_node("ReduceMax", ["active", "time"], ["most"], keepdims=0),
        helper.make_node("Concat", ["mean", "most"], ["pooled"], axis=1),
        helper.make_node("Gemm", ["pooled", "output_weight", "output_bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "taught",
        [helper.make_tensor_value_info("windows", TensorProto.FLOAT, ["batch", frames, keypoints, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", weights["output_bias"].shape[0]])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
