"""Open-set score: known answers on clusters, on hand-made logits and on ranked clips."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.evaluation.open_set import (
    ClassFeatures,
    OpenSetClips,
    OpenSetResults,
    auroc,
    auroc_interval,
    fit_score,
    risk_at,
)
from posemill.models.open_set import OpenSetTerms

DIRECTIONS = np.eye(6, dtype=np.float32)[:4] * 6  # three classes, and what was never taught


def clusters(kind: NDArray[np.int64], clip: NDArray[np.int64], seed: int) -> ClassFeatures:
    """Windows about the direction of their kind; logits are the first three coordinates."""
    rng = np.random.default_rng(seed)
    features = (DIRECTIONS[kind] + rng.normal(0, 0.4, (len(kind), 6))).astype(np.float32)
    return ClassFeatures(features[:, :3], features, clip)


def scored(part: ClassFeatures, temperature: float = 1.0) -> NDArray[np.float32]:
    """Logits with that of "none of these", as the network has it, by the formula alone."""
    import torch

    score = fitted()
    scaled = part.logits / temperature
    terms = OpenSetTerms(score)(torch.from_numpy(part.features), torch.from_numpy(scaled)).numpy()
    none = scaled.max(1) - score.gain * (terms @ score.weights - score.threshold)
    return np.concatenate([part.logits, temperature * none[:, None]], 1).astype(np.float32)


def fitted(accepted: float = 0.95):  # type: ignore[no-untyped-def]
    kind = np.arange(600) % 3
    train, held = clusters(kind, kind, 0), clusters(np.arange(160) // 2 % 3, np.arange(160) // 2, 1)
    score = fit_score(train, kind, held, 1.0, accepted)
    assert score is not None
    return score


def test_what_lies_apart_is_none_of_these() -> None:
    known = OpenSetClips.of(scored(clusters(np.arange(300) // 3 % 3, np.arange(300) // 3, 2)), np.arange(300) // 3, 1.0)
    unknown = OpenSetClips.of(scored(clusters(np.full(60, 3), np.arange(60) // 3, 3)), np.arange(60) // 3, 1.0)
    assert unknown.rejected.all()
    assert known.rejected.mean() < 0.15
    assert auroc(known.margin, unknown.margin) == 1.0
    assert (known.best == np.arange(100) % 3).all()
    assert float(np.median(known.confidence)) > 0.9


@pytest.mark.parametrize("accepted", [0.8, 0.95])
def test_the_threshold_accepts_that_share_of_validation_clips(accepted: float) -> None:
    import torch

    score = fitted(accepted)
    clip = np.arange(160) // 2
    held = clusters(clip % 3, clip, 1)
    terms = OpenSetTerms(score)(torch.from_numpy(held.features), torch.from_numpy(held.logits)).numpy()
    none = held.logits.max(1) - score.gain * (terms @ score.weights - score.threshold)
    clips = OpenSetClips.of(np.concatenate([held.logits, none[:, None]], 1).astype(np.float32), clip, 1.0)
    assert float(1 - clips.rejected.mean()) == pytest.approx(accepted, abs=0.02)


def test_too_few_validation_clips_give_no_score() -> None:
    kind = np.arange(30) % 3
    train = clusters(kind, kind, 0)
    assert fit_score(train, kind, clusters(np.zeros(6, np.int64), np.arange(6) // 2, 1), 1.0, 0.95) is None


def test_a_feature_that_never_changes_does_not_spoil_the_score() -> None:
    kind = np.arange(90) % 3
    train, held = clusters(kind, kind, 0), clusters(kind, np.arange(90) // 3, 1)
    for part in (train, held):
        part.features[:, 5] = 7.0
    score = fit_score(train, kind, held, 1.0, 0.95)
    assert score is not None
    assert all(np.isfinite(getattr(score, name)).all() for name in ("spread", "within", "overall", "weights"))


def test_auroc_by_hand() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert auroc(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 0.0
    assert auroc(np.array([1.0, 1.0]), np.array([1.0])) == 0.5
    assert np.isnan(auroc(np.array([1.0]), np.array([])))
    low, high = auroc_interval(np.arange(5, 25.0), np.arange(20.0))
    assert low < auroc(np.arange(5, 25.0), np.arange(20.0)) < high
    assert np.isnan(auroc_interval(np.array([1.0]), np.array([]))).all()


def test_risk_counts_an_answer_to_an_unknown_clip_as_wrong() -> None:
    known = OpenSetClips(np.array([0, 1, 1]), np.array([0.9, 0.8, 0.4]), np.array([2.0, 1.5, -0.4]))
    unknown = OpenSetClips(np.array([0, 1]), np.array([0.7, 0.1]), np.array([0.8, -2.0]))
    metrics = OpenSetResults(known, np.array([True, True, False]), unknown).metrics()
    assert metrics["risk_at_coverage_20"] == 0.0
    assert metrics["risk_at_coverage_80"] == pytest.approx(0.5)  # 0.9, 0.8 right; 0.7 of an unknown clip, 0.4 wrong
    assert metrics["known_accepted"] == pytest.approx(2 / 3)
    assert metrics["unknown_rejected"] == 0.5
    assert metrics["auroc_unknown"] == pytest.approx(5 / 6)
    assert known.answered_confidence.tolist() == [0.9, 0.8, -1.0]
    nothing = OpenSetClips(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    alone = OpenSetResults(known, np.array([True, True, False]), nothing).metrics()
    assert (alone["unknown_clips"], alone["auroc_unknown"], alone["unknown_rejected"]) == (0, None, None)
    assert np.isnan(risk_at(np.zeros(0), np.zeros(0, bool), 0.5))
