"""Tracks drawn on a grey picture, where every colour that appears was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from posemill.estimation.overlay import Overlay
from posemill.pose.gaps import fill_gaps
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.video.decode import Frame
from posemill.video.draw import LEFT, PEOPLE

FRAMES = np.arange(20, dtype=np.int32)


def walker(person: int, top: float, gone: slice = slice(0, 0)) -> PoseTrack:
    """Steps of 8 px to the right, a frame a tenth of a second."""
    frame = np.delete(FRAMES, gone)
    body = np.random.default_rng(0).uniform(0, 40, (17, 2)) + np.array([20, top])
    xy = (body + frame[:, None, None] * np.array([8.0, 0.0])).astype(np.float32)
    track = PoseTrack(
        COCO_17, person, frame, frame / 10, xy, np.ones((len(frame), 17), np.float32), np.zeros(len(frame), np.uint8)
    )
    return fill_gaps(track, FRAMES, FRAMES / 10, 0.4)


@pytest.fixture
def overlay() -> Overlay:
    return Overlay(tracks())


def tracks() -> MediumTracks:
    both = (walker(0, 40), walker(1, 140, slice(10, 13)))
    return MediumTracks("m" * 64, "test", COCO_17, 320, 240, 20, 2.0, both)


def grey(index: int) -> Frame:
    return Frame(index=index, time_s=index / 10, image=np.full((240, 320, 3), 60, np.uint8))


def share(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(image.astype(int) - colour).max(-1) < 6).sum())


def test_everybody_has_one_colour(overlay: Overlay) -> None:
    frame, people = overlay.draw(grey(5))
    assert [str(p) for p in people] == ["0", "1"]
    top, low = frame.image[:120], frame.image[120:]
    assert share(top, PEOPLE[0]) > 100 > share(top, PEOPLE[1])
    assert share(low, PEOPLE[1]) > 100 > share(low, PEOPLE[0])
    assert share(frame.image, LEFT) == 0
    assert share(Overlay(tracks(), sides=True).draw(grey(5))[0].image, LEFT) > 50


def test_an_interpolated_pose_is_lighter_and_its_number_in_brackets(overlay: Overlay) -> None:
    frame, people = overlay.draw(grey(11))
    assert [str(p) for p in people] == ["0", "(1)"]
    found, _ = overlay.draw(grey(15))
    skeleton = slice(145, 185)  # below the plate with the number
    assert share(frame.image[skeleton], PEOPLE[1]) < 0.2 * share(found.image[skeleton], PEOPLE[1])
    assert share(frame.image[skeleton], (60, 60, 60)) < frame.image[skeleton].size / 3  # something is drawn


def test_a_trail_shows_where_somebody_was(overlay: Overlay) -> None:
    frame, _ = overlay.draw(grey(19))
    behind = frame.image[40:80, 40:150]  # 8 px a frame: the body of frame 19 begins at 172
    assert (behind.max(-1) > 70).any()
    assert (overlay.draw(grey(0))[0].image[:, 150:] == 60).all()  # nobody goes ahead of a trail


def test_the_given_picture_is_not_changed(overlay: Overlay) -> None:
    frame = grey(5)
    overlay.draw(frame)
    assert (frame.image == 60).all()
