"""0, 0 with confidence 0 is the same as null, in tracks and in windows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from posemill.pose.skeleton import COCO_17
from posemill.serving.arrays import track_of, windows_array
from posemill.serving.schemas.activity import TrackRequest


@pytest.mark.parametrize("mark", [[0, 0], [-1, -1], [0.0, -3.0]])
def test_a_track_with_marks_is_the_track_with_nulls(mark: list[float]) -> None:
    xy = np.random.default_rng(0).uniform(10, 200, (4, 17, 2)).round(2).tolist()
    confidence = np.full((4, 17), 0.9).tolist()
    confidence[1][5] = confidence[2][5] = 0
    tracks = []
    for value in (mark, [None, None]):
        xy[1][5] = xy[2][5] = value
        tracks.append(
            track_of(TrackRequest(skeleton="coco-17", time_s=[0, 0.04, 0.08, 0.12], xy=xy, confidence=confidence))
        )
    np.testing.assert_array_equal(tracks[0].xy, tracks[1].xy)
    np.testing.assert_array_equal(tracks[0].confidence, tracks[1].confidence)


def test_without_confidence_only_the_corner_is_unseen() -> None:
    xy = np.full((1, 17, 2), 50.0)
    xy[0, 3], xy[0, 4] = 0, [-4, 9]
    track = track_of(TrackRequest(skeleton="coco-17", time_s=[0.0], xy=xy.tolist()))
    assert np.flatnonzero(np.isnan(track.xy[0, :, 0])).tolist() == [3]


def test_windows_with_marks_are_the_windows_with_nulls() -> None:
    windows = np.random.default_rng(0).uniform(10, 200, (2, 8, 17, 3)).astype(np.float32)
    windows[..., 2] = 0.5
    nulls = windows.copy()
    windows[0, 3, 4], nulls[0, 3, 4] = [0, 0, 0], [np.nan, np.nan, 0]
    windows[1, 2, 6], nulls[1, 2, 6] = [-1, -1, 0], np.nan
    came = [windows_array(given, 8, COCO_17) for given in (windows, nulls)]
    np.testing.assert_array_equal(came[0], came[1])


@pytest.mark.material
def test_the_requests_of_the_cases_are_one_track(cases: Path) -> None:
    folder = cases / "08-unseen-as-zero-in-tables-and-service"
    zeros, nulls = (track_of(TrackRequest(**json.loads((folder / name).read_text()))) for name in ("z.json", "n.json"))
    np.testing.assert_array_equal(zeros.xy, nulls.xy)
    np.testing.assert_array_equal(zeros.confidence, nulls.confidence)
