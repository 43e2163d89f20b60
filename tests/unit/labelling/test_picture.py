"""From a picture to the network's input and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.labelling.picture import network_input, place

SIDES = st.integers(min_value=16, max_value=3000)
EDGES = st.integers(min_value=8, max_value=60).map(lambda n: 16 * n + 1)


@given(SIDES, SIDES, EDGES)
def test_sides_fit_the_network_and_the_picture_fits_the_sides(height: int, width: int, edge: int) -> None:
    placement = place(height, width, edge)
    assert all(side % 16 == 1 for side in placement.sides)
    assert max(placement.sides) == max(placement.inner) == edge
    assert all(0 <= outer - inner <= 16 for outer, inner in zip(placement.sides, placement.inner, strict=True))


@given(SIDES, SIDES, EDGES)
def test_corners_go_there_and_back(height: int, width: int, edge: int) -> None:
    placement = place(height, width, edge)
    corners = np.array([[0, 0], [width - 1, height - 1]], np.float32)
    there = (corners * placement.scale + np.array(placement.offset)).astype(np.float32)
    assert there[1] - there[0] == pytest.approx(np.array(placement.inner[::-1]) - 1)
    assert placement.back(there) == pytest.approx(corners, abs=0.01)


def test_colours_are_normalised_and_padding_is_the_mean() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[..., 0] = 255
    placement = place(100, 200, 129)
    out = network_input(image, placement)
    assert out.shape == (1, 3, 65, 129)
    assert out.dtype == np.float32
    assert out[0, :, 32, 64] == pytest.approx([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], abs=1e-5)
    tall = network_input(np.full((100, 190, 3), 200, np.uint8), place(100, 190, 129))
    assert not tall[0, :, 0].any()  # 68 rows in 81: rows above and below are padding
