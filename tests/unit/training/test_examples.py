from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from posemill import models, params
from posemill.pose.skeleton import skeleton
from posemill.pose.window import WindowSpec

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("path", [Path("params.yaml"), Path("examples/penn-action/params.yaml")], ids=str)
def test_its_parameters_parse_and_give_a_network_that_takes_its_windows(path: Path) -> None:
    loaded = params.load(REPOSITORY / path)
    fields = loaded.prepare.window.model_dump()
    fields |= {"scales": (1.0,)} if fields["scales"] == "auto" else {}
    window = WindowSpec(**fields)
    assert asdict(window) == fields
    body = skeleton(loaded.prepare.skeleton)
    network = models.build(loaded.train.network, body, 15, **loaded.train.own_hyper).eval()
    assert network(torch.zeros(2, window.frames, len(body), 3)).shape == (2, 15)
