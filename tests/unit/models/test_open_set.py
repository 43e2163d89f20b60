"""A network with an open-set score: its own logits stay, the last one is the score by hand, files are checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from posemill import models
from posemill.errors import CheckpointError
from posemill.models.ensemble import make_ensemble
from posemill.models.open_set import (
    FILE,
    OpenSetNetwork,
    OpenSetScore,
    has_features,
    save_none,
    with_features,
)
from posemill.pose.skeleton import BODY_12

CLASSES = 3


def network(name: str = "linear") -> torch.nn.Module:
    torch.manual_seed(1)
    built = models.build(name, BODY_12, CLASSES).eval()
    with torch.no_grad():
        for parameter in built.get_submodule("head").parameters():
            parameter.normal_()
    return built


def some_score(features: int) -> OpenSetScore:
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(4, features))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    arrays = {
        "mean": rng.normal(size=features),
        "spread": rng.uniform(1, 2, features),
        "prototypes": unit,
        "within": 0.1 * rng.normal(size=(features, 2)),
        "class_means": rng.normal(size=(CLASSES, 2)),
        "overall": 0.1 * rng.normal(size=(features, 2)),
        "overall_mean": rng.normal(size=2),
        "weights": np.array([1.0, 0.5, 2.0]),
    }
    floats = {name: values.astype(np.float32) for name, values in arrays.items()}
    return OpenSetScore(**floats, threshold=0.3, gain=1.5, temperature=1.25)


def windows(count: int = 5) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(2).normal(size=(count, 12, 12, 3)).astype(np.float32))


@pytest.mark.parametrize("name", sorted(models.NETWORKS))
def test_every_network_keeps_its_logits(name: str) -> None:
    own = network(name) if name != "posec3d-slowonly" else models.build(name, BODY_12, CLASSES).eval()
    with torch.inference_mode():
        logits = own(windows(2))
        both = with_features(own)(windows(2))
        wrapped = OpenSetNetwork(own, some_score(both.shape[1] - CLASSES), CLASSES)(windows(2))
    torch.testing.assert_close(both[:, :CLASSES], logits)
    torch.testing.assert_close(wrapped[:, :CLASSES], logits)
    assert wrapped.shape == (2, CLASSES + 1)
    assert has_features(own)


def test_the_last_logit_by_hand() -> None:
    own = network()
    with torch.inference_mode():
        both = with_features(own)(windows()).numpy().astype(np.float64)
    logits, features = both[:, :CLASSES], both[:, CLASSES:]
    score = some_score(features.shape[1])
    z = (features - score.mean) / score.spread
    similarity = (z / np.linalg.norm(z, axis=1, keepdims=True) @ score.prototypes.T).max(1)
    to_classes = ((z @ score.within)[:, None] - score.class_means) ** 2
    to_all = ((z @ score.overall - score.overall_mean) ** 2).sum(1)
    scaled = logits / 1.25
    log_top = scaled.max(1) - np.log(np.exp(scaled).sum(1))
    total = similarity + 0.5 * (to_all - to_classes.sum(-1).min(1)) + 2 * log_top
    expected = 1.25 * (scaled.max(1) - 1.5 * (total - 0.3))
    with torch.inference_mode():
        found = OpenSetNetwork(own, score, CLASSES)(windows())[:, -1].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_score_is_read_as_it_was_written(tmp_path: Path) -> None:
    score = some_score(6)
    score.save(tmp_path)
    again = OpenSetScore.load(tmp_path)
    assert again is not None
    for name in OpenSetScore.__slots__:
        np.testing.assert_array_equal(getattr(score, name), getattr(again, name))
    save_none(tmp_path)
    assert OpenSetScore.load(tmp_path) is None
    assert OpenSetScore.load(tmp_path / "nowhere") is None
    (tmp_path / FILE).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="not an open-set score of posemill"):
        OpenSetScore.load(tmp_path)


def test_what_does_not_belong_together_is_refused() -> None:
    own = network()
    with pytest.raises(CheckpointError, match=r"of a network with 7 features, this one has \d+: evaluate again"):
        OpenSetNetwork(own, some_score(7), CLASSES)
    card = models.NetworkCard("linear", {}, BODY_12.name, ("a", "b", "c"), 12)
    ensemble, _ = make_ensemble([(own, card), (own, replace(card))], BODY_12)
    assert not has_features(ensemble)
    with pytest.raises(CheckpointError, match="Ensemble has no module `head`"):
        with_features(ensemble)
