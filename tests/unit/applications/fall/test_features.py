"""Geometry, descents and features of stick people with exact truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.applications.fall.descent import KEPT_S, RATE_HZ, History
from posemill.applications.fall.features import FEATURES, Circumstances, measure
from posemill.applications.fall.geometry import BodyGeometry, GeometryReader
from stick_people import BEND, HEIGHT_PX, LIE, STAND, STREAM, WIDTH_PX, Key, at, people

FALL = (at(STAND, 0), at(STAND, 2), at(LIE, 2.8, fast=True))


def bodies(keys: Sequence[Key], seconds: float, size_px: float = 220, fps: float = 25.0) -> list[BodyGeometry]:
    reader = GeometryReader(STREAM.skeleton, WIDTH_PX, HEIGHT_PX)
    read = [
        reader.read(frame.time_s, frame.people[0].xy, frame.people[0].confidence, 0.1)
        for frame in people(keys, seconds=seconds, size_px=size_px, noise=0, fps=fps)
    ]
    return [body for body in read if body is not None]


def history(keys: Sequence[Key], seconds: float, **more: float) -> History:
    kept = History()
    for body in bodies(keys, seconds, **more):
        kept.add(body)
    return kept


def test_geometry_of_who_stands_and_lies() -> None:
    standing, lying = bodies((STAND,), 0.1)[0], bodies((LIE,), 0.1)[0]
    assert standing.trunk_deg == pytest.approx(0, abs=1)
    assert standing.thigh_deg == pytest.approx(0, abs=1)
    assert standing.length_px == pytest.approx(220, rel=0.05)
    assert lying.trunk_deg == pytest.approx(88, abs=1)
    assert standing.seen == 1
    assert not standing.cut_off


def test_hidden_keypoints_are_left_out_and_too_few_are_nobody() -> None:
    reader = GeometryReader(STREAM.skeleton, WIDTH_PX, HEIGHT_PX)
    pose = next(iter(people((STAND,), seconds=0.1, noise=0))).people[0]
    hidden = pose.xy.copy()
    hidden[:5] = np.nan
    body = reader.read(0.0, hidden, pose.confidence, 0.1)
    whole = reader.read(0.0, pose.xy, pose.confidence, 0.1)
    assert body is not None
    assert whole is not None
    assert body.head_y == pytest.approx(whole.head_y, abs=0.06 * 220)
    assert reader.read(0.0, pose.xy, np.zeros(17, np.float32), 0.1) is None


@settings(max_examples=20)
@given(st.floats(60, 400), st.sampled_from([10.0, 25.0, 60.0]))
def test_a_descent_is_measured_in_body_lengths_at_any_size_and_rate(size_px: float, fps: float) -> None:
    descent = history(FALL, 3.4, size_px=size_px, fps=fps).descent(2.0)
    assert descent is not None
    assert descent.drop == pytest.approx(0.83, abs=0.06)
    assert 1.3 < descent.speed < 2.4
    assert descent.hip_drop == pytest.approx(0.46, abs=0.05)
    assert 1.9 < descent.started_s < 2.5


def test_who_stands_has_no_descent() -> None:
    assert history((STAND,), 4).descent(2.0) is None


def test_the_history_is_thin_and_short() -> None:
    kept = history((STAND,), 30, fps=120)
    assert len(kept) <= RATE_HZ * KEPT_S + 2
    assert kept.samples[-1].time_s - kept.samples[0].time_s <= KEPT_S


def features_after(keys: Sequence[Key], seconds: float) -> dict[str, float]:
    kept = history(keys, seconds)
    descent = kept.descent(3.0)
    assert descent is not None
    return dict(zip(FEATURES, measure(kept, descent, Circumstances(descent.drop)).tolist(), strict=True))


def test_features_tell_lying_from_bending() -> None:
    fallen = features_after(FALL, 3.8)
    bent = features_after((at(STAND, 0), at(STAND, 2), at(BEND, 2.8)), 3.8)
    assert fallen["hip_drop"] > 0.4 > bent["hip_drop"] + 0.2
    assert fallen["hip_height"] < 0.1 < bent["hip_height"]
    assert fallen["trunk_level"] == pytest.approx(1, abs=0.05)
    assert fallen["upright_before"] == pytest.approx(1, abs=0.05)
    assert fallen["descent_s"] == pytest.approx(0.6, abs=0.3)


def test_features_tell_of_the_bed_and_of_the_activity_model() -> None:
    kept = history(FALL, 3.8)
    descent = kept.descent(3.0)
    assert descent is not None
    around = Circumstances(
        descent.drop,
        out_of_bed=True,
        beds_drawn=True,
        from_bed_px=0.5 * descent.length_px,
        from_place_px=(-descent.length_px, 0.25 * descent.length_px),
        activity_most=0.9,
        activity_now=0.5,
    )
    features = dict(zip(FEATURES, measure(kept, descent, around).tolist(), strict=True))
    assert (features["out_of_bed"], features["beds_drawn"], features["activity_known"]) == (1, 1, 1)
    assert features["from_bed"] == pytest.approx(0.5)
    assert (features["out_of_bed_across"], features["out_of_bed_down"]) == pytest.approx((-1, 0.25))
    assert features["activity_most"] == pytest.approx(np.log(9) / 2)
    assert features["activity_now"] == pytest.approx(0)
    assert features["box_width"] > 2 * features["box_height"]


def test_a_descent_is_measured_since_a_time() -> None:
    kept = history((at(STAND, 0), at(STAND, 1), at(BEND, 1.6), at(BEND, 2.6), at(LIE, 3.2, fast=True)), 3.6)
    whole, later = kept.descent(3.0), kept.descent(3.0, since_s=2.2)
    assert whole is not None
    assert later is not None
    assert later.drop < whole.drop - 0.2
    assert later.started_s > 2.5


def test_forgetting_what_was_before_a_time_keeps_the_rest() -> None:
    kept = history((STAND,), 3.0)
    kept.forget(2.5)
    assert len(kept) > 3
    assert kept.samples[0].time_s >= 2.5
    kept.forget()
    assert len(kept) == 0
    assert kept.length_px == pytest.approx(220, rel=0.05)


def test_features_are_finite_whatever_is_hidden() -> None:
    kept = history(FALL, 3.8)
    for body in kept.samples:
        body.hip_x = body.hip_y = body.ankle_x = body.ankle_y = body.knee_y = float("nan")
    descent = kept.descent(3.0)
    assert descent is not None
    features = measure(kept, descent, Circumstances(descent.drop, out_of_bed=True, activity_most=0.0, activity_now=1.0))
    assert features.shape == (len(FEATURES),)
    assert np.isfinite(features).all()
