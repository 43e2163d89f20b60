"""Tracks as NumPy arrays, pandas tables and xarray datasets."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from made_up_tracks import FPS, made_up
from packaged import walking_track
from posemill.errors import InputError, SkeletonError
from posemill.pose.skeleton import COCO_17, H36M_17
from posemill.pose.track import PoseTrack, State


def test_numpy_is_the_tracks_own_array() -> None:
    tracks = made_up(1, people=2)
    assert tracks.tracks[0].to_numpy() is tracks.tracks[0].xy
    assert all(tracks.to_numpy()[track.person] is track.xy for track in tracks.tracks)


def test_a_table_has_a_row_a_person_and_frame() -> None:
    tracks = made_up(2, people=2, frames=20)
    table = tracks.to_dataframe()
    assert len(table) == sum(map(len, tracks.tracks))
    assert list(table.columns[:7]) == ["person", "frame", "time_s", "state", "nose_x", "nose_y", "nose_confidence"]
    second = table[table["person"] == 1]
    np.testing.assert_array_equal(second["left_wrist_y"], tracks.tracks[1].xy[:, COCO_17.index("left_wrist"), 1])
    assert set(table["state"]) <= {state.name.lower() for state in State}
    assert list(replace(tracks, tracks=()).to_dataframe().columns) == list(table.columns)


def test_a_table_is_that_of_the_csv_format(tmp_path) -> None:
    import pandas as pd

    from posemill import write_tracks

    tracks = made_up(4, people=2)
    write_tracks(tracks, tmp_path, "csv")
    written = pd.read_csv(tmp_path / "tracks-coco-17.csv").drop(columns="medium")
    pd.testing.assert_frame_equal(tracks.to_dataframe(), written, check_dtype=False, check_exact=False, atol=1e-4)


def test_xarray_has_movements_dimensions() -> None:
    """What movement 0.15 checks of a poses dataset: dimensions, variables, coordinates and attributes."""
    tracks = made_up(3, people=2, frames=30)
    dataset = tracks.to_xarray()
    assert dict(dataset.sizes) == {"time": 30, "space": 2, "keypoints": 17, "individuals": 2}
    assert dataset["position"].dims == ("time", "space", "keypoints", "individuals")
    assert dataset["confidence"].dims == ("time", "keypoints", "individuals")
    assert dataset.attrs == {
        "fps": pytest.approx(FPS),
        "source_software": "posemill",
        "ds_type": "poses",
        "time_unit": "seconds",
    }
    assert dataset["space"].values.tolist() == ["x", "y"]
    assert dataset["individuals"].values.tolist() == ["id_0", "id_1"]
    np.testing.assert_allclose(dataset["time"], np.arange(30) / FPS)
    track = tracks.tracks[1]
    shown = dataset["position"].sel(keypoints="nose", individuals="id_1").values[track.frame]
    np.testing.assert_array_equal(shown, track.xy[:, 0])
    away = np.setdiff1d(np.arange(30), track.frame)
    assert len(away)
    assert np.isnan(dataset["position"].values[away, ..., 1]).all()
    assert not dataset["confidence"].values[away, :, 1].any()


def test_a_whole_track_becomes_a_dataset_without_copying() -> None:
    track = walking_track(COCO_17)
    dataset = track.to_xarray()
    assert np.shares_memory(dataset["position"].values, track.xy)
    assert np.shares_memory(dataset["confidence"].values, track.confidence)
    assert dataset.sizes["time"] == len(track)
    every_second = track.rows(np.arange(0, len(track), 2))
    assert np.shares_memory(every_second.to_xarray()["position"].values, every_second.xy)
    assert len(track.rows(np.array([0, 1, 5])).to_xarray()["time"]) == 6
    assert len(track.rows(np.zeros(len(track), bool)).to_xarray()["time"]) == 0


def test_times_are_the_frames_own_also_where_the_rate_varies() -> None:
    track = walking_track(COCO_17, seconds=0.4)
    late = replace(track, time_s=track.time_s + 0.001 * np.arange(len(track)) ** 2)
    np.testing.assert_array_equal(late.to_xarray()["time"], late.time_s)
    gap = late.rows(np.delete(np.arange(len(late)), [3, 4])).to_xarray()["time"].values
    assert (np.diff(gap) > 0).all()


def test_three_dimensions() -> None:
    track = walking_track(H36M_17)
    deep = replace(track, z=np.ones(track.xy.shape[:2], np.float32))
    dataset = deep.to_xarray()
    assert dataset["space"].values.tolist() == ["x", "y", "z"]
    assert (dataset["position"].sel(space="z") == 1).all()
    assert "left_hip_z" in deep.to_dataframe().columns


def test_without_xarray_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(InputError, match="pip install xarray"):
        made_up(1).to_xarray()


def test_a_track_is_made_of_an_array() -> None:
    xy = np.random.default_rng(0).uniform(0, 100, (10, 17, 2))
    xy[3, 4] = np.nan
    track = PoseTrack.from_numpy(xy, COCO_17, fps=20, confidence=np.full((10, 17), 0.5))
    assert track.time_s[-1] == pytest.approx(0.45)
    assert track.confidence[3, 4] == 0
    assert track.confidence[0, 0] == 0.5
    assert PoseTrack.from_numpy(xy, COCO_17, fps=20).confidence.sum() == 169
    with pytest.raises(SkeletonError, match=r"\(T, K, 2\) at fps > 0"):
        PoseTrack.from_numpy(xy[0], COCO_17, fps=20)
    with pytest.raises(SkeletonError, match="xy should be"):
        PoseTrack.from_numpy(xy[:, :5], COCO_17, fps=20)


@pytest.mark.parametrize("mark", [0, -1])
def test_what_another_tool_did_not_find_is_not_a_position(mark: int) -> None:
    xy = np.random.default_rng(0).uniform(10, 100, (10, 17, 2))
    xy[3, 4] = mark
    track = PoseTrack.from_numpy(xy, COCO_17, fps=20)
    assert np.isnan(track.xy[3, 4]).all()
    assert track.confidence[3, 4] == 0
    assert np.isnan(track.xy).sum() == 2
