"""ONNX files that reach outside, loop, or ask for more than they hold: refused before a runtime opens them."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from packaged import write_package
from posemill import onnx_file
from posemill.errors import CheckpointError
from posemill.estimation.registry import find_backend
from posemill.onnx_file import read_network
from posemill.packaging.network_trial import try_network
from posemill.params.label import LabelParams
from posemill.prediction.model import ActivityModel
from posemill.prediction.packaged import PACKAGED

SHAPE = ["n", 12, 12, 3]
WEIGHTS = Path(__file__).resolve().parents[2] / "src" / "posemill" / "estimation" / "weights"


def model(*nodes: onnx.NodeProto, tensors: list[onnx.TensorProto] | None = None, **more: object) -> onnx.ModelProto:
    """A network of windows to three classes, with these nodes before its output."""
    last = helper.make_node("Constant", [], ["logits"], value=numpy_helper.from_array(np.zeros((1, 3), np.float32)))
    graph = helper.make_graph(
        [*nodes, last],
        "g",
        [helper.make_tensor_value_info("windows", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3])],
        tensors or [],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], **more)  # type: ignore[arg-type]


def external(location: str) -> onnx.ModelProto:
    tensor = TensorProto(name="w", dims=[4], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return model(tensors=[tensor])


def external_in_a_node() -> onnx.ModelProto:
    tensor = external("../secret").graph.initializer[0]
    return model(helper.make_node("Constant", [], ["c"], value=tensor))


def external_in_a_branch() -> onnx.ModelProto:
    inner = helper.make_graph([], "inner", [], [], [external("../secret").graph.initializer[0]])
    condition = numpy_helper.from_array(np.array(True), "yes")
    node = helper.make_node("If", ["yes"], ["x"], then_branch=inner, else_branch=inner)
    return model(node, tensors=[condition])


def external_of_a_sparse_tensor() -> onnx.ModelProto:
    made = model()
    sparse = made.graph.sparse_initializer.add(dims=[4])
    sparse.values.CopyFrom(external("/etc/passwd").graph.initializer[0])
    return made


def huge(dims: list[int]) -> onnx.ModelProto:
    return model(tensors=[TensorProto(name="w", dims=dims, data_type=TensorProto.FLOAT, raw_data=b"abcd")])


def huge_sparse() -> onnx.ModelProto:
    made = model()
    sparse = made.graph.sparse_initializer.add(dims=[2**20, 2**20])
    sparse.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "s"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.zeros(1, np.int64)))
    return made


def declared(dimension: int) -> onnx.ModelProto:
    made = model()
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = dimension
    return made


def loop() -> onnx.ModelProto:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["still"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("still", TensorProto.BOOL, [])],
    )
    tensors = [numpy_helper.from_array(np.array(2**62), "often"), numpy_helper.from_array(np.array(True), "yes")]
    return model(helper.make_node("Loop", ["often", "yes"], [], body=body), tensors=tensors)


def deep() -> onnx.ModelProto:
    graph = helper.make_graph([], "innermost", [], [])
    for _ in range(20):
        node = helper.make_node("If", ["yes"], ["x"], then_branch=graph)
        graph = helper.make_graph([node], "g", [], [])
    return model(*graph.node)


def functions() -> onnx.ModelProto:
    """Each calls the one before ten times: a few lines that grow to 10^20 operators."""
    made = []
    for n in range(20):
        calls = [helper.make_node(f"f{n - 1}" if n else "Relu", ["x"], ["x"], domain="own" if n else "")] * 10
        made.append(helper.make_function("own", f"f{n}", ["x"], ["x"], calls, [helper.make_opsetid("own", 1)]))
    return model(helper.make_node("f19", ["windows"], ["x"], domain="own"), functions=made)


def many() -> onnx.ModelProto:
    return model(*[helper.make_node("Relu", ["windows"], ["x"])] * 100_001)


HOSTILE: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "data beside": (lambda: external("weights.bin"), "the tensor 'w' has its data in another file"),
    "data above": (lambda: external("../../secret"), "has its data in another file"),
    "data at an absolute path": (lambda: external("/etc/passwd"), "has its data in another file"),
    "data behind a link": (lambda: external("link"), "has its data in another file"),
    "data of a node": (external_in_a_node, "has its data in another file"),
    "data of a branch": (external_in_a_branch, "has its data in another file"),
    "data of a sparse tensor": (external_of_a_sparse_tensor, "has its data in another file"),
    "another domain": (lambda: model(helper.make_node("Run", [], ["x"], domain="evil")), "of the domain 'evil'"),
    "a tensor of terabytes": (lambda: huge([2**20, 2**20]), r"of shape \[1048576, 1048576\] has \d+ bytes"),
    "dimensions that overflow": (lambda: huge([2**31 - 1] * 4), "it is cut"),
    "a negative dimension": (lambda: huge([-1]), "has a dimension of -1"),
    "a dimension beyond 31 bits": (lambda: huge([2**40]), "has a dimension of 1099511627776"),
    "a hundred dimensions": (lambda: huge([1] * 100), "more than 64 dimensions"),
    "a sparse tensor of terabytes": (huge_sparse, r"a sparse tensor has the shape \[1048576, 1048576\]"),
    "an input of petabytes": (lambda: declared(2**50), "'a declared value' has a dimension of 1125899906842624"),
    "a loop": (loop, "the operator 'Loop' runs for as long as the file says"),
    "graphs in graphs": (deep, "graphs lie within graphs more than 16 deep"),
    "functions that grow": (functions, "it defines functions"),
    "too many operators": (many, "more than 100,000 operators"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_network_is_not_opened(name: str, tmp_path: Path) -> None:
    make, says = HOSTILE[name]
    package = tmp_path / "package"
    packaged_with(make(), package)
    (tmp_path / "secret").write_bytes(bytes(16))
    (package / "weights.bin").write_bytes(bytes(16))
    (package / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(CheckpointError, match=says):
        ActivityModel.load(package)


@cache
def usual_package() -> Mapping[str, bytes]:
    """The files of a package."""
    with tempfile.TemporaryDirectory() as folder:
        write_package(Path(folder) / "package")
        return {path.name: path.read_bytes() for path in (Path(folder) / "package").iterdir()}


def packaged_with(network: onnx.ModelProto, package: Path) -> None:
    """A package of this network, with the digests right again."""
    package.mkdir()
    for name, content in usual_package().items():
        (package / name).write_bytes(content)
    (package / "activity.onnx").write_bytes(network.SerializeToString())
    digests = json.loads((package / "digests.json").read_text())
    digests["model"] = hashlib.sha256((package / "activity.onnx").read_bytes()).hexdigest()
    (package / "digests.json").write_text(json.dumps(digests))


def test_a_field_that_comes_twice_hides_nothing(tmp_path: Path) -> None:
    """Readers take the last of several, or put messages together."""
    node = (
        helper.make_node("Add", ["windows"], ["x"]).SerializeToString()
        + onnx.NodeProto(op_type="Loop").SerializeToString()
    )
    graph = model().graph.SerializeToString() + b"\x0a" + bytes([len(node)]) + node
    length = bytes([len(graph) & 127 | 128, len(graph) >> 7])
    (tmp_path / "twice.onnx").write_bytes(b"\x3a" + length + graph)
    assert onnx.load(tmp_path / "twice.onnx").graph.node[-1].op_type == "Loop"
    with pytest.raises(CheckpointError, match="'Add Loop' runs for as long"):
        read_network(tmp_path / "twice.onnx")
    (tmp_path / "two.onnx").write_bytes((b"\x3a" + length + graph) * 2)
    with pytest.raises(CheckpointError, match="it has 2 graphs"):
        read_network(tmp_path / "two.onnx", chosen=True)


@pytest.mark.parametrize("content", [b"", b"\x3a", b"\x3a\xff\xff\xff\xff\x0f", b"\x3b\x3c", b"\xff" * 11, b"\x38\x01"])
def test_what_is_no_onnx_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.onnx is no"):
        read_network(tmp_path / "x.onnx")


def test_a_file_of_many_small_fields_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would be an object of a hundred bytes."""
    monkeypatch.setattr(onnx_file, "MAX_FIELDS", 1000)
    (tmp_path / "x.onnx").write_bytes(b"\x08\x01" * 2000)
    with pytest.raises(CheckpointError, match="it has more than 1,000 fields"):
        read_network(tmp_path / "x.onnx")


