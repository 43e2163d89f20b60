"""Coverage tests of people who walk where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.applications.fall.coverage import COLUMNS, ROWS, CoverageTest
from posemill.applications.fall.params import FallParams
from posemill.errors import InputError
from stick_people import HEIGHT_PX, STAND, STREAM, WIDTH_PX, at, people

FLOOR = ((0.2, 0.84), (0.8, 0.84), (0.8, 1.0), (0.2, 1.0))


def walked(left: float, right: float, size_px: float = 200.0) -> CoverageTest:
    """A test after somebody walked from one place to another, in shares of the picture's width."""
    test = CoverageTest(STREAM, FallParams(floor_zones=(FLOOR,)))
    keys = [at(STAND, s, x=(x - 0.5) * WIDTH_PX / size_px) for s, x in ((0, left), (10, right))]
    for frame in people(keys, seconds=10, size_px=size_px, floor_px=0.9 * HEIGHT_PX):
        test.update(frame)
    return test


def test_a_walk_along_the_whole_floor_covers_it() -> None:
    coverage = walked(0.2, 0.8).result()
    assert coverage.floor.sum() == pytest.approx(0.6 * COLUMNS * 0.16 * ROWS, rel=0.2)
    assert coverage.share > 0.8
    assert "can watch" in coverage.sentence()


def test_half_a_walk_covers_half_and_says_where_to_walk() -> None:
    coverage = walked(0.2, 0.5).result()
    assert 0.4 < coverage.share < 0.65
    assert coverage.sentence().endswith("walk where the picture shows none")
    assert not coverage.covered[:, int(0.6 * COLUMNS) :].any()


def test_a_floor_where_people_are_cut_off_is_blind() -> None:
    test = CoverageTest(STREAM, FallParams(floor_zones=(FLOOR,)))
    keys = [at(STAND, 0, x=-0.4), at(STAND, 10, x=0.4)]
    for frame in people(keys, seconds=10, size_px=400, floor_px=1.01 * HEIGHT_PX):
        test.update(frame)
    coverage = test.result()
    assert coverage.share == 0
    assert coverage.blind.any()
    assert "cut off" in coverage.sentence()


def test_nobody_covers_nothing() -> None:
    coverage = CoverageTest(STREAM).result()
    assert coverage.share == 0
    assert "nobody was seen" in coverage.sentence()


def test_the_picture_is_green_where_people_walked_and_shows_the_camera_elsewhere() -> None:
    background = np.full((HEIGHT_PX, WIDTH_PX, 3), 77, np.uint8)
    picture = walked(0.2, 0.8).result().picture(background)
    assert picture.shape == background.shape
    red, green, blue = picture[int(0.92 * HEIGHT_PX), WIDTH_PX // 2].tolist()
    assert green > red
    assert green > blue
    assert picture[10, 10].tolist() == [77, 77, 77]
    assert walked(0.2, 0.3).result().picture().shape == (360, 640, 3)


def test_beds_are_no_floor_and_no_floor_at_all_is_refused() -> None:
    assert not CoverageTest(STREAM, FallParams(bed_zones=(FLOOR,))).result().floor[-2, COLUMNS // 2]
    everywhere = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    with pytest.raises(InputError, match="no cell"):
        CoverageTest(STREAM, FallParams(bed_zones=(everywhere,)))
