"""Body ratios of people whose bones are known, and what is left out."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimated_people import NONE, SIZE, Errors, Scene, scene, track, turning_scenes
from posemill.applications.protocol import Measurement, StreamFacts, TrackedFrame, TrackedPose
from posemill.applications.ratios.app import BodyRatios
from posemill.applications.ratios.likelihood import GRID, blurred, projected
from posemill.applications.ratios.likelihood import measured as measured_lengths
from posemill.applications.ratios.posterior import sample
from posemill.applications.ratios.sketch import MOST, Sketch
from posemill.errors import InputError
from ratios import height_from_ratios, measured, truth

SMALL = Errors(0.005, 0.008, 0.1, 0.002)


def run(scenes: list[Scene], errors: Errors, with_z: bool) -> dict[str, Measurement]:
    return {found.name: found for found in measured(scenes, errors, 1, with_z)}


@pytest.mark.parametrize("with_z", [True, False])
def test_ratios_of_a_person_who_turns(with_z: bool) -> None:
    scenes = turning_scenes(("squat", "idle", "arm_raise", "jumping_jack"), 7)
    found, true = run(scenes, SMALL, with_z), truth(scenes)
    known = 0
    for name in ("thigh_to_shank", "trunk_to_leg", "upper_arm_to_forearm"):
        ratio = found[name]
        if ratio.value is not None:
            known += 1
            assert None not in (ratio.low, ratio.high)
            assert (ratio.low or 0) < true[name] < (ratio.high or 0)
            assert ratio.value == pytest.approx(true[name], rel=0.06)
    assert known >= 2


def test_exact_keypoints_in_space_give_the_bones() -> None:
    scenes = turning_scenes(("squat", "idle", "arm_raise", "wave"), 3)
    found, true = run(scenes, NONE, True), truth(scenes)
    for name in ("thigh_to_shank", "trunk_to_leg", "upper_arm_to_forearm"):
        assert found[name].value == pytest.approx(true[name], rel=0.04)  # shoulders rise with arms
    for name in ("thigh", "shank", "forearm"):
        assert found[f"{name}_length"].value == pytest.approx(true[f"{name}_length"], rel=0.05)
        assert found[f"{name}_left_to_right"].value == pytest.approx(1.0, abs=0.02)


def test_without_a_scale_there_are_no_lengths() -> None:
    app = BodyRatios()
    seen = track(scene("squat", 1), SMALL, 1, with_z=True)
    app.start(StreamFacts(seen.skeleton, *SIZE))
    for row in range(len(seen)):
        assert seen.z is not None
        pose = TrackedPose(seen.xy[row], seen.confidence[row], seen.z[row])
        app.update(TrackedFrame(row, row / 30, {0: pose}))
    outputs = [o for o in app.finish() if isinstance(o, Measurement)]
    assert outputs
    assert all(o.unit == "ratio" for o in outputs)


def test_widths_seen_from_the_side_are_left_out_and_said_so() -> None:
    found = run([scene("squat", 4, azimuth_deg=90.0)], SMALL, False)["shoulder_to_hip_width"]
    assert found.value is None
    assert any(why in (found.reason or "") for why in ("foreshortened", "views do not show", "interval"))


def test_hidden_arms_are_left_out_and_said_so() -> None:
    seen = track(scene("squat", 4), SMALL, 1, with_z=False)
    xy, confidence = seen.xy.copy(), seen.confidence.copy()
    for side in ("left", "right"):
        at = seen.skeleton.index(f"{side}_wrist")
        xy[:, at], confidence[:, at] = np.nan, 0
    app = BodyRatios()
    app.start(StreamFacts(seen.skeleton, *SIZE))
    for row in range(len(seen)):
        app.update(TrackedFrame(row, row / 30, {0: TrackedPose(xy[row], confidence[row])}))
    found = {o.name: o for o in app.finish() if isinstance(o, Measurement)}["upper_arm_to_forearm"]
    assert found.value is None
    assert any(part in (found.reason or "") for part in ("forearm", "upper arm"))


def test_both_scales_contradict_each_other() -> None:
    with pytest.raises(InputError, match="not both"):
        BodyRatios(height_m=1.8, px_per_m=200.0)


def test_the_sketch_is_bounded_evenly_spaced_and_knows_the_noise() -> None:
    sketch, rng, share = Sketch(), np.random.default_rng(0), float(np.exp(-1 / 30 / 0.1))
    noise = np.zeros((18, 2))
    for frame in range(5000):
        noise = share * noise + np.sqrt(1 - share**2) * rng.normal(0, 1, (18, 2))
        sketch.add(frame / 30, 2.0 * noise + (100 + frame * 0.1))
    times, points = sketch.arrays()
    assert len(times) <= MOST
    assert points.shape[1:] == (18, 2)
    assert np.ptp(np.diff(times)) < 1e-9
    assert sketch.noise() == pytest.approx([2.0, 2.0], rel=0.1)


@given(true=st.floats(-0.1, 0.1), seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_a_swinging_segment_shows_its_length(true: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    seen = np.exp(true) * np.cos(rng.normal(0, 0.6, (3, 80))) + rng.normal(0, 0.02, (3, 80))
    evidence = projected(list(np.abs(seen)), 1.0, 0.02, 30.0, 0.0, 20.0)
    assert evidence.best == pytest.approx(true, abs=0.06)


def test_of_several_still_views_the_longest_counts_and_one_keeps_its_doubt() -> None:
    views = [np.full(80, length) for length in (0.85, 0.9, 0.87)]
    several, one = projected(views, 1.0, 0.02, 35.0, 0.0, 20.0), projected(views[1:2], 1.0, 0.02, 35.0, 0.0, 20.0)
    assert np.log(0.87) < several.best < np.log(1.02)
    weight = np.exp(one.log - one.log.max())
    longer = float(weight[(np.log(0.92) < GRID) & (np.log(1.02) > GRID)].mean())
    shorter = float(weight[np.log(0.8) > GRID].mean())
    assert longer > 1.5 * shorter  # it may well be tilted, and nothing looks longer than it is


def _spread(log: np.ndarray) -> float:
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    middle = float((weight * GRID).sum())
    return float(np.sqrt((weight * (GRID - middle) ** 2).sum()))


def test_a_common_error_widens_and_does_not_move() -> None:
    evidence = measured_lengths(np.exp(np.random.default_rng(0).normal(0.05, 0.02, 200)), 1.0)
    wider = blurred(evidence, 0.05)
    assert wider.best == pytest.approx(evidence.best, abs=0.02)
    assert _spread(wider.log) > 2 * _spread(evidence.log)


def test_the_posterior_tells_what_it_learned() -> None:
    sharp = measured_lengths(np.exp(np.random.default_rng(0).normal(0.0, 0.01, 400)), 1.0)
    vague = blurred(sharp, 0.3)
    posterior = sample({"thigh": sharp, "trunk": sharp, "shank": sharp, "forearm": vague})
    assert posterior.learned["thigh"] > 0.5
    assert posterior.learned["forearm"] < 0.25


@pytest.mark.material
def test_ratios_do_not_tell_how_tall_somebody_is() -> None:
    table = Path(__file__).resolve().parents[4].parent / "shared" / "apps" / "body" / "ansur_ratios.csv"
    if not table.is_file():
        pytest.skip("no ../shared/apps/body")
    with table.open() as file:
        assert len(list(csv.DictReader(file))) == 6068
    errors = height_from_ratios(table)
    assert errors["height_from_six_ratios_mean_error_cm"] > errors["height_from_mean_by_sex_mean_error_cm"]
