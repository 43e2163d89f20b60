"""NTU RGB+D's text, written by the test as Kinect's recorder does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.ingest.datasets.ntu import TRAINING, parse, sequences
from posemill.ingest.projection import VirtualCamera
from posemill.ingest.sequence import Fault, Sequence
from posemill.pose.skeleton import NTU_25

NAME = "S001C002P003R001A013.skeleton"


def numbers(frames: int = 4, bodies: int = 2, seed: int = 0) -> np.ndarray:
    """(frames, bodies, 25, 12): metres before the sensor, pixels of both pictures, orientation, tracked."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(-1, 1, (frames, bodies, 25, 12))
    values[..., 2] += 3
    values[..., 3:5] = rng.uniform(10, 400, values[..., 3:5].shape)
    values[..., 5:7] = rng.uniform(10, 1000, values[..., 5:7].shape)
    values[..., 11] = 2
    return values.round(6)


def text(values: np.ndarray, there: np.ndarray | None = None) -> str:
    """there: (frames, bodies), whether a body is in that frame."""
    there = np.ones(values.shape[:2], bool) if there is None else there
    lines = [str(len(values))]
    for frame, present in zip(values, there, strict=True):
        lines.append(str(int(present.sum())))
        for number in np.flatnonzero(present):
            lines += [f"7205759403792795{number} 0 1 1 1 1 0 0.02 0.1 2", "25"]
            lines += [
                " ".join(f"{v:g}" if i == 11 else repr(float(v)) for i, v in enumerate(row)) for row in frame[number]
            ]
    return "\r\n".join(lines) + "\r\n"


@pytest.mark.parametrize(("picture", "columns", "size"), [("colour", 5, (1920, 1080)), ("depth", 3, (512, 424))])
def test_kinects_pictures_come_exactly(picture: str, columns: int, size: tuple[int, int]) -> None:
    values = numbers()
    there = np.array([[1, 0], [1, 1], [0, 1], [1, 1]], bool)
    sequence = parse(NAME, text(values, there), picture=picture)
    said = sequence.name, sequence.activity, sequence.split, sequence.subject, sequence.camera
    assert said == ("S001C002P003R001A013", "A013", "test", "ntu-rgbd/P003", "C002")
    tracks = sequence.tracks
    assert ((tracks.width_px, tracks.height_px), tracks.frames, len(tracks.tracks)) == (size, 4, 2)
    for person, track in enumerate(tracks.tracks):
        np.testing.assert_array_equal(track.frame, np.flatnonzero(there[:, person]))
        came = track.xy[:, NTU_25.flip_index]  # Kinect's pictures are mirrored: left and right are exchanged
        np.testing.assert_array_equal(came, values[there[:, person], person, :, columns : columns + 2].astype("f4"))


def test_what_kinect_did_not_see_is_unseen() -> None:
    values = numbers(bodies=1)
    values[1, 0, 4, 11], values[1, 0, 5, 11] = 0, 1
    values[2, 0, 6, 5] = np.nan
    values[3, 0, 7, 6] = -np.inf
    (track,) = parse(NAME, text(values)).tracks.tracks
    xy, confidence = track.xy[:, NTU_25.flip_index], track.confidence[:, NTU_25.flip_index]
    assert np.argwhere(np.isnan(xy[..., 0])).tolist() == [[1, 4], [2, 6], [3, 7]]
    assert (confidence[1, 4], confidence[1, 5], confidence[0, 4]) == (0, 0.5, 1)


def test_metres_are_projected() -> None:
    values = numbers()
    camera = VirtualCamera(yaw_deg=20, width_px=640, height_px=480, focal_px=500)
    tracks = parse(NAME, text(values), picture="virtual", camera=camera).tracks
    assert (tracks.width_px, tracks.height_px) == (640, 480)
    wanted = camera.project(values[..., :3].transpose(1, 0, 2, 3) * [-1, 1, 1])  # Kinect's x grows to its left
    np.testing.assert_allclose(np.stack([t.xy for t in tracks.tracks]), wanted, atol=1e-3)


def test_the_order_of_keypoints_is_kinects() -> None:
    wanted = {"spine_base": 1, "mid_head": 4, "left_shoulder": 5, "left_hand": 8, "right_shoulder": 9, "left_hip": 13}
    wanted |= {"right_hip": 17, "right_foot": 20, "spine_shoulder": 21, "left_hand_tip": 22, "right_thumb_tip": 25}
    assert {name: NTU_25.index(name) + 1 for name in wanted} == wanted
    assert len(TRAINING) == 53
    assert sum(number <= 40 for number in TRAINING) == 20


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "cut short"),
        ("many", "is no skeleton file"),
        (text(numbers())[:-40], "is no skeleton file, or cut short"),
        (text(numbers()) + "1\n", "more than its 4 frames"),
        (text(numbers()).replace("\r\n25\r\n", "\r\n20\r\n", 1), "expected 25 keypoints, came 20"),
    ],
)
def test_a_damaged_file_is_told(content: str, told: str) -> None:
    with pytest.raises(InputError, match=f"{NAME}.*{told}"):
        parse(NAME, content)


