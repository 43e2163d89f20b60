"""Videos and pictures after public bug reports: what was recorded is what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.video.decode import read_frame, read_frames
from posemill.video.picture_file import decode_picture
from posemill.video.probe import probe

pytestmark = pytest.mark.material


def pictures(path: Path) -> NDArray[np.int64]:
    return np.stack([frame.image for frame in read_frames(path)]).astype(np.int64)


@pytest.mark.parametrize("name", ["walk_hflip.mp4", "walk_vflip.mp4"])
def test_a_mirrored_camera_shows_what_a_plain_one_shows(name: str, cases: Path) -> None:
    plain, mirrored = (pictures(cases / "01-flip-in-display-matrix" / n) for n in ("walk_plain.mp4", name))
    assert plain.shape == mirrored.shape == (38, 270, 480, 3)
    assert np.abs(plain - mirrored).mean() < 3


@pytest.mark.parametrize(("name", "corner"), [("plain.mp4", 0), ("hflip.mp4", 1), ("vflip.mp4", 2)])
def test_the_coloured_corner_that_is_shown_top_left(name: str, corner: int, cases: Path) -> None:
    """plain.mp4 has red top left, green top right, blue bottom left; the others ask to be shown flipped."""
    first = next(read_frames(cases / "01-flip-in-display-matrix" / name)).image
    assert int(first[10, 10].argmax()) == corner


def test_squeezed_pixels_are_shown_square(cases: Path) -> None:
    folder = cases / "02-non-square-pixels"
    assert (probe(folder / "walk_sar.mp4").width_px, probe(folder / "walk_sar.mp4").height_px) == (480, 270)
    assert np.abs(pictures(folder / "walk_sar.mp4") - pictures(folder / "walk_plain.mp4")).mean() < 6


def test_only_what_an_edit_list_shows_counts(cases: Path) -> None:
    facts = probe(cases / "03-trimmed-by-edit-list" / "walk_trim.mp4")
    assert (facts.frames, facts.duration_s) == (20, pytest.approx(0.8))
    assert len(pictures(cases / "03-trimmed-by-edit-list" / "walk_trim.mp4")) == 20
    tail = probe(cases / "03-trimmed-by-edit-list" / "trim_tail.mp4")
    assert (tail.frames, tail.duration_s) == (60, pytest.approx(2.0))


def number(image: NDArray[np.uint8]) -> bytes:
    return np.asarray(image).tobytes()


@pytest.mark.parametrize("name", ["gop30.ts", "ts.ts"])
def test_the_picture_of_a_transport_stream_at_a_time(name: str, cases: Path) -> None:
    path = cases / "10-pictures-of-transport-streams" / name
    frames = list(read_frames(path))
    assert [number(read_frame(path, f.time_s).image) for f in frames] == [number(f.image) for f in frames]


def test_sixteen_bits_show_what_eight_show(cases: Path) -> None:
    deep, usual = ((cases / "12-16-bit-png" / name).read_bytes() for name in ("p16.png", "pL.png"))
    np.testing.assert_array_equal(decode_picture(deep, "p16.png"), decode_picture(usual, "pL.png"))


def test_dropped_pictures_are_no_truncation(cases: Path) -> None:
    path = cases / "17-avi-with-dropped-frames" / "drops.avi"
    assert probe(path).frames == len(pictures(path)) == 60
