"""People drawn into PoseNet's fields come back out of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.estimation.backends.posenet.decoder import TREE, decode_many, decode_one
from posemill.estimation.backends.posenet.fields import KEYPOINTS, heat_at, read_fields, vote, ways

UPRIGHT = np.array(
    [
        (0, -70),
        (5, -76),
        (-5, -76),
        (11, -73),
        (-11, -73),
        (20, -50),
        (-20, -50),
        (27, -22),
        (-27, -22),
        (30, 4),
        (-30, 4),
        (13, 2),
        (-13, 2),
        (14, 42),
        (-14, 42),
        (14, 80),
        (-14, 80),
    ],
    np.float32,
)
RADIUS_PX = 32


def drawn(people: list[NDArray[np.float32]], height: int, width: int, stride: int = 16) -> NDArray[np.float32]:
    """Raw fields (115, h, w) as a perfect network gives them: discs of heat, and vectors within the discs.

    people  (17, 2) pixels each, x and y. Displacements lead from the keypoint, which is how PoseNet's behave.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) * stride
    raw = np.zeros((115, height, width), np.float32)
    raw[:17] = -8
    nearest = np.full((17, height, width), np.inf, np.float32)
    for person in people:
        for k, (px, py) in enumerate(person):
            away = np.hypot(x - px, y - py)
            disc = (away < RADIUS_PX) & (away < nearest[k])
            nearest[k][disc] = away[disc]
            raw[k][disc] = 4 - 6 * (away[disc] / RADIUS_PX) ** 2
            raw[17 + k][disc], raw[34 + k][disc] = (py - y)[disc], (px - x)[disc]
            for number, (parent, child) in enumerate(TREE):
                for start, end, at in ((parent, child, 51), (child, parent, 83)):
                    if start == k:
                        raw[at + number][disc] = person[end, 1] - py
                        raw[at + 16 + number][disc] = person[end, 0] - px
    return raw


@settings(max_examples=40)
@given(
    columns=st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True),
    scale=st.floats(0.9, 1.5),
    shift=st.floats(-12, 12),
    stride=st.sampled_from([16, 32]),
)
def test_drawn_people_come_back(columns: list[int], scale: float, shift: float, stride: int) -> None:
    people = [UPRIGHT * scale + np.array([110 + 170 * c + shift, 190 - shift], np.float32) for c in columns]
    people = [person.astype(np.float32) * (stride / 16) for person in people]
    raw = drawn(people, 25, 49, 16) if stride == 16 else drawn([p / 2 for p in people], 25, 49, 16)
    if stride == 32:
        raw[17:] *= 2  # the same picture, seen twice as large by cells twice as far apart
    found = decode_many(read_fields(raw, stride), seed=0.3, instance=0.3)
    assert len(found) == len(people)
    assert [p.person_confidence for p in found] == sorted((p.person_confidence for p in found), reverse=True)
    for person in people:
        error = min(float(np.abs(p.xy - person).max()) for p in found)
        assert error < 1.5 * stride / 16  # pixels


@given(x=st.floats(90, 300), y=st.floats(110, 280))
@settings(max_examples=25)
def test_one_person_comes_back_without_the_tree(x: float, y: float) -> None:
    person = (UPRIGHT + np.array([x, y], np.float32)).astype(np.float32)
    raw = drawn([person], 25, 25)
    raw[51:] = 0
    found = decode_one(read_fields(raw, 16))
    assert np.abs(found.xy - person).max() < 1.5
    assert found.confidence.shape == (KEYPOINTS,)
    assert found.person_confidence > 0.8


def test_nobody_in_cold_fields() -> None:
    raw = drawn([], 9, 9)
    assert decode_many(read_fields(raw, 16), 0.2, 0.1) == []
    assert decode_one(read_fields(raw, 16)).person_confidence < 0.01


