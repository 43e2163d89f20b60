"""PYSKL's pickles: what its data set class needs is there, and nothing that a pickle names is run."""

from __future__ import annotations

import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from made_up_tracks import FPS, assert_same, made_up
from posemill.errors import InputError
from posemill.formats import unpickle
from posemill.formats.pyskl import ClipSpan, read_pyskl, tracks_of, write_pyskl
from posemill.pose.skeleton import COCO_17


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 1000), people=st.integers(1, 3), unseen=st.sampled_from([0.0, 0.4]))
def test_tracks_come_back(seed: int, people: int, unseen: float, tmp_path: Path) -> None:
    went = made_up(seed, people, unseen=unseen, frames=12)
    write_pyskl(tmp_path / "x.pkl", [(went, [])])
    (annotation,) = read_pyskl(tmp_path / "x.pkl")["annotations"]
    assert_same(tracks_of(annotation, COCO_17, FPS), went, states=False, xy=0, sure=0)


def test_clips_are_annotations_with_label_and_split(tmp_path: Path) -> None:
    tracks = made_up(1, people=2, frames=50, unseen=0)
    cuts = [
        ClipSpan("a", 0, 1.0, "wave", "train"),
        ClipSpan("b", 1.0, 2.0, "squat", "test"),
        ClipSpan("c", 0.5, 1.5, None, None),
    ]
    assert write_pyskl(tmp_path / "x.pkl", [(tracks, cuts)]) == 3
    content = read_pyskl(tmp_path / "x.pkl")
    assert content["classes"] == ["squat", "wave"]
    assert content["split"] == {"train": ["a"], "test": ["b"], "unsplit": ["c"]}
    first, second, third = content["annotations"]
    assert [a["label"] for a in content["annotations"]] == [1, 0, -1]
    assert first["total_frames"] == second["total_frames"] == third["total_frames"] == 25
    assert second["frame"].tolist() == list(range(25, 50))
    assert first["keypoint"].shape == (2, 25, 17, 2)
    assert first["keypoint_score"].shape == (2, 25, 17)
    assert first["img_shape"] == first["original_shape"] == (240, 320)
    absent = sorted(set(range(25)) - set(tracks.tracks[0].frame.tolist()))
    assert absent
    assert not first["keypoint"][0, absent].any()
    assert not first["keypoint_score"][0, absent].any()


def test_the_file_is_readable_without_us_and_by_old_numpy(tmp_path: Path) -> None:
    write_pyskl(tmp_path / "x.pkl", [(made_up(1), [])])
    content = (tmp_path / "x.pkl").read_bytes()
    assert pickle.loads(content)["annotations"][0]["keypoint"].dtype == np.float32
    words = {arg for _, arg, _ in pickletools.genops(content) if isinstance(arg, str)}
    assert "numpy.core.multiarray" in words
    assert not any("_core" in word or "posemill" in word for word in words)


def test_pyskls_own_files_are_read(tmp_path: Path) -> None:
    """float16, no keys of ours, a whole video of one person."""
    keypoint = np.random.default_rng(0).uniform(1, 200, (1, 9, 17, 2)).astype(np.float16)
    keypoint[0, 4, 3] = 0
    score = np.ones((1, 9, 17), np.float16)
    score[0, 4, 3] = 0
    own = {
        "frame_dir": "v1",
        "total_frames": 9,
        "img_shape": (240, 320),
        "original_shape": (240, 320),
        "label": 3,
        "keypoint": keypoint,
        "keypoint_score": score,
    }
    for protocol in (2, 4, 5):
        (tmp_path / "y.pkl").write_bytes(pickle.dumps({"split": {"train": ["v1"]}, "annotations": [own]}, protocol))
        (annotation,) = read_pyskl(tmp_path / "y.pkl")["annotations"]
        (track,) = tracks_of(annotation, COCO_17).tracks
        assert len(track) == 9
        assert np.isnan(track.xy[4, 3]).all()
    with pytest.raises(InputError, match=r"v1: expected keypoint \[M, T, 17, 2\]"):
        tracks_of(own | {"keypoint": keypoint[0]}, COCO_17)


class Bomb:
    def __init__(self, function, *arguments) -> None:
        self.what = function, arguments

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize("call", [(eval, "1"), (print, "x"), (getattr, 1, "real"), (np.load, "x"), (Path, "x")])
def test_nothing_else_is_run(call: tuple, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pkl"
    path.write_bytes(pickle.dumps({"annotations": [Bomb(*call)]}))
    with pytest.raises(InputError, match=r"bomb\.pkl is not read: it wants to run"):
        read_pyskl(path)


def test_damaged_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    for content in (b"", b"no pickle", pickle.dumps({"annotations": []})[:-3]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="no readable pickle"):
            read_pyskl(path)
    path.write_bytes(pickle.dumps([1]))
    with pytest.raises(InputError, match="no PYSKL file"):
        read_pyskl(path)
    assert unpickle.loads(unpickle.dumps({"a": (1, 2.5, None, "x", np.arange(3))}), "x")["a"][:4] == (1, 2.5, None, "x")
