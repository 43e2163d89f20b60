"""Tracks come back from every format as they went, as far as the format can say it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from made_up_tracks import FPS, assert_same, made_up
from posemill.errors import InputError
from posemill.estimation.backends.openpifpaf import library
from posemill.formats.frames import Instance, MediumInfo, labelled_frames
from posemill.formats.openpifpaf import read_openpifpaf, write_openpifpaf
from posemill.formats.openpose import keypoint_sources, read_openpose, write_openpose
from posemill.formats.table import read_tables, write_tables
from posemill.pose.skeleton import BODY_12, BODY_25, COCO_17, OPENPOSE_18, PENN_13, Skeleton
from posemill.pose.track import FrameTimes, MediumTracks, State

few = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
some = st.builds(
    made_up,
    st.integers(0, 1000),
    people=st.integers(0, 3),
    frames=st.integers(1, 12),
    unseen=st.sampled_from([0.0, 0.3, 0.95]),
    points=st.sampled_from([COCO_17, PENN_13]),
)


def source(tracks: MediumTracks) -> MediumInfo:
    return MediumInfo(tracks.medium, tracks.width_px, tracks.height_px, FPS, tracks.frames, tracks.duration_s)


@few
@given(tracks=some)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables(tracks: MediumTracks, kind: str, tmp_path: Path) -> None:
    other = replace(made_up(2000, points=BODY_12), labeller="finder-2")
    write_tables(tmp_path, [tracks, other], kind)
    came = read_tables(tmp_path, kind)
    for a, b in zip(came, [tracks, other], strict=True):
        assert a.labeller == b.labeller
        assert_same(a, b, xy=0, sure=0)


OWN = Skeleton("lab", ("root", "tip", "tail"), (("root", "tip"), ("root", "tail")), (("tip", "tail"),), (0.1, 0.2, 0.3))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_of_ones_own_skeleton_says_all_of_it(kind: str, tmp_path: Path) -> None:
    went = [made_up(1, points=OWN), made_up(2, points=COCO_17)]
    assert {path.name for path in write_tables(tmp_path, went, kind)} == {
        f"{name}.{kind}" for name in ("media", "tracks-lab", "tracks-coco-17")
    }
    for a, b in zip(read_tables(tmp_path, kind), went, strict=True):
        assert_same(a, b, xy=0, sure=0)


def test_a_skeleton_that_is_no_json_is_refused(tmp_path: Path) -> None:
    write_tables(tmp_path, [made_up(1)], "csv")
    media = tmp_path / "media.csv"
    media.write_text(media.read_text().replace("coco-17", "{lab"))
    with pytest.raises(InputError, match="a skeleton that is no JSON"):
        read_tables(tmp_path, "csv")


def test_a_table_has_a_cell_for_what_is_seen_only(tmp_path: Path) -> None:
    tracks = made_up(1, people=1, frames=3)
    tracks.tracks[0].xy[0, 0] = np.nan
    tracks.tracks[0].confidence[0, 0] = 0
    write_tables(tmp_path, [tracks], "csv")
    header, first, *_ = (tmp_path / "tracks-coco-17.csv").read_text().splitlines()
    assert header.startswith("medium,person,frame,time_s,state,nose_x,nose_y,nose_confidence,left_eye_x")
    assert first.split(",")[5:8] == ["", "", "0.0"]
    (tmp_path / "media.csv").unlink()
    with pytest.raises(InputError, match=r"media\.csv"):
        read_tables(tmp_path, "csv")


@few
@given(tracks=some)
def test_openpifpaf(tracks: MediumTracks, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert write_openpifpaf(path, tracks) == len(tracks.frame_numbers)
    came = read_openpifpaf(path, source(tracks), tracks.skeleton)
    assert_same(came, tracks, states=False, xy=6e-3, sure=6e-3)


def test_openpifpaf_reads_what_openpifpaf_writes(tmp_path: Path) -> None:
    """Its own annotation object says it: missing keypoints are moved with the padding, and still missing."""
    annotation = library.openpifpaf.annotation
    made = annotation.Annotation(keypoints=list(COCO_17.keypoints), skeleton=(COCO_17.edge_index + 1).tolist())
    made.data[:, :2] = [0, -3]
    made.data[3] = [12.345, 67.891, 0.5]
    made.data[4] = [20, 30, 0.004]
    line = {"frame": 1, "predictions": [made.json_data()]}
    (tmp_path / "official.json").write_text(json.dumps(line) + "\n")
    came = read_openpifpaf(tmp_path / "official.json", MediumInfo("m", 100, 100, FPS), COCO_17)
    (track,) = came.tracks
    assert track.frame.tolist() == [0]
    assert np.flatnonzero(~np.isnan(track.xy[0, :, 0])).tolist() == [3, 4]
    assert track.xy[0, 3] == pytest.approx([12.35, 67.89], abs=0.01)
    assert track.confidence[0, 4] == pytest.approx(0.01)  # it never rounds a found keypoint down to none
    write_openpifpaf(tmp_path / "ours.json", came)
    ours = json.loads((tmp_path / "ours.json").read_text())["predictions"][0]
    theirs = line["predictions"][0]
    assert set(ours) == {*theirs, "id_"}
    values, expected = (np.reshape(each["keypoints"], (-1, 3)) for each in (ours, theirs))
    np.testing.assert_allclose(values[:, 2], expected[:, 2], atol=1e-6)
    np.testing.assert_allclose(values[[3, 4]], expected[[3, 4]], atol=0.011)


def test_openpifpaf_refuses_what_was_not_followed(tmp_path: Path) -> None:
    pose = {"keypoints": [1.0, 1.0, 0.5] * 17}
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"frame": 1, "predictions": [pose, pose]}) + "\n")
    with pytest.raises(InputError, match=r"line 1.*not followed"):
        read_openpifpaf(path, MediumInfo("m", 100, 100, FPS), COCO_17)
    path.write_text(json.dumps({"frame": 1, "predictions": [{"keypoints": [1.0] * 12}]}) + "\n")
    with pytest.raises(InputError, match="coco-17 keypoints"):
        read_openpifpaf(path, MediumInfo("m", 100, 100, FPS), COCO_17)


@few
@given(tracks=some)
@pytest.mark.parametrize("target", [BODY_25, OPENPOSE_18])
def test_openpose(tracks: MediumTracks, target, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("openpose")
    assert write_openpose(folder, tracks, target) == len(list(folder.iterdir())) == len(tracks.frame_numbers)
    came = read_openpose(folder, source(tracks))
    shared = [name for name in target.keypoints if name in tracks.skeleton.keypoints]
    assert sum(map(len, came.tracks)) == sum(map(len, tracks.tracks))
    for a, b in zip(came.tracks, tracks.tracks, strict=True):
        assert (a.person, a.frame.tolist()) == (b.person, b.frame.tolist())
        for name in shared:
            k, j = a.skeleton.index(name), b.skeleton.index(name)
            np.testing.assert_allclose(a.xy[:, k], b.xy[:, j], atol=1e-3)
            np.testing.assert_allclose(a.confidence[:, k], b.confidence[:, j], atol=2e-6)


def test_openpose_has_its_own_order_and_derives_only_middles(tmp_path: Path) -> None:
    tracks = made_up(5, people=1, frames=1, unseen=0, states=1)
    write_openpose(tmp_path, tracks, BODY_25)
    (path,) = tmp_path.iterdir()
    assert path.name.endswith("_000000000000_keypoints.json")
    content = json.loads(path.read_text())
    assert content["version"] == 1.3
    (person,) = content["people"]
    assert person["person_id"] == [0]
    assert person["hand_left_keypoints_2d"] == []
    values, xy = np.reshape(person["pose_keypoints_2d"], (25, 3)), tracks.tracks[0].xy[0]
    order = [
        "nose",
        None,
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        None,
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
        "right_eye",
        "left_eye",
        "right_ear",
        "left_ear",
    ]
    for k, name in enumerate(order):
        if name:
            assert values[k, :2] == pytest.approx(xy[COCO_17.index(name)], abs=1e-3)
    assert values[1, :2] == pytest.approx(xy[[5, 6]].mean(0), abs=1e-3)  # neck
    assert values[8, :2] == pytest.approx(xy[[11, 12]].mean(0), abs=1e-3)  # middle of the hips
    assert values[1, 2] == pytest.approx(tracks.tracks[0].confidence[0, [5, 6]].min(), abs=1e-5)
    assert not values[19:].any()  # feet are not in COCO-17
    assert (keypoint_sources(BODY_12, OPENPOSE_18)[0] == -1).all()


def test_openpose_refuses_what_was_not_followed(tmp_path: Path) -> None:
    pose = {"person_id": [-1], "pose_keypoints_2d": [1.0, 2.0, 0.5] * 25}
    path = tmp_path / "a_000000000003_keypoints.json"
    path.write_text(json.dumps({"version": 1.3, "people": [pose]}))
    (track,) = read_openpose(tmp_path, MediumInfo("m", 100, 100, FPS)).tracks  # alone, it is always the same one
    assert track.frame.tolist() == [3]
    path.write_text(json.dumps({"version": 1.3, "people": [pose, pose]}))
    with pytest.raises(InputError, match="not followed"):
        read_openpose(tmp_path, MediumInfo("m", 100, 100, FPS))
    path.write_text(json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": [1.0] * 30}]}))
    with pytest.raises(InputError, match="BODY-25"):
        read_openpose(tmp_path, MediumInfo("m", 100, 100, FPS))
    path.unlink()
    with pytest.raises(InputError, match="no file"):
        read_openpose(tmp_path, MediumInfo("m", 100, 100, FPS))


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_frames_without_people_count_too(stride: int) -> None:
    tracks = made_up(7, people=1, frames=10)
    (track,) = tracks.tracks
    spread = replace(track, frame=track.frame * stride, time_s=track.time_s * stride)
    recorded = FrameTimes(np.arange(10, dtype=np.int32) * stride, np.arange(10) * stride / FPS)
    wide = replace(tracks, tracks=(spread,), duration_s=tracks.duration_s * stride, analysed=recorded)
    assert list(wide.frame_numbers) == list(range(0, 10 * stride, stride))
    assert list(replace(tracks, tracks=()).frame_numbers) == list(range(10))
    assert len(labelled_frames(wide)) == len(track)


def test_visibility() -> None:
    xy = np.array([[1, 1], [1, 1], [np.nan, np.nan]], np.float32)
    sure = np.array([0.9, 0.1, 0], np.float32)
    assert Instance(0, xy, sure).visibility(0.2).tolist() == [2, 1, 0]
    assert Instance(0, xy, sure, State.INTERPOLATED).visibility(0.2).tolist() == [1, 1, 0]
    assert Instance(0, xy, sure, State.CORRECTED).visibility(0.05).tolist() == [2, 2, 0]


def test_a_person_is_in_a_frame_once(tmp_path: Path) -> None:
    pose = {"keypoints": [1.0, 1.0, 0.5] * 17, "id_": 1}
    (tmp_path / "x.json").write_text(json.dumps({"frame": 1, "predictions": [pose, pose]}) + "\n")
    with pytest.raises(InputError, match="twice in frame 0"):
        read_openpifpaf(tmp_path / "x.json", MediumInfo("m", 100, 100, FPS), COCO_17)
