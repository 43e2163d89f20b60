"""Windows of two people: cut, augmented and told apart; alone, the partner is nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from interacting_people import INTERACTIONS, interaction
from posemill.errors import InputError
from posemill.features import FeaturePipeline, WindowSpec
from posemill.features.augment.view import swap_people
from posemill.features.clip_windows import clip_windows
from posemill.packaging.browser import require_browser
from posemill.packaging.edge import require_edge
from posemill.params.train import TrainParams
from posemill.pose.pairs import paired, with_partner
from posemill.pose.skeleton import BODY_12
from posemill.prediction.model import ActivityModel
from posemill.training.datamodule import WindowIndex
from posemill.training.fit import fit

SPEC = WindowSpec(duration_s=2.0, stride_s=0.5, rate_hz=12.0, smooth_s=0.1)
BOTH = FeaturePipeline(paired(BODY_12), SPEC)
NAMES = sorted(INTERACTIONS)


def test_windows_have_both_people_and_the_first_half_is_the_window_of_one() -> None:
    tracks = interaction("hand_over", 4)
    first, second = tracks.tracks
    alone, spans = FeaturePipeline(BODY_12, SPEC).windows(first)
    both, same = BOTH.windows(first, others=[second])
    np.testing.assert_array_equal(both[:, :, :12], alone)
    np.testing.assert_array_equal(same, spans)
    np.testing.assert_array_equal(both[:, :, 12:], FeaturePipeline(BODY_12, SPEC).windows(second)[0])
    as_one, _ = BOTH.windows(with_partner(first, [second]))
    np.testing.assert_array_equal(as_one, both)
    nobody, _ = BOTH.windows(first)
    np.testing.assert_array_equal(nobody[:, :, :12], alone)
    assert np.isnan(nobody[:, :, 12:, :2]).all()


def test_every_window_has_whoever_is_nearest_in_it() -> None:
    first, second = interaction("apart", 1).tracks
    half = second.time_s[len(second) // 2]
    early, late = second.between(0, half), replace(second.between(half, 9), person=5)
    spec = replace(SPEC, duration_s=0.8, stride_s=0.2, rate_hz=10.0, smooth_s=0.0)
    windows, spans = replace(BOTH, window=spec).windows(first, others=[early, late])
    whole, _ = replace(BOTH, window=spec).windows(first, others=[second])
    for window, same, (_, end_s) in zip(windows, whole, spans, strict=True):
        if end_s <= early.time_s[-1]:
            np.testing.assert_allclose(window[:, 12:], same[:, 12:], atol=1e-3)
        assert not np.isnan(window[:, 12:, 0]).all()


def test_a_model_of_pairs_sees_the_partner_in_a_video_and_nobody_in_a_lone_track() -> None:
    tracks = interaction("handshake", 5)
    fitted = BOTH.fit(np.concatenate([BOTH.windows(t, others=tracks.tracks)[0] for t in tracks.tracks]))

    def partner_moves(x: np.ndarray) -> np.ndarray:
        moves = np.ptp(x[:, :, 12:, 0], axis=1).max(-1) > 0
        return np.stack([~moves, moves], 1).astype(np.float32) * 9

    model = ActivityModel(fitted, ("alone", "together"), 1.0, {}, partner_moves)
    answer = model.predict(tracks)
    assert answer.verdict is not None
    assert answer.verdict.activity == "together"
    assert [p.verdict.activity for p in answer.people if p.verdict] == ["together"] * 2
    lone = model.predict_track(tracks.tracks[0])
    assert lone.verdict is not None
    assert lone.verdict.activity == "alone"
    sent = model.predict_track(with_partner(tracks.tracks[0], [tracks.tracks[1]]))  # as a client sends it
    assert sent.verdict is not None
    assert sent.verdict.activity == "together"
    for refuse in (require_edge, lambda m: require_browser(m.features)):
        with pytest.raises(InputError, match=r"reads pairs of people.*prepare\.people: 1"):
            refuse(model)


def test_people_change_places_only_where_there_are_two() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 5, 24, 2)).astype(np.float32))
    nobody = torch.zeros(24, 2)
    x[:20, :, 12:] = 0
    swapped = swap_people(x, nobody, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(swapped[:20], x[:20])
    torch.testing.assert_close(swapped[20:, :, :12], x[20:, :, 12:])
    torch.testing.assert_close(swap_people(swapped, nobody, 1.0, torch.Generator())[20:], x[20:])


def test_eight_interactions_are_told_apart_by_both_people(tmp_path: Path) -> None:
    """Of people whom training did not see; nine of ten, where chance is one of eight."""
    windows, target, clip, split = [], [], [], []
    for seed in range(26):
        for number, name in enumerate(NAMES):
            cut = clip_windows(BOTH, interaction(name, seed), 0.0, float("nan"))
            assert cut is not None
            windows += list(cut.windows)
            target += [number] * len(cut.windows)
            clip += [8 * seed + number] * len(cut.windows)
            split += ["train" if seed < 18 else "validation" if seed < 20 else "test"] * len(cut.windows)
    stacked, numbers, sides = np.stack(windows), np.array(clip), np.array(split)
    index = WindowIndex(np.array(target), numbers, sides)
    pipeline = BOTH.fit(stacked[sides == "train"])
    params = TrainParams(epochs=12, hyper={"tcn": {"width": 64, "dilations": [1, 2, 4]}}, min_windows_per_epoch=1000)
    trained = fit(params, stacked, index, pipeline, NAMES, tmp_path / "fit")
    test = sides == "test"
    with torch.no_grad():
        said = torch.log_softmax(trained.network(torch.from_numpy(pipeline.transform(stacked[test]))), -1).numpy()
    verdict = {c: said[numbers[test] == c].mean(0).argmax() for c in np.unique(numbers[test])}
    right = sum(verdict[c] == c % 8 for c in verdict)
    assert right >= 0.9 * len(verdict)
