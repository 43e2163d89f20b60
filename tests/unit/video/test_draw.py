"""Skeletons on pictures and contact sheets: where the paint is, and in which colour."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from posemill.errors import InputError
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.video.draw import LEFT, MIDDLE, RIGHT, contact_sheet, draw_pose, draw_poses, write_jpeg, write_png

BLACK = np.zeros((120, 160, 3), np.uint8)


def near(pixel: np.ndarray, color: tuple[int, int, int]) -> bool:
    """Smooth edges blend a line of one pixel a little with what is behind it."""
    return bool(np.abs(pixel.astype(int) - color).max() < 30)


def pose(**points: tuple[float, float]) -> np.ndarray:
    xy = np.full((12, 2), np.nan, np.float32)
    for name, point in points.items():
        xy[BODY_12.index(name)] = point
    return xy


def test_sides_have_their_colours_and_the_picture_is_not_changed() -> None:
    xy = pose(left_elbow=(100, 20), left_wrist=(100, 60), right_elbow=(40, 20), right_wrist=(40, 60))
    drawn = draw_pose(BLACK, xy, None, BODY_12)
    assert not BLACK.any()
    assert near(drawn[40, 100], LEFT)
    assert near(drawn[40, 40], RIGHT)


def test_the_trunk_has_the_persons_colour() -> None:
    xy = pose(left_shoulder=(100, 20), right_shoulder=(40, 20))
    assert near(draw_pose(BLACK, xy, None, BODY_12)[20, 70], MIDDLE)
    assert near(draw_pose(BLACK, xy, None, BODY_12, color=(200, 2, 3))[20, 70], (200, 2, 3))


def test_what_is_not_seen_is_not_drawn() -> None:
    xy = pose(left_elbow=(100, 20))
    drawn = draw_pose(BLACK, xy, None, BODY_12)
    painted = np.argwhere(drawn.any(-1))
    assert np.abs(painted - [20, 100]).max() <= 4
    assert not draw_pose(BLACK, np.full((17, 2), np.nan), None, COCO_17).any()


def test_doubtful_keypoints_are_skipped() -> None:
    xy = pose(left_elbow=(100, 20), left_wrist=(100, 60))
    confidence = np.where(np.isnan(xy[:, 0]), 0, 0.1)
    assert not draw_pose(BLACK, xy, confidence, BODY_12, minimum_confidence=0.2).any()
    assert draw_pose(BLACK, xy, confidence, BODY_12, minimum_confidence=0.05).any()


def test_lines_grow_with_the_picture() -> None:
    def thickness(scale: int) -> int:
        xy = pose(left_elbow=(100, 20), left_wrist=(100, 60)) * scale
        drawn = draw_pose(np.zeros((120 * scale, 160 * scale, 3), np.uint8), xy, None, BODY_12)
        return int((drawn[40 * scale, :, 0] > 200).sum())

    assert thickness(8) >= 4 * thickness(1) > 0


def test_far_away_and_wrongly_shaped_keypoints() -> None:
    draw_pose(BLACK, pose(left_elbow=(1e12, -1e12), left_wrist=(5, 5)), None, BODY_12)
    with pytest.raises(InputError, match="expected \\(12, 2\\)"):
        draw_pose(BLACK, np.zeros((17, 2)), None, BODY_12)


def test_every_person_has_a_colour() -> None:
    people = [(pose(left_hip=(60 + 10 * n, 20 + 20 * n), right_hip=(10, 20 + 20 * n)), None) for n in range(3)]
    drawn = draw_poses(BLACK, people, BODY_12)
    assert len({tuple(drawn[20 + 20 * n, 30]) for n in range(3)}) == 3


def test_contact_sheet_puts_every_picture_in_its_cell() -> None:
    images = [np.full((20, 30, 3), 40 * n + 40, np.uint8) for n in range(5)]
    sheet = contact_sheet(images, 2)
    assert sheet.shape == (3 * 22 + 2, 2 * 32 + 2, 3)
    for n in range(5):
        assert (sheet[2 + n // 2 * 22 :, 2 + n % 2 * 32 :][:20, :30] == 40 * n + 40).all()
    with_captions = contact_sheet(images, 2, [f"clip {n}" for n in range(5)])
    assert with_captions.shape[0] > sheet.shape[0]
    assert with_captions[22:38, 2:32].max() > 100


def test_contact_sheet_fits_without_stretching() -> None:
    sheet = contact_sheet([np.full((100, 50, 3), 255, np.uint8)], 3, cell_px=(40, 40))
    assert sheet.shape == (44, 44, 3)
    assert (sheet == 255).all(-1).sum() == 40 * 20


def test_contact_sheet_refuses_nonsense() -> None:
    with pytest.raises(InputError, match="0 pictures"):
        contact_sheet([], 3)
    with pytest.raises(InputError, match="captions"):
        contact_sheet([BLACK], 3, ["a", "b"])


def test_picture_files_hold_rgb(tmp_path: Path) -> None:
    image = np.full((16, 16, 3), (200, 100, 20), np.uint8)
    write_png(tmp_path / "new" / "a.png", image)
    write_jpeg(tmp_path / "new" / "a.jpg", image)
    assert (cv2.imread(str(tmp_path / "new" / "a.png"))[..., ::-1] == image).all()
    assert np.abs(cv2.imread(str(tmp_path / "new" / "a.jpg"))[..., ::-1].astype(int) - image).max() < 6
    assert len(list((tmp_path / "new").iterdir())) == 2
    with pytest.raises(InputError, match="expected a picture"):
        write_png(tmp_path / "b.png", np.zeros((3, 3), np.uint8))