def test_a_folder_with_classes(tmp_path: Path) -> None:
    for name in (NAME, "S001C001P001R001A002.skeleton", "S001C001P001R001A003.skeleton", "notes.skeleton"):
        (tmp_path / name).write_text(text(numbers(frames=0 if "A002" in name else 2)))
    found = list(sequences(tmp_path, classes=["drink", "eat", "brush"]))
    assert {s.name: (s.activity, s.split, s.tracks.frames) for s in found if isinstance(s, Sequence)} == {
        "S001C001P001R001A002": ("eat", "train", 0),
        "S001C001P001R001A003": ("brush", "train", 2),
    }
    faults = {f.name: f.reason for f in found if isinstance(f, Fault)}
    assert "unknown class A013: there are 3" in faults[NAME]
    assert "no name of NTU RGB+D" in faults["notes.skeleton"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no NTU"):
        list(sequences(tmp_path / "empty"))


def facing_the_sensor(frames: int = 6) -> np.ndarray:
    """One body that stands 2.5 m before the sensor and faces it, as Kinect writes it.

    Its x grows to the sensor's left, where the right side of somebody who faces it is; its pictures are mirrored, so
    that in them this side is on the right.
    """
    values = numbers(frames, 1)
    for k, name in enumerate(NTU_25.keypoints):
        side = {"left": -1, "right": 1}.get(name.split("_")[0], 0)
        x, y = 0.2 * side + 0.002 * k, 0.5 - 0.04 * k
        values[:, 0, k, :3] = x, y, 2.5
        values[:, 0, k, 3:5] = 256 + 365 * x / 2.5, 212 - 365 * y / 2.5
        values[:, 0, k, 5:7] = 960 + 1060 * x / 2.5, 540 - 1060 * y / 2.5
    return values


@pytest.mark.parametrize("picture", ["colour", "depth", "virtual"])
@pytest.mark.parametrize("depth", ["project", "keep"])
def test_somebody_who_faces_the_camera_has_the_left_side_on_the_right(picture: str, depth: str) -> None:
    content = text(facing_the_sensor())
    (track,) = parse(NAME, content, picture=picture, camera=VirtualCamera(depth=depth)).tracks.tracks
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "hand_tip"):
        left, right = (track.xy[:, NTU_25.index(f"{side}_{part}"), 0] for side in ("left", "right"))
        assert (left > right).all()


def test_a_body_that_kinect_numbers_anew_is_one_person() -> None:
    values = np.repeat(facing_the_sensor(9), 3, axis=1)
    values[:, 2, :, 0] += 1.5  # somebody else, beside them
    there = np.zeros((9, 3), bool)
    there[:4, 0] = there[5:, 1] = there[2:, 2] = True
    first, second = parse(NAME, text(values, there)).tracks.tracks
    assert first.frame.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert second.frame.tolist() == list(range(2, 9))
    there[:, 0], there[:, 1] = [1, 1, 1, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1, 0, 0, 0]  # and back to the first number
    assert parse(NAME, text(values, there)).tracks.tracks[0].frame.tolist() == list(range(9))
    values[:, 1, :, 2] += 2  # two metres behind: another person
    assert len(parse(NAME, text(values, there)).tracks.tracks) == 3
    far = np.repeat(facing_the_sensor(80), 2, axis=1)
    apart = np.zeros((80, 2), bool)
    apart[:10, 0] = apart[70:, 1] = True
    assert len(parse(NAME, text(far, apart)).tracks.tracks) == 2


@pytest.mark.parametrize(
    ("name", "xsub", "xview", "xset"),
    [
        ("S001C001P001R001A001", "train", "test", "test"),
        ("S002C002P003R001A001", "test", "train", "train"),
        ("S003C003P103R001A001", "train", "train", "test"),
    ],
)
def test_the_official_protocols(name: str, xsub: str, xview: str, xset: str) -> None:
    content = text(numbers(2, 1))
    splits = [parse(f"{name}.skeleton", content, split=p).split for p in ("xsub", "xview", "xset", "none")]
    assert splits == [xsub, xview, xset, None]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_text_in_other_encodings(encoding: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(text(numbers()).encode(encoding))
    (found,) = sequences(tmp_path)
    assert isinstance(found, Sequence)
