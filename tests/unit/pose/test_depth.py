"""Tracks with a third coordinate: it goes wherever x and y go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moving_bodies import FPS, body
from posemill.errors import InputError, SkeletonError
from posemill.evaluation.robustness.frame_rates import at_rate, without_frames
from posemill.features.main_subject import main_subject
from posemill.pose.gaps import fill_gaps, found_only
from posemill.pose.skeleton import BODY_12, KINECT_20
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.pose.window import WindowSpec, cut
from posemill.store.corrections import apply_corrections
from posemill.store.shards import layouts
from posemill.store.tracks import read_medium, read_shard_medium, read_shards, write_medium, write_shards


def deep(frames: int = 45, hidden: int | None = 7) -> PoseTrack:
    """Someone in kinect-20 whose z is twice x plus a thousand, so that what happens to it is known."""
    xyz = body(KINECT_20, 1, "swing_aside", frames) * 100 + 300
    xy = xyz[..., :2].astype(np.float32)
    if hidden is not None:
        xy[3, hidden] = np.nan
    sure = np.where(np.isnan(xy[..., 0]), 0, 0.5).astype(np.float32)
    frame = np.arange(frames, dtype=np.int32)
    z = np.asarray(2 * xy[..., 0] + 1000, np.float32)
    return PoseTrack(KINECT_20, 0, frame, frame / FPS, xy, sure, np.zeros(frames, np.uint8), z)


def medium(*tracks: PoseTrack, name: str = "a") -> MediumTracks:
    return MediumTracks(name * 64, "imported", KINECT_20, 640, 480, 45, 1.5, tracks)


def fits(track: PoseTrack | None) -> None:
    assert track is not None
    assert track.z is not None
    np.testing.assert_allclose(track.z, 2 * track.xy[..., 0] + 1000, rtol=1e-5)


def test_z_is_there_where_x_and_y_are() -> None:
    track = deep()
    assert track.z is not None
    for wrong in (np.zeros_like(track.z), track.z[:, :3], track.z.astype(np.float64), np.full_like(track.z, np.inf)):
        with pytest.raises(SkeletonError, match="z"):
            replace(track, z=wrong)
    with pytest.raises(SkeletonError, match="either all tracks have z or none"):
        medium(track, replace(track, person=1, z=None))


def test_it_follows_whatever_is_done_with_a_track() -> None:
    track = deep()
    fits(track.to(BODY_12))
    fits(track.between(0.2, 0.9))
    holey = track.rows(np.flatnonzero(np.arange(45) % 5 > 0))
    filled = fill_gaps(holey, track.frame, track.time_s, 0.2)
    assert len(filled) > len(holey)
    fits(filled)
    fits(found_only(filled))
    for change in (at_rate(10), at_rate(60), without_frames(0.3)):
        fits(change(medium(track)).tracks[0])
    pieces = (track.between(0, 0.7), replace(track.between(0.7, 9), person=1))
    fits(main_subject(medium(*pieces)))


def test_it_is_kept_on_disk_apart_from_flat_tracks(tmp_path: Path) -> None:
    went = [medium(deep()), medium(replace(deep(), z=None), name="b"), medium(name="c")]
    write_medium(tmp_path / "one.parquet", went[0])
    fits(read_medium(tmp_path / "one.parquet").tracks[0])
    entries = write_shards(tmp_path, went)
    assert [e.shard for e in entries] == [f"tracks-kinect-20{kind}-0.parquet" for kind in ("~3d", "", "")]
    came = {t.medium: t for t in read_shards(tmp_path)}
    fits(came["a" * 64].tracks[0])
    fits(read_shard_medium(tmp_path / entries[0].shard, "a" * 64).tracks[0])
    assert came["b" * 64].tracks[0].z is None
    assert layouts(tmp_path, {"a" * 64, "c" * 64}) == {(KINECT_20, True)}
    assert layouts(tmp_path, {"a" * 64, "b" * 64}) == {(KINECT_20, True), (KINECT_20, False)}


def test_no_name_of_a_skeleton_is_that_of_another_with_z(tmp_path: Path) -> None:
    with_z, without = (replace(KINECT_20, name=name) for name in ("lab", "lab-3d"))
    tracks = (replace(deep(), skeleton=with_z), replace(deep(), skeleton=without, z=None))
    went = [
        MediumTracks(name * 64, "imported", track.skeleton, 640, 480, 45, 1.5, (track,))
        for name, track in zip("ab", tracks, strict=True)
    ]
    assert len({entry.shard for entry in write_shards(tmp_path, went)}) == 2
    assert {(t.medium, t.skeleton.name, t.is_3d) for t in read_shards(tmp_path)} == {
        ("a" * 64, "lab", True),
        ("b" * 64, "lab-3d", False),
    }


def test_a_correction_invents_no_depth() -> None:
    row = {
        "medium": "a" * 64,
        "labeller": "imported",
        "person": 0,
        "frame": 3,
        "keypoint": "left_hand",
        "x_px": 5.0,
        "y_px": 6.0,
    }
    assert KINECT_20.index("left_hand") == 7  # which is hidden in that frame
    said = [row, {**row, "frame": 4}, {**row, "frame": 5, "x_px": None, "y_px": None}]
    (track,) = apply_corrections(medium(deep()), said).tracks
    assert track.z is not None
    assert np.isnan(track.xy[[3, 5], 7]).all()
    assert np.isnan(track.z[[3, 5], 7]).all()
    assert track.xy[4, 7].tolist() == [5, 6]
    assert np.isfinite(track.z[4, 7])


@pytest.mark.parametrize("smooth_s", [0.0, 0.1])
def test_windows_smooth_and_resample_it_like_x(smooth_s: float) -> None:
    spec = WindowSpec(duration_s=1.0, rate_hz=20.0, smooth_s=smooth_s)
    spans = np.array([[0.2, 1.2]])
    windows = cut(deep(), spans, spec, coordinates=3)
    assert windows.shape == (1, 20, 20, 4)
    np.testing.assert_allclose(windows[..., 3], 2 * windows[..., 0] + 1000, rtol=1e-5)
    np.testing.assert_array_equal(windows[..., :3], cut(deep(), spans, spec))
    with pytest.raises(InputError, match="the track has x and y only"):
        cut(replace(deep(), z=None), spans, spec, coordinates=3)
