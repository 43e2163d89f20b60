"""Camera view and angles in space, estimated from exact pictures of people who are not among the references."""

from __future__ import annotations

import numpy as np
import pytest

from coached_people import filmed
from posemill.applications.coach.measures import KINDS, Seen
from posemill.applications.coach.rules import EXERCISES, rules_of
from posemill.applications.coach.views import references_of

UP = np.array([1.0, -1.0])


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("azimuth", [-125, -87, -33, 47, 92, 138])
def test_azimuth_is_found_within_fifteen_degrees(exercise: str, azimuth: float) -> None:
    xy, _, _ = filmed(exercise, None, seed=4, azimuth=azimuth, duration_s=3.0, fps=5.0)
    found = np.array([references_of(exercise).view(p * UP).azimuth_deg for p in xy])
    off = np.abs((found - azimuth + 180) % 360 - 180)
    assert np.median(off) < 15


def test_view_classes_and_scale() -> None:
    xy, space, _ = filmed("squat", None, seed=5, azimuth=90, duration_s=1.0)
    side = references_of("squat").view(xy[0] * UP)
    assert side.side > 0.99
    assert side.near_left > 0.99
    height_m = space[0, :, 1].max() - space[0, :, 1].min()
    assert side.px_per_m == pytest.approx(
        (xy[0, :, 1].max() - xy[0, :, 1].min()) / height_m, rel=0.15
    )  # of a body as tall as the references
    front = references_of("squat").view(filmed("squat", None, seed=5, azimuth=0, duration_s=1.0)[0][0] * UP)
    assert front.front > 0.99
    assert front.side < 0.2


@pytest.mark.parametrize(
    ("exercise", "fault", "azimuth"),
    [("plank", "hips_high", 70), ("plank", "hips_low", -110), ("squat", None, 60), ("lunge", "trunk_forward", 75)],
)
def test_angles_in_space_are_within_their_error(exercise: str, fault: str | None, azimuth: float) -> None:
    xy, space, _ = filmed(exercise, fault, seed=6, azimuth=azimuth, duration_s=4.0, fps=5.0)
    references = references_of(exercise)
    rule = rules_of(exercise).rules[1]
    near = np.full(len(space), azimuth > 0)
    truth = KINDS[rule.measure.kind].function(Seen(space, near), *rule.measure.points)
    found = [references.estimate(p * UP, references.view(p * UP), rule.measure, 0.01) for p in xy]
    z = np.array([(f.value - t) / f.error for f, t in zip(found, truth, strict=True) if f is not None])
    assert len(z) == len(xy)
    assert (np.abs(z) < 2.5).mean() > 0.9


def test_the_error_of_a_side_angle_grows_toward_the_front() -> None:
    errors = []
    for azimuth in (88, 48, 18):
        xy, _, _ = filmed("plank", None, seed=7, azimuth=azimuth, duration_s=2.0, fps=5.0)
        references = references_of("plank")
        measure = rules_of("plank").rules[0].measure
        estimates = [references.estimate(p * UP, references.view(p * UP), measure, 0.005) for p in xy]
        errors.append(np.median([e.error for e in estimates if e]))
    assert errors[0] < errors[1] < errors[2]


def test_hidden_keypoints_give_no_estimate() -> None:
    xy, _, _ = filmed("squat", None, seed=8, duration_s=1.0)
    points = xy[0] * UP
    points[13:15] = np.nan  # both knees
    references = references_of("squat")
    assert references.estimate(points, references.view(points), rules_of("squat").rules[2].measure, 0.01) is None
