"""Acquisition functions on pools whose best choice is known."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.review.acquisition import STRATEGIES, Pool, choose, divergence, entropy, margin_uncertainty

RNG = np.random.default_rng


def pool(features, probabilities, labelled=None, weight=None) -> Pool:
    x, p = np.array(features, np.float32), np.array(probabilities, np.float32)
    return Pool(
        x,
        p,
        np.ones(len(x)) if weight is None else np.array(weight, np.float64),
        np.zeros((0, x.shape[1]), np.float32) if labelled is None else np.array(labelled, np.float32),
    )


def blobs(each: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Three groups of clips, and the group of each."""
    rng, group = RNG(0), np.repeat([0, 1, 2], each)
    return np.eye(3)[group] * 10 + rng.normal(0, 0.3, (3 * each, 3)), group


def test_uncertainties_of_certain_and_uncertain_clips() -> None:
    p = np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    assert margin_uncertainty(p).tolist() == [0, 1, 1]
    np.testing.assert_allclose(entropy(p), [0, np.log(2) / np.log(3), 1], atol=1e-6)


def test_divergence_is_symmetric_and_between_0_and_1() -> None:
    p = RNG(1).dirichlet(np.ones(4), 50).astype(np.float32)
    q = RNG(2).dirichlet(np.ones(4), 50).astype(np.float32)
    np.testing.assert_allclose(divergence(p, q), divergence(q, p))
    assert (divergence(p, q) > 0).all()
    assert (divergence(p, q) < 1).all()


def test_margin_and_entropy_take_the_least_certain_first() -> None:
    clips = pool(np.eye(3), [[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]])
    assert choose("margin", clips, 2, RNG(0)).tolist() == [1, 2]
    assert choose("entropy", clips, 2, RNG(0)).tolist() == [1, 2]


def test_weight_makes_a_clip_more_wanted() -> None:
    clips = pool(np.eye(3), [[0.9, 0.1], [0.6, 0.4], [0.6, 0.4]], weight=[1, 1, 2])
    assert choose("margin", clips, 1, RNG(0)).tolist() == [2]


def test_core_set_covers_the_group_without_a_label() -> None:
    x, group = blobs()
    clips = pool(x, np.full((len(x), 2), 0.5), labelled=x[group != 2][::4])
    assert group[choose("core-set", clips, 1, RNG(0))].tolist() == [2]


def test_typiclust_takes_one_of_every_group() -> None:
    x, group = blobs()
    chosen = choose("typiclust", pool(x, np.full((len(x), 2), 0.5)), 3, RNG(3))
    assert sorted(group[chosen]) == [0, 1, 2]


def test_badge_begins_with_an_uncertain_clip_and_takes_no_copies() -> None:
    x = [[10, 0, 0]] * 5 + [[0, 10, 0]] * 5 + [[0, 0, 10]] * 5
    p = [[0.5, 0.5, 0.0]] * 5 + [[0.0, 0.5, 0.5]] * 5 + [[1.0, 0.0, 0.0]] * 5
    chosen = choose("badge", pool(x, p), 3, RNG(0))
    assert chosen[0] < 10  # the last five have no gradient at all
    assert {int(n) // 5 for n in chosen} == {0, 1, 2}


def test_badge_knows_the_distances_of_gradients() -> None:
    """The second choice is drawn by squared distances of outer products, which are made here in full."""
    x, p = RNG(5).normal(size=(6, 4)).astype(np.float32), RNG(6).dirichlet(np.ones(3), 6).astype(np.float32)
    standard = (x - x.mean(0)) / x.std(0)
    standard /= np.linalg.norm(standard, axis=1, keepdims=True)
    error = p - np.eye(3)[p.argmax(1)]
    gradient = np.einsum("nd,nc->ndc", standard, error).reshape(6, -1)
    first = int(np.square(gradient).sum(1).argmax())
    apart = np.square(gradient - gradient[first]).sum(1)
    seconds = [choose("badge", pool(x, p), 2, RNG(seed)) for seed in range(3000)]
    assert {int(pair[0]) for pair in seconds} == {first}
    share = np.bincount([pair[1] for pair in seconds], minlength=6) / len(seconds)
    np.testing.assert_allclose(share, apart / apart.sum(), atol=0.04)


def test_uncertain_core_set_takes_unsure_clips_far_from_each_other_and_from_labels() -> None:
    x, group = blobs()
    sure, unsure = [1.0, 0.0], [0.5, 0.5]
    p = [unsure if n % 2 else sure for n in range(len(x))]
    chosen = choose("uncertain-core-set", pool(x, p, labelled=x[group == 1][:2]), 2, RNG(0))
    assert sorted(group[chosen]) == [0, 2]
    assert (chosen % 2 == 1).all()
    assert choose("uncertain-core-set", pool(x, p), 1, RNG(0))[0] % 2 == 1  # nothing is labelled


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_every_strategy_takes_each_clip_once_and_repeats_itself(strategy: str) -> None:
    x, _ = blobs(6)
    clips = pool(x, RNG(2).dirichlet(np.ones(3), len(x)), labelled=x[:2])
    chosen = choose(strategy, clips, 18, RNG(4))
    assert sorted(chosen.tolist()) == list(range(18))
    assert choose(strategy, clips, 5, RNG(4)).tolist() == choose(strategy, clips, 5, RNG(4)).tolist()
    assert len(choose(strategy, clips, 100, RNG(4))) == 18
    assert choose(strategy, clips, 0, RNG(4)).tolist() == []


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_clips_that_are_all_alike_are_chosen_all_the_same(strategy: str) -> None:
    clips = pool(np.ones((4, 3)), np.tile([1.0, 0.0], (4, 1)))
    assert sorted(choose(strategy, clips, 4, RNG(0)).tolist()) == [0, 1, 2, 3]


def test_errors_say_what_was_expected() -> None:
    clips = pool(np.eye(2), [[0.5, 0.5]] * 2)
    with pytest.raises(InputError, match="there is no strategy 'best'; there are uncertain-core-set"):
        choose("best", clips, 1, RNG(0))
    with pytest.raises(InputError, match="as many clips"):
        pool(np.eye(3), [[0.5, 0.5]] * 2)
    with pytest.raises(InputError, match="finite"):
        pool([[np.nan]], [[1.0]])
