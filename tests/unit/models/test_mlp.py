from __future__ import annotations

import torch

from posemill.models.mlp import MLP, PoseGeometry
from posemill.pose.skeleton import BODY_12


def test_geometry_of_a_known_pose() -> None:
    pose = torch.zeros(12, 3)
    pose[BODY_12.index("left_shoulder")] = torch.tensor([0.0, 0.0, 9.0])
    pose[BODY_12.index("left_elbow")] = torch.tensor([0.3, 0.4, 9.0])
    geometry = PoseGeometry(BODY_12, coordinates=2)
    features = geometry(pose)
    assert features.shape == (geometry.features,)
    edge = BODY_12.edges.index(("left_shoulder", "left_elbow"))
    direction = features[24 + 2 * edge : 26 + 2 * edge]
    torch.testing.assert_close(direction, torch.tensor([0.6, 0.8]), atol=1e-3, rtol=0)
    assert abs(float(features[-len(geometry.pairs) :].max()) - 0.5) < 1e-3


def test_a_turned_pose_is_another_pose_and_a_held_one_the_same() -> None:
    torch.manual_seed(0)
    network = MLP(BODY_12, 3, width=8).eval()
    pose = torch.randn(1, 1, 12, 3)
    turned = pose.clone()
    turned[..., 0], turned[..., 1] = -pose[..., 1], pose[..., 0]
    assert (network(pose) - network(turned)).abs().max() > 1e-3
    torch.testing.assert_close(network(pose), network(pose.expand(1, 9, 12, 3)))
