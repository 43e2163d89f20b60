from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from fixtures.media import film
from posemill.cli.tracks import draw_tracks
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks


@pytest.mark.parametrize(
    ("frames", "pictures", "rows"), [(40, 12, 3), (41, 12, 3), (200, 12, 3), (3, 12, 1), (40, 5, 2)]
)
def test_a_contact_sheet_has_as_many_pictures_as_asked_for(
    frames: int, pictures: int, rows: int, tmp_path: Path
) -> None:
    clip = film(tmp_path / "clip.mp4", frames)
    nobody = MediumTracks("m" * 64, "test", COCO_17, 64, 48, frames, frames / 25, ())
    draw_tracks(clip, nobody, tmp_path / "drawn", 0.0, float("inf"), pictures, color_by_side=False)
    sheet = cv2.imread(str(tmp_path / "drawn.png"))
    assert sheet is not None
    assert sheet.shape[0] == rows * (240 + 16 + 2) + 2
