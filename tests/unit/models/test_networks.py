from __future__ import annotations

import numpy as np
import pytest
import torch

from posemill import models
from posemill.errors import InputError
from posemill.models.posec3d import Heatmaps
from posemill.models.stgcn import adjacency
from posemill.models.streams import KeypointStreams, Streams
from posemill.pose.skeleton import BODY_12, BODY_25, COCO_17, MPII_15, PENN_13, Skeleton
from posemill.training import sanity
from small_networks import SMALL

TWENTY = Skeleton(  # in the manner of a depth camera: a chain with limbs
    name="chain-20",
    keypoints=tuple(f"point_{i}" for i in range(20)),
    edges=tuple((f"point_{i // 2}", f"point_{i}") for i in range(1, 20)),
    pairs=(),
    sigmas=(0.08,) * 20,
)
everyone = pytest.mark.parametrize("name", sorted(models.NETWORKS))


def small(name: str, body: Skeleton, classes: int, **more: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return models.build(name, body, classes, **SMALL[name], **more)


@everyone
@pytest.mark.parametrize("body", [BODY_12, PENN_13, MPII_15, COCO_17, TWENTY, BODY_25], ids=lambda s: s.name)
def test_windows_of_any_skeleton_and_length_become_logits(name: str, body: Skeleton) -> None:
    network = small(name, body, 5).eval()
    assert network(torch.randn(3, 24, len(body), 3)).shape == (3, 5)
    assert network(torch.randn(1, 37, len(body), 3)).shape == (1, 5)


@everyone
def test_a_network_of_two_coordinates_does_not_see_the_third(name: str) -> None:
    network = answering(small(name, BODY_12, 5))
    x, other = two_that_differ_in_the_third()
    torch.testing.assert_close(network(x), network(other))


@everyone
def test_a_network_of_three_coordinates_sees_it(name: str) -> None:
    network = answering(small(name, BODY_12, 5, coordinates=3))
    x, other = two_that_differ_in_the_third()
    assert (network(x) - network(other)).abs().max() > 1e-4


def answering(network: torch.nn.Module) -> torch.nn.Module:
    for weight in network.head.parameters():
        torch.nn.init.normal_(weight)  # the baseline starts with zeros
    return network.eval()


def two_that_differ_in_the_third() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(2, 24, 12, 3)
    return x, torch.cat([x[..., :2], torch.rand(2, 24, 12, 1)], -1)


@everyone
def test_the_order_of_frames_matters(name: str) -> None:
    if name == "linear":
        pytest.skip("the baseline describes a window by what does not depend on the direction of time")
    if name == "mlp":
        pytest.skip("it is for still poses, whose frames are alike")
    network = small(name, BODY_12, 5).eval()
    x = torch.randn(2, 24, 12, 3)
    assert (network(x) - network(x.flip(1))).abs().max() > 1e-4


@everyone
def test_it_learns_a_small_problem_and_passes_the_check_before_training(name: str) -> None:
    if name == "mlp":
        pytest.skip("it is for still poses, and these differ in motion only")
    network = small(name, BODY_12, 3)
    x, target = swaying(36, seed=1)
    assert sanity.check_training(network, x, target, 3)["learnt_accuracy"] >= 0.9
    if hasattr(network, "solve"):
        network.solve([x[:20], x[20:]], target)
    else:
        learn(network, x, target)
    again, truth = swaying(60, seed=2)
    with torch.no_grad():
        assert (network.eval()(again).argmax(1) == truth).float().mean() > 0.9


def swaying(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, 24, 12, 3) windows: the arms are still, go sideways, or go up and down, at any phase."""
    random = torch.Generator().manual_seed(seed)
    target = torch.arange(count) % 3
    pose = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    phase = torch.linspace(0, 6.3, 24) + 6.3 * torch.rand(count, 1, generator=random)
    x = pose + 0.05 * torch.randn(count, 24, 12, 3, generator=random)
    for activity, axis in ((1, 0), (2, 1)):
        x[target == activity, :, 2:6, axis] += phase[target == activity].sin()[..., None]
    return x, target


def learn(network: torch.nn.Module, x: torch.Tensor, target: torch.Tensor) -> None:
    optimizer = torch.optim.AdamW(network.train().parameters())
    for norm in network.modules():
        if hasattr(norm, "momentum"):
            norm.momentum = 0.5  # its running figures would not catch up in so few steps
    for step in range(40):
        optimizer.param_groups[0]["lr"] = 4e-3 * (1 - step / 40)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), target).backward()
        optimizer.step()


def count(name: str, body: Skeleton, classes: int, **hyper: object) -> int:
    return sum(p.numel() for p in models.build(name, body, classes, **hyper).parameters())


def test_published_sizes_have_as_many_parameters_as_published() -> None:
    assert count("stgcn++", BODY_25, 60, coordinates=3, streams=("keypoint",)) == pytest.approx(1.39e6, rel=0.01)
    assert count("posec3d-slowonly", COCO_17, 60) == pytest.approx(2.0e6, rel=0.03)


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
    assert out.shape == (1, 4, 12, 8)
    assert out[0, 0, BODY_12.index("left_elbow"), 3] == 5.0
    assert out[0, 0, BODY_12.index("left_wrist"), 3] == -5.0
    assert out[0, 0, BODY_12.index("right_wrist"), 3] == 0.0


@pytest.mark.parametrize("layer", [Streams, KeypointStreams])
def test_some_streams_are_those_of_all(layer: type[Streams] | type[KeypointStreams]) -> None:
    x = torch.randn(2, 9, 12, 3)
    every = layer(BODY_12)(x)
    axis = 1 if layer is Streams else 3
    some = layer(BODY_12, streams=("bone_motion", "keypoint"))
    assert some(x).shape[axis] == some.channels
    keypoints = 24 if layer is Streams else 2
    torch.testing.assert_close(some(x).narrow(axis, 0, keypoints), every.narrow(axis, 0, keypoints))
    rest = some.channels - keypoints
    end = every.shape[axis] - rest
    torch.testing.assert_close(some(x).narrow(axis, keypoints, rest), every.narrow(axis, end, rest))


def test_the_graph_is_the_skeleton() -> None:
    itself, inward, outward = adjacency(BODY_12)
    np.testing.assert_array_equal(itself, np.eye(12))
    wrist, elbow = BODY_12.index("left_wrist"), BODY_12.index("left_elbow")
    assert inward[wrist, elbow] == 1
    assert outward[elbow, wrist] == 1
    assert ((inward > 0) == (outward > 0).T).all()
    assert (inward > 0).sum() == len(BODY_12.edges)


def test_a_heatmap_is_a_gaussian_where_the_keypoint_is() -> None:
    heat = Heatmaps(BODY_12, cells=15, sigma=1.0, reach=3.5, every=2, coordinates=2)
    x = torch.zeros(1, 6, 12, 3)
    x[..., 3, 0], x[..., 3, 1] = 1.0, -9.0  # beyond the border above
    out = heat(x)
    assert out.shape == (1, 12, 3, 15, 15)
    torch.testing.assert_close(out[0, 0, 0, 7], torch.exp(-0.5 * (torch.arange(15.0) - 7) ** 2))
    assert divmod(int(out[0, 3, 0].argmax()), 15) == (0, 9)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(InputError, match="known are tcn, stgcn, stgcn"):
        models.build("resnet", BODY_12, 3)
    with pytest.raises(InputError, match="no depth; it has width"):
        models.build("tcn", BODY_12, 3, depth=4)
    with pytest.raises(InputError, match="unknown stream joint; known are keypoint, bone, keypoint_motion"):
        models.build("stgcn", BODY_12, 3, streams=("joint",))
    with pytest.raises(InputError, match=r"streams should be a list of keypoint, .*; came 'bone'"):
        models.build("stgcn", BODY_12, 3, streams="bone")
    with pytest.raises(InputError, match="at least one stream"):
        models.build("stgcn", BODY_12, 3, streams=())
    with pytest.raises(InputError, match="coordinates should be 2"):
        models.build("posec3d", BODY_12, 3, coordinates=4)
    with pytest.raises(InputError, match="multiple of 2 · heads = 8, is 20"):
        models.build("transformer", BODY_12, 3, width=20)


def test_a_pooled_tcn_sees_the_mean_of_two_frames() -> None:
    pooled = models.build("tcn", COCO_17, 4, width=8, dilations=[1], streams=["keypoint"], pool=2).eval()
    x = torch.randn(3, 12, 17, 3, generator=torch.Generator().manual_seed(0))
    shorter = pooled.pool(pooled.stem(pooled.streams(x)))
    assert shorter.shape == (3, 8, 6)
    torch.testing.assert_close(shorter[..., 0], pooled.stem(pooled.streams(x))[..., :2].mean(-1))
    assert pooled(x).shape == (3, 4)
    assert pooled(x[:, :9]).shape == (3, 4)  # an odd frame is left out
