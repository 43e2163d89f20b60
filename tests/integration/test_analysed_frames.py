"""Frames and times of an export are those that the labeller analysed, at whatever rate the camera wrote them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from posemill.estimation.estimator import PoseEstimator
from posemill.formats.registry import write_tracks
from posemill.pose.track import MediumTracks
from posemill.store.track_file import medium_bytes, parse_medium
from posemill.synth.corpus import Plan, stage
from posemill.video.encode import VideoWriter


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> PoseEstimator:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEMILL_HOME", str(tmp_path_factory.mktemp("home")))
        return PoseEstimator("posenet", long_edge_px=257, runtime="eager").load()


def exported(tracks: MediumTracks, folder: Path) -> dict[str, tuple[list[int], list[float], int]]:
    """Frame numbers, times and number of poses by format, of the formats that list every frame."""
    folder.mkdir(exist_ok=True)
    write_tracks(tracks, folder / "openpifpaf.json", "openpifpaf")
    lines = [json.loads(line) for line in (folder / "openpifpaf.json").read_text().splitlines()]
    write_tracks(tracks, folder / "openpose", "openpose-coco18")
    files = [json.loads(path.read_text()) for path in sorted((folder / "openpose").glob("*.json"))]
    write_tracks(tracks, folder / "pyskl.pkl", "pyskl")
    (annotation,) = pickle.loads((folder / "pyskl.pkl").read_bytes())["annotations"]
    dataset = tracks.to_xarray()
    return {
        "openpifpaf": (
            [line["frame"] - 1 for line in lines],
            [line["time_s"] for line in lines],
            sum(len(line["predictions"]) for line in lines),
        ),
        "openpose": (
            [file["frame"] for file in files],
            [file["time_s"] for file in files],
            sum(len(file["people"]) for file in files),
        ),
        "pyskl": (
            annotation["frame"].tolist(),
            annotation["time_s"].tolist(),
            int((annotation["keypoint_score"] > 0).any(-1).sum()),
        ),
        "xarray": (
            tracks.frame_numbers.tolist(),
            dataset.time.values.tolist(),
            int((dataset.confidence > 0).any("keypoints").sum()),
        ),
    }


def check(tracks: MediumTracks, frames: list[int], times_s: list[float], folder: Path) -> None:
    poses = sum(len(track) for track in tracks.tracks)
    for form, (numbers, times, count) in exported(tracks, folder).items():
        assert numbers == frames, form
        np.testing.assert_allclose(times, times_s, atol=1e-6, err_msg=form)
        assert count == poses, form
    write_tracks(tracks, folder / "csv", "csv")
    (table,) = (folder / "csv").glob("tracks-*.csv")
    rows = pl.read_csv(table)
    assert len(rows) == poses
    at = dict(zip(frames, times_s, strict=True))
    np.testing.assert_allclose(rows["time_s"], [at[frame] for frame in rows["frame"]], atol=1e-6)


@pytest.mark.parametrize("stride", [1, 3])
def test_a_rate_that_falls(stride: int, estimator: PoseEstimator, tmp_path: Path) -> None:
    """A person at 25 frames/s, then an empty room at one frame a second."""
    clip = stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0))
    times = [n / 25 for n in range(12)] + [1.0 + n for n in range(6)]
    path = tmp_path / "falls.mp4"
    with VideoWriter(path, 25, clip.width_px, clip.height_px) as video:
        for image, time_s in zip(clip.images(), times[:12], strict=False):
            video.write(image, time_s)
        for time_s in times[12:]:
            video.write(np.full((clip.height_px, clip.width_px, 3), 127, np.uint8), time_s)
    params = estimator.params.model_copy(update={"frame_stride": stride})
    tracks = PoseEstimator.from_backend(estimator.backend, params).track(path)
    stored = parse_medium(medium_bytes(tracks), "here")
    assert sum(len(track) for track in tracks.tracks) >= 10 // stride
    for each in (tracks, stored):
        check(each, list(range(0, 18, stride)), times[::stride], tmp_path)


@pytest.mark.material
def test_a_phone_app_whose_rate_falls_and_a_trimmed_video(
    cases: Path, estimator: PoseEstimator, tmp_path: Path
) -> None:
    tracks = estimator.track(cases / "04-variable-rate-export" / "walk_then_gaps.mp4")
    assert sum(len(track) for track in tracks.tracks) == 25
    check(tracks, list(range(35)), [n / 25 for n in range(25)] + [2.0 + n for n in range(10)], tmp_path / "falling")
    tracks = estimator.track(cases / "03-trimmed-by-edit-list" / "walk_trim.mp4")
    assert sum(len(track) for track in tracks.tracks) == 20
    check(tracks, list(range(20)), [n / 25 for n in range(20)], tmp_path / "trimmed")
