"""From a picture to the network's input and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.estimation.preprocess import MEAN_COLOUR, network_input, place

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
    assert placement.to_image(there) == pytest.approx(corners, abs=0.01)


def test_the_picture_is_scaled_and_padding_is_the_mean_colour() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[..., 0] = 255
    out = network_input(image, place(100, 200, 129))
    assert out.shape == (65, 129, 3)
    assert out.dtype == np.uint8
    assert out[32, 64].tolist() == [255, 0, 0]
    tall = network_input(np.full((100, 190, 3), 200, np.uint8), place(100, 190, 129))
    assert (tall[0] == MEAN_COLOUR).all()  # 67 rows in 81: rows above and below are padding
    assert (tall[40] == 200).all()


@given(SIDES, SIDES, EDGES)
def test_sizes_are_those_of_openpifpaf(height: int, width: int, edge: int) -> None:
    from PIL import Image

    from posemill.estimation.backends.openpifpaf.library import openpifpaf

    meta = {"offset": np.zeros(2), "scale": np.ones(2), "valid_area": np.zeros(4)}
    scaled = openpifpaf.transforms.RescaleAbsolute(edge)
    targets: list[tuple[int, int]] = []

    def note(image: object, anns: object, meta: object, width: int, height: int, *_: object, **__: object) -> None:
        targets.append((height, width))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("openpifpaf.transforms.scale._scale", note)
        scaled(Image.new("L", (width, height)), [], meta)
    assert place(height, width, edge).inner == tuple(max(2, side) for side in targets[0])
