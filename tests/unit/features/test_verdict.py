import numpy as np
import pytest

from posemill.errors import InputError
from posemill.features.verdict import clip_probabilities, grouped_probabilities, timeline

SURE, TORN = [0.9, 0.1], [0.5, 0.5]


def test_a_sure_window_outweighs_a_torn_one() -> None:
    np.testing.assert_allclose(clip_probabilities(np.array([SURE, TORN], np.float32)), [0.75, 0.25], atol=1e-3)


def test_weights_count() -> None:
    probs = np.array([SURE, SURE[::-1]], np.float32)
    np.testing.assert_allclose(clip_probabilities(probs, [1, 0]), SURE, atol=1e-6)


def test_groups_are_judged_one_by_one() -> None:
    probs = np.random.default_rng(0).dirichlet([1, 1, 1], 9).astype(np.float32)
    group = np.array([5, 5, 2, 2, 2, 9, 5, 9, 9])
    names, verdicts = grouped_probabilities(probs, group)
    assert names.tolist() == [2, 5, 9]
    for name, verdict in zip(names, verdicts, strict=True):
        np.testing.assert_allclose(verdict, clip_probabilities(probs[group == name]), rtol=1e-5)


def test_a_moment_is_judged_by_the_windows_that_cover_it() -> None:
    probs = np.array([SURE, SURE[::-1]], np.float32)
    line = timeline(probs, np.array([[0.0, 2.0], [1.0, 3.0]]), np.array([0.5, 1.5, 2.5, 3.5]))
    np.testing.assert_allclose(line[:3], [SURE, TORN, SURE[::-1]], atol=1e-6)
    assert np.isnan(line[3]).all()


def test_no_window_has_no_verdict() -> None:
    with pytest.raises(InputError, match="N > 0"):
        clip_probabilities(np.zeros((0, 3), np.float32))