def test_a_keypoint_without_heat_is_placed_by_the_tree_and_unsure() -> None:
    person = (UPRIGHT + np.array([200, 200], np.float32)).astype(np.float32)
    raw = drawn([person], 25, 25)
    raw[9] = -8  # the left wrist is behind something
    raw[17 + 9] = raw[34 + 9] = 0
    (found,) = decode_many(read_fields(raw, 16), 0.3, 0.3)
    assert np.linalg.norm(found.xy[9] - person[9]) < 16
    assert found.confidence[9] < 0.01
    assert np.delete(found.confidence, 9).min() > 0.5


def test_people_who_touch_stay_two() -> None:
    people = [(UPRIGHT + np.array([x, 200], np.float32)).astype(np.float32) for x in (160, 235)]
    assert len(decode_many(read_fields(drawn(people, 25, 25), 16), 0.3, 0.3)) == 2


STRIDE, SPREAD = 16, 0.75


def one_by_one(raw: NDArray[np.float32], keypoint: int, x: float, y: float, edge: int) -> tuple[float, ...]:
    """Position and way along an edge after the cells around (x, y), cell by cell; those outside have no heat."""
    height, width = raw.shape[1:]
    votes = []
    for row in range(round(y / STRIDE) - 2, round(y / STRIDE) + 3):
        for column in range(round(x / STRIDE) - 2, round(x / STRIDE) + 3):
            r, c = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
            heat = 1 / (1 + np.exp(-raw[keypoint, r, c])) if (r, c) == (row, column) else 0.0
            at = c * STRIDE + raw[34 + keypoint, r, c], r * STRIDE + raw[17 + keypoint, r, c]
            first = 51 + edge % 16 + 32 * (edge // 16)
            far = ((at[0] - x) ** 2 + (at[1] - y) ** 2) / (2 * (SPREAD * STRIDE) ** 2)
            votes.append((heat * np.exp(-far) + 1e-9, *at, raw[first + 16, r, c], raw[first, r, c]))
    weight, *said = np.array(votes, np.float64).T
    return tuple(float((weight * each).sum() / weight.sum()) for each in said)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, KEYPOINTS - 1),
    st.integers(0, 31),
    st.floats(-400, 800, width=32),
    st.floats(-400, 800, width=32),
)
@settings(max_examples=60, deadline=None)
def test_cells_vote_as_if_read_one_by_one_also_beyond_the_border(
    seed: int, keypoint: int, edge: int, x: float, y: float
) -> None:
    raw = np.random.default_rng(seed).normal(0, 4, (115, 9, 14)).astype(np.float32)
    expected = one_by_one(raw, keypoint, x, y, edge)
    fields = read_fields(raw, STRIDE)
    at = np.array([keypoint]), np.array([x], np.float32), np.array([y], np.float32)
    votes = vote(fields, *at, (SPREAD,))
    way = ways(fields, votes.weight, votes.cell, np.array([edge]))
    np.testing.assert_allclose([votes.x[0], votes.y[0], way[0][0], way[1][0]], expected, rtol=1e-3, atol=1e-2)


def test_heat_between_cells_is_bilinear_and_none_is_outside() -> None:
    raw = np.random.default_rng(3).normal(0, 2, (115, 4, 5)).astype(np.float32)
    fields = read_fields(raw, STRIDE)
    heat = 1 / (1 + np.exp(-raw[0]))
    places = {
        (16.0, 32.0): heat[2, 1],
        (24.0, 16.0): (heat[1, 1] + heat[1, 2]) / 2,
        (68.0, 48.0): 0.75 * heat[3, 4],  # a quarter of a cell beyond the border
        (-17.0, 0.0): 0.0,
        (500.0, -900.0): 0.0,
    }
    for place, expected in places.items():
        given_heat = heat_at(fields, np.full((1, KEYPOINTS, 2), place, np.float32))[0, 0]
        np.testing.assert_allclose(given_heat, expected, rtol=1e-5, atol=1e-7)
