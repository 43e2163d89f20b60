"""JHMDB's layout, made by the test with known positions."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from posemill.errors import InputError
from posemill.ingest.datasets.jhmdb import count, parse, sequences
from posemill.ingest.sequence import Fault
from posemill.pose.skeleton import JHMDB_15


def joints(frames: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-20, 330, (2, 15, frames))


def mat(position: np.ndarray) -> bytes:
    stream = io.BytesIO()
    savemat(stream, {"pos_img": position, "pos_world": position / 320, "scale": np.ones(position.shape[-1])})
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "splits").mkdir()
    listed = {
        "clap": ["Film_a_clap_u_nm_np1_ba_goo_0", "Film_a_clap_u_nm_np1_ba_goo_1", "Other_clap_f_0"],
        "sit": ["X_sit_0"],
    }
    for activity, clips in listed.items():
        lines = [f"{clip}.avi {2 if clip.startswith('Other') else 1} " for clip in clips]
        (tmp_path / "splits" / f"{activity}_test_split1.txt").write_text("\n".join(lines) + "\n")
        for seed, clip in enumerate(clips):
            place = tmp_path / "joint_positions" / activity / clip
            place.mkdir(parents=True)
            (place / "joint_positions.mat").write_bytes(mat(joints(seed=seed)))
            (place / "._joint_positions.mat").write_bytes(b"a Macintosh was here")
    return tmp_path


def test_positions_classes_and_split_come_exactly(folder: Path) -> None:
    assert count(folder) == 4
    first, second, third, fourth = sequences(folder)
    assert [s.activity for s in (first, second, third, fourth)] == ["clap", "clap", "clap", "sit"]
    assert [s.split for s in (first, second, third, fourth)] == ["train", "train", "test", "train"]
    assert first.subject == second.subject == "jhmdb/clap/Film_a"
    assert len({s.subject for s in (first, third, fourth)}) == 3
    tracks = second.tracks
    (track,) = tracks.tracks
    assert (tracks.width_px, tracks.height_px, tracks.frames) == (320, 240, 5)
    np.testing.assert_array_equal(track.xy, joints(seed=1).transpose(2, 1, 0).astype(np.float32))
    np.testing.assert_array_equal(track.time_s, np.arange(5) / 30)
    assert (track.confidence == 1).all()


def test_the_order_of_keypoints_is_jhmdbs() -> None:
    order = [
        "throat",
        "belly",
        "face",
        "right_shoulder",
        "left_shoulder",
        "right_hip",
        "left_hip",
        "right_elbow",
        "left_elbow",
        "right_knee",
        "left_knee",
        "right_wrist",
        "left_wrist",
        "right_ankle",
        "left_ankle",
    ]
    assert list(JHMDB_15.keypoints) == order


def test_what_is_wrong_is_told_of_each(folder: Path) -> None:
    base = folder / "joint_positions"
    (base / "clap" / "Other_clap_f_0" / "joint_positions.mat").write_bytes(b"no matlab")
    for place in ("clap/New_clap_0", "fly/A_fly_0"):
        (base / place).mkdir(parents=True)
        (base / place / "joint_positions.mat").write_bytes(mat(joints()))
    (base / "sit" / "X_sit_0" / "joint_positions.mat").write_bytes(mat(joints()[:, :13]))
    faults = {f.name: f.reason for f in sequences(folder) if isinstance(f, Fault)}
    assert set(faults) == {"clap/Other_clap_f_0", "clap/New_clap_0", "fly/A_fly_0", "sit/X_sit_0"}
    assert "is no JHMDB joint file" in faults["clap/Other_clap_f_0"]
    assert "does not list it" in faults["clap/New_clap_0"]
    assert "unknown class 'fly'" in faults["fly/A_fly_0"]
    assert "should be (2, 15, frames), came (2, 13, 5)" in faults["sit/X_sit_0"]


def test_one_frame_is_read_as_one(folder: Path) -> None:
    assert parse("clap/A_clap_0", mat(joints(1)[..., 0])).tracks.frames == 1
    with pytest.raises(InputError, match="no finite position"):
        parse("clap/A_clap_0", mat(joints() * np.nan))


def test_splits_can_be_left_out_and_must_be_there_otherwise(folder: Path) -> None:
    assert {s.split for s in sequences(folder / "joint_positions", split=None)} == {None}
    assert [s.split for s in sequences(folder / "joint_positions")][:1] == ["train"]
    with pytest.raises(InputError, match="test_split3"):
        list(sequences(folder, split=3))
    with pytest.raises(InputError, match="holds no JHMDB joints"):
        list(sequences(folder / "splits"))
    (folder / "splits" / "sit_test_split1.txt").write_text("X_sit_0.avi one\n")
    with pytest.raises(InputError, match="line 1: expected a clip and 1"):
        list(sequences(folder))
