from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from posemill.errors import InputError
from posemill.ingest.datasets.penn_action import parse, read_files
from posemill.pose.skeleton import PENN_13
from posemill.store.track_file import medium_bytes


def label_file(frames: int = 4, **changes: Any) -> bytes:
    """A label file whose keypoint k is at (10 k + t, 100 + k) in frame t; all are visible."""
    x = 10.0 * np.arange(13) + np.arange(frames)[:, None]
    y = np.broadcast_to(100.0 + np.arange(13), (frames, 13))
    content = {
        "action": np.array(["squat"]),
        "x": x,
        "y": y,
        "visibility": np.ones((frames, 13), np.uint8),
        "dimensions": np.array([[270, 480, frames]], np.uint16),
        "train": np.array([[1]], np.int32),
    }
    stream = io.BytesIO()
    savemat(stream, content | changes)
    return stream.getvalue()


def test_left_and_right_are_put_right_and_hidden_is_unseen() -> None:
    visibility = np.ones((4, 13), np.uint8)
    visibility[1, 5] = 0  # what Penn calls the left wrist
    visibility[2] = 0
    sequence = parse("0007.mat", label_file(visibility=visibility, train=np.array([[-1]], np.int32)))
    tracks = sequence.tracks
    (track,) = tracks.tracks
    assert (sequence.name, sequence.activity, sequence.split) == ("0007", "squat", "test")
    assert (tracks.width_px, tracks.height_px, tracks.frames) == (480, 270, 4)
    assert tracks.duration_s == pytest.approx(4 / 30)
    np.testing.assert_array_equal(track.frame, [0, 1, 3])
    np.testing.assert_allclose(track.time_s, np.array([0, 1, 3]) / 30)
    np.testing.assert_array_equal(track.xy[0, PENN_13.index("head")], [0, 100])
    np.testing.assert_array_equal(track.xy[0, PENN_13.index("right_shoulder")], [10, 101])
    np.testing.assert_array_equal(track.xy[0, PENN_13.index("left_shoulder")], [20, 102])
    assert np.isnan(track.xy[1, PENN_13.index("right_wrist")]).all()
    assert track.confidence[1, PENN_13.index("right_wrist")] == 0
    assert np.isnan(track.xy).sum() == 2


def test_a_sequence_without_a_visible_keypoint_has_no_track() -> None:
    sequence = parse("0001.mat", label_file(visibility=np.zeros((4, 13), np.uint8)))
    assert (sequence.tracks.tracks, sequence.tracks.frames) == ((), 4)


def test_the_same_file_gives_the_same_bytes() -> None:
    one, other = (medium_bytes(parse("0001.mat", label_file()).tracks) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no matlab", "0001.mat is no Penn Action label file"),
        (label_file()[:300], "0001.mat is no Penn Action label file"),
        (label_file(x=np.ones((3, 13))), r"x should be \(4, 13\), came \(3, 13\)"),
        (label_file(train=np.array([[7]])), "train should be 1 or -1, came 7"),
    ],
)
def test_a_bad_file_is_named(content: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse("0001.mat", content)


def test_files_come_from_a_folder_or_an_archive(tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    for name in ("0002.mat", "0001.mat", "._0001.mat", "readme.txt"):
        (labels / name).write_bytes(name.encode())
    with tarfile.open(tmp_path / "labels.tar.gz", "w:gz") as archive:
        archive.add(labels / "0001.mat", "labels/0001.mat")
    wanted = [("0001.mat", b"0001.mat"), ("0002.mat", b"0002.mat")]
    assert list(read_files(tmp_path)) == list(read_files(labels)) == wanted
    assert list(read_files(tmp_path / "labels.tar.gz")) == wanted[:1]
    for path in (labels / "readme.txt", tmp_path / "nothing"):
        (tmp_path / "nothing").mkdir(exist_ok=True)
        with pytest.raises(InputError):
            list(read_files(path))


@pytest.mark.material
@pytest.mark.parametrize(
    ("activity", "first", "seen_from"), [("jumping_jacks", "1037.mat", "front"), ("bowl", "0520.mat", "behind")]
)
def test_left_is_the_persons_left_in_the_real_files(material: Path, activity: str, first: str, seen_from: str) -> None:
    """From the front a person's left is on the viewer's right, from behind on the viewer's left."""
    shares = []
    for name, content in read_files(material / "penn_action" / "labels.tar.gz"):
        sequence = parse(name, content) if name >= first else None
        for track in sequence.tracks.tracks if sequence and sequence.activity == activity else ():
            left, right = (track.xy[:, PENN_13.index(f"{side}_shoulder"), 0] for side in ("left", "right"))
            both = ~np.isnan(left - right)
            if both.any():
                shares.append(np.mean((left > right)[both]))
        if len(shares) == 40:
            break
    assert len(shares) == 40
    assert np.mean(shares) > 0.9 if seen_from == "front" else np.mean(shares) < 0.1
