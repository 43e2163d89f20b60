from pathlib import Path

import numpy as np
import pytest
import torch

from posemill import models
from posemill.errors import CheckpointError, InputError
from posemill.models.stgcn import adjacency
from posemill.models.streams import KeypointStreams, Streams
from posemill.pose.skeleton import BODY_12, COCO_17, PENN_13, Skeleton

SMALL = {"tcn": {"width": 16, "dilations": [1, 2]}, "stgcn": {"widths": [10, 10, 20]}}


@pytest.mark.parametrize("name", sorted(models.NETWORKS))
@pytest.mark.parametrize("body", [BODY_12, PENN_13, COCO_17], ids=lambda s: s.name)
def test_windows_become_logits(name: str, body: Skeleton) -> None:
    network = models.build(name, body, 5, **SMALL[name]).eval()
    assert network(torch.randn(3, 24, len(body), 3)).shape == (3, 5)


@pytest.mark.parametrize("name", sorted(models.NETWORKS))
def test_the_third_channel_changes_nothing(name: str) -> None:
    network = models.build(name, BODY_12, 5, **SMALL[name]).eval()
    x = torch.randn(2, 24, 12, 3)
    other = torch.cat([x[..., :2], torch.rand(2, 24, 12, 1)], -1)
    torch.testing.assert_close(network(x), network(other))


@pytest.mark.parametrize("name", sorted(models.NETWORKS))
def test_the_order_of_frames_matters(name: str) -> None:
    torch.manual_seed(0)
    network = models.build(name, BODY_12, 5, **SMALL[name]).eval()
    x = torch.randn(2, 24, 12, 3)
    assert (network(x) - network(x.flip(1))).abs().max() > 1e-4


def test_a_steady_shift_is_known_bones_and_motion() -> None:
    t = torch.arange(10.0)
    x = torch.zeros(1, 10, 12, 3)
    x[..., 0] = torch.arange(12.0) + 2 * t[:, None]
    streams = Streams(BODY_12, motion_gain=3.0)
    out = streams(x)
    points = 12 + len(BODY_12.edges)
    assert out.shape == (1, 4 * points, 10)
    bones = out[0, 24 : 2 * points : 2, 0]
    torch.testing.assert_close(bones, torch.tensor([float(b - a) for a, b in BODY_12.edge_index]))
    motion_x = out[0, 2 * points :: 2]
    torch.testing.assert_close(motion_x[:12], torch.full((12, 10), 6.0))
    torch.testing.assert_close(motion_x[12:], torch.zeros(points - 12, 10))


def test_a_bone_points_from_the_parents_to_the_keypoint() -> None:
    x = torch.zeros(1, 4, 12, 3)
    x[:, :, BODY_12.index("left_elbow"), 1] = 5.0
    out = KeypointStreams(BODY_12)(x)
    assert out.shape == (1, 8, 4, 12)
    assert out[0, 3, 0, BODY_12.index("left_elbow")] == 5.0
    assert out[0, 3, 0, BODY_12.index("left_wrist")] == -5.0
    assert out[0, 3, 0, BODY_12.index("right_wrist")] == 0.0


def test_the_graph_is_the_skeleton() -> None:
    itself, inward, outward = adjacency(BODY_12)
    np.testing.assert_array_equal(itself, np.eye(12))
    wrist, elbow = BODY_12.index("left_wrist"), BODY_12.index("left_elbow")
    assert inward[wrist, elbow] == 1
    assert outward[elbow, wrist] == 1
    assert ((inward > 0) == (outward > 0).T).all()
    assert (inward > 0).sum() == len(BODY_12.edges)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(InputError, match="known are tcn, stgcn"):
        models.build("resnet", BODY_12, 3)
    with pytest.raises(InputError, match="no depth; it has width"):
        models.build("tcn", BODY_12, 3, depth=4)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, torch.nn.Module]:
    network = models.build("tcn", BODY_12, 2, **SMALL["tcn"]).eval()
    card = models.NetworkCard("tcn", SMALL["tcn"], "body-12", ("sit", "walk"), 24)
    models.save(tmp_path / "net", network, card)
    return tmp_path / "net", network


def test_saved_and_loaded_it_answers_the_same(saved: tuple[Path, torch.nn.Module]) -> None:
    folder, network = saved
    again, card = models.load(folder, ["sit", "walk"], BODY_12)
    x = torch.randn(2, 24, 12, 3)
    torch.testing.assert_close(again(x), network(x), rtol=0, atol=0)
    assert not again.training
    assert card.classes == ("sit", "walk")
    assert card.frames == 24


def test_other_classes_or_skeleton_are_refused(saved: tuple[Path, torch.nn.Module]) -> None:
    with pytest.raises(CheckpointError, match="trained for classes"):
        models.load(saved[0], ["walk", "sit"])
    with pytest.raises(CheckpointError, match="trained for skeleton body-12, wanted coco-17"):
        models.load(saved[0], body=COCO_17)


def test_changed_or_missing_files_are_refused(saved: tuple[Path, torch.nn.Module], tmp_path: Path) -> None:
    weights = saved[0] / "network.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(CheckpointError, match="SHA-256"):
        models.load(saved[0])
    weights.unlink()
    with pytest.raises(CheckpointError, match="no weights"):
        models.load(saved[0])
    with pytest.raises(CheckpointError, match="no trained network"):
        models.load(tmp_path)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch.export calls its own deprecated function
@pytest.mark.parametrize("name", sorted(models.NETWORKS))
def test_onnx_answers_the_same(name: str, tmp_path: Path) -> None:
    import onnxruntime

    network = models.build(name, BODY_12, 4, **SMALL[name]).eval()
    x = torch.randn(3, 24, 12, 3)
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(
        network, (x,), dynamo=True, dynamic_shapes=({0: batch},), external_data=False, verbose=False
    )
    program.save(tmp_path / "net.onnx", external_data=False)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    more = torch.randn(5, 24, 12, 3)
    answer = session.run(None, {session.get_inputs()[0].name: more.numpy()})[0]
    np.testing.assert_allclose(answer, network(more).detach().numpy(), atol=1e-5)