def test_networks_as_they_are_pass_unchanged() -> None:
    files = [PACKAGED / "activity.onnx", *WEIGHTS.rglob("*.onnx")]
    assert len(files) > 1
    for file in files:
        assert read_network(file) == file.read_bytes()


@pytest.mark.parametrize("place", ["../secret", "/etc/passwd", "link", "none", "", ".", "in/weights.bin"])
def test_a_checkpoint_of_a_labeller_keeps_to_its_folder(place: str, tmp_path: Path) -> None:
    """A user chose it: its weights may be beside it, as those of large networks are, and nowhere else."""
    folder = tmp_path / "folder"
    (folder / "in").mkdir(parents=True)
    for file in (tmp_path / "secret", folder / "in" / "weights.bin", folder / "weights.bin"):
        file.write_bytes(bytes(16))
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "x.onnx").write_bytes(external(place).SerializeToString())
    params = LabelParams(backend="movenet", checkpoint=str(folder / "x.onnx"))
    with pytest.raises(CheckpointError, match="should be in a file beside it"):
        find_backend("movenet").load(params)
    twice = external("weights.bin")
    twice.graph.initializer[0].external_data.add(key="location", value=place)
    (folder / "x.onnx").write_bytes(twice.SerializeToString())
    with pytest.raises(CheckpointError, match="should be in a file beside it"):
        read_network(folder / "x.onnx", chosen=True)
    for network in (external("weights.bin"), loop(), functions()):
        (folder / "x.onnx").write_bytes(network.SerializeToString())
        assert read_network(folder / "x.onnx", chosen=True)


def constant_of(elements: int) -> onnx.ModelProto:
    """Made while the network is opened: constants are folded."""
    shape = numpy_helper.from_array(np.array([elements]), "shape")
    made = model(
        helper.make_node("ConstantOfShape", ["shape"], ["many"]),
        helper.make_node("ReduceSum", ["many"], ["sum"], keepdims=0),
        helper.make_node("Add", ["logits", "sum"], ["answer"]),
        tensors=[shape],
    )
    made.graph.node.insert(0, made.graph.node.pop())
    made.graph.output[0].name = "answer"
    return made


def test_a_network_that_needs_too_much_is_found_in_another_process(tmp_path: Path) -> None:
    """What only running shows: 16 GiB out of some bytes."""
    packaged_with(constant_of(2**32), tmp_path / "large")
    with pytest.raises(CheckpointError, match=r"large.*(not as expected|more than 2 GB)"):
        try_network(tmp_path / "large", max_memory=2 * 2**30)
    packaged_with(constant_of(2**10), tmp_path / "small")
    try_network(tmp_path / "small")
    with pytest.raises(CheckpointError, match="took longer than 0 s"):
        try_network(tmp_path / "small", timeout_s=0.01)
