"""PYSKL's pickles on the way in: their own, and those that posemill wrote."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_up_tracks import FPS, assert_same, made_up
from posemill.errors import InputError
from posemill.formats.pyskl import ClipSpan, write_pyskl
from posemill.ingest.datasets.pyskl import ReadOptions, sequences
from posemill.ingest.projection import VirtualCamera
from posemill.ingest.sequence import Fault, Sequence
from posemill.ingest.validator import DatasetValidator
from posemill.pose.skeleton import BODY_12, COCO_17, NTU_25

READING = ReadOptions("set", classes=["wave", "squat"])


def annotation(name: str, label: int = 0, keypoints: int = 17, seed: int = 0, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    keypoint = rng.uniform(1, 200, (1, 6, keypoints, 2)).astype(np.float16)
    own = {
        "frame_dir": name,
        "total_frames": 6,
        "img_shape": (240, 320),
        "original_shape": (240, 320),
        "label": label,
        "keypoint": keypoint,
        "keypoint_score": np.ones((1, 6, keypoints), np.float16),
    }
    return own | changes


def written(path: Path, annotations: list[Any], **split: list[str]) -> Path:
    path.write_bytes(pickle.dumps({"split": split, "annotations": annotations}))
    return path


def test_their_own_files_come_exactly(tmp_path: Path) -> None:
    first, second = annotation("v1"), annotation("v2", 1, seed=1)
    first["keypoint"][0, 2, 5] = 0
    first["keypoint_score"][0, 2, 5] = 0
    path = written(tmp_path / "x.pkl", [first, second], train=["v1"], test=["v2"])
    one, two = sequences(path, READING)
    assert [(s.name, s.activity, s.split, s.subject) for s in (one, two)] == [
        ("v1", "wave", "train", None),
        ("v2", "squat", "test", None),
    ]
    assert (one.tracks.skeleton, one.tracks.medium, one.tracks.labeller) == (COCO_17, "set/v1", "imported")
    (track,) = one.tracks.tracks
    wanted = first["keypoint"][0].astype(np.float32)
    wanted[2, 5] = np.nan
    np.testing.assert_array_equal(track.xy, wanted)
    np.testing.assert_allclose(track.time_s, np.arange(6) / 30)


def test_what_posemill_wrote_comes_back_with_its_classes_and_split(tmp_path: Path) -> None:
    media = [made_up(1, unseen=0.3), made_up(2, people=1)]
    cuts = [ClipSpan(f"c{i}", 0, 9, name, side) for i, (name, side) in enumerate([("run", "train"), ("sit", "test")])]
    write_pyskl(tmp_path / "x.pkl", [(tracks, [cut]) for tracks, cut in zip(media, cuts, strict=True)])
    found = list(sequences(tmp_path / "x.pkl", ReadOptions("set", fps=FPS)))
    assert [(s.activity, s.split) for s in found] == [("run", "train"), ("sit", "test")]
    assert found[0].subject == f"set/{media[0].medium}"
    from dataclasses import replace

    for sequence, went in zip(found, media, strict=True):
        assert_same(replace(sequence.tracks, medium=went.medium), went, states=False, xy=0, sure=0)


def test_metres_are_projected_and_people_who_are_not_there_have_no_track(tmp_path: Path) -> None:
    metres = np.random.default_rng(0).normal([0, 0, 3], 0.3, (2, 6, 25, 3)).astype(np.float32)
    metres[1] = 0  # how NTU's arrays say that there is no second person
    metres[0, 3, 7] = 0
    own = {"frame_dir": "S001C001P001R001A001", "label": 0, "keypoint": metres, "total_frames": 6}
    camera = VirtualCamera(yaw_deg=15, width_px=640, height_px=480, focal_px=600)
    (found,) = sequences(written(tmp_path / "x.pkl", [own]), ReadOptions("ntu", classes=["drink"], camera=camera))
    assert (found.subject, found.camera, found.tracks.skeleton) == ("ntu/P001", "C001", NTU_25)
    (track,) = found.tracks.tracks
    seen = np.where((metres[0] != 0).any(-1, keepdims=True), metres[0], np.nan) * [-1, 1, 1]  # x grows to the left
    wanted = camera.project(np.stack([seen, np.full_like(seen, np.nan)]))[0]
    np.testing.assert_allclose(track.xy, wanted, atol=1e-3)
    assert np.argwhere(np.isnan(track.xy[..., 0])).tolist() == [[3, 7]]


def test_metres_keep_their_depth_and_only_that_may_differ(tmp_path: Path) -> None:
    metres = np.random.default_rng(0).normal([0, 0, 3], 0.3, (1, 6, 20, 3)).astype(np.float32)
    metres[0, 3, 7] = 0
    metres[0, 0, 0, 2], metres[0, 0, 1, 2] = 1, 5  # so that both have the same middle and reach
    other = metres.copy()
    other[0, 2, 5, 2] += 0.1
    names = ["P1", "P2", "P3"]
    rows = [{"frame_dir": n, "label": 0, "keypoint": k} for n, k in zip(names, (metres, other, metres), strict=True)]
    keep = ReadOptions("set", classes=["drink"], camera=VirtualCamera(depth="keep"))
    one, two, same = sequences(written(tmp_path / "x.pkl", rows), keep)
    assert isinstance(one, Sequence)
    assert isinstance(two, Sequence)
    assert isinstance(same, Sequence)
    (track,) = one.tracks.tracks
    assert track.z is not None
    assert np.argwhere(np.isnan(track.z)).tolist() == [[3, 7]]
    scale = (track.xy[0, 1, 0] - track.xy[0, 0, 0]) / (metres[0, 0, 0, 0] - metres[0, 0, 1, 0])
    assert track.z[0, 1] - track.z[0, 0] == pytest.approx(4 * scale, rel=1e-4)
    validator = DatasetValidator()
    assert [validator.check_sequence(s) for s in (one, two)] == [None, None]
    assert "same content as P1" in str(validator.check_sequence(same))


@pytest.mark.parametrize(
    ("keypoints", "axes", "name"),
    [
        (13, 2, "penn-13"),
        (15, 2, "jhmdb-15"),
        (15, 3, "openni-15"),
        (17, 2, "coco-17"),
        (17, 3, "h36m-17"),
        (20, 2, "kinect-20"),
        (20, 3, "kinect-20"),
        (25, 2, "ntu-25"),
        (25, 3, "ntu-25"),
    ],
)
def test_the_skeleton_follows_from_the_number_of_keypoints(
    tmp_path: Path, keypoints: int, axes: int, name: str
) -> None:
    places = np.random.default_rng(0).uniform(1, 2, (1, 6, keypoints, axes)).astype(np.float32)
    (found,) = sequences(written(tmp_path / "x.pkl", [annotation("v", keypoints=keypoints, keypoint=places)]), READING)
    assert isinstance(found, Sequence)
    assert found.tracks.skeleton.name == name
    (fault,) = sequences(tmp_path / "x.pkl", ReadOptions("set", classes=["wave"], skeleton=BODY_12))
    assert isinstance(fault, Fault)
    assert f"body-12 has 12 keypoints, came {keypoints}" in fault.reason


def test_what_is_wrong_is_told_of_each(tmp_path: Path) -> None:
    bad = {
        "shape": annotation("shape", keypoint=np.zeros((6, 17, 2))),
        "class": annotation("class", label=2),
        "odd": annotation("odd", keypoints=11),
        "size": {k: v for k, v in annotation("size").items() if k != "img_shape"},
        "nan": annotation("nan", keypoint=np.full((1, 6, 17, 2), np.nan)),
        "both": annotation("both"),
        "3": 3,
        "bare": {"frame_dir": "bare"},
    }
    path = written(tmp_path / "x.pkl", [*bad.values(), annotation("good")], train=["good", "both"], val=["both"])
    rows = list(sequences(path, READING))
    assert [s.name for s in rows if isinstance(s, Sequence)] == ["good"]
    faults = {f.name: f.reason for f in rows if isinstance(f, Fault)}
    told = {
        "shape": "expected keypoint [M, T, V, 2]",
        "class": "unknown class 2: there are 2",
        "odd": "--skeleton",
        "size": "how large the picture is",
        "nan": "no finite position",
        "both": "lists of training and of test",
        "3": "no annotation of PYSKL's",
        "bare": "no annotation of PYSKL's",
    }
    assert set(faults) == {*(set(bad) - {"3"}), "6"}
    for name, words in told.items():
        assert words in faults["6" if name == "3" else name]


def test_splits_are_chosen_by_name(tmp_path: Path) -> None:
    names = {"xsub_train": ["a"], "xsub_val": ["b"], "xview_train": ["b"], "xview_val": ["a"]}
    path = written(tmp_path / "x.pkl", [annotation("a"), annotation("b", seed=1)], **names)
    with pytest.raises(InputError, match="--split should choose one list for training"):
        list(sequences(path, READING))
    assert [s.split for s in sequences(path, READING, split="xsub")] == ["train", "test"]
    assert [s.split for s in sequences(path, READING, split="xview")] == ["test", "train"]
    assert [s.split for s in sequences(path, READING, split="none")] == [None, None]
    with pytest.raises(InputError, match="should be a dictionary of lists"):
        list(sequences(written(tmp_path / "z.pkl", [], train="a"), READING))  # type: ignore[arg-type]
    three = written(tmp_path / "y.pkl", [annotation(n, seed=ord(n)) for n in "abc"], train=["a"], val=["b"], test=["c"])
    assert [s.split for s in sequences(three, READING)] == ["train", "train", "test"]


def test_names_say_who_it_is_and_another_skeleton_can_be_told(tmp_path: Path) -> None:
    path = written(tmp_path / "x.pkl", [annotation("v_Biking_g01_c02", keypoints=12)])
    reading = ReadOptions("u", classes=["Biking"], skeleton=BODY_12, subject=r"v_(\w+)_g(\d+)")
    (found,) = sequences(path, reading)
    assert (found.subject, found.tracks.skeleton) == ("u/Biking-01", BODY_12)
    (fault,) = sequences(path, ReadOptions("u", classes=["Biking"], skeleton=BODY_12, subject="P(\\d+)"))
    assert isinstance(fault, Fault)
    with pytest.raises(InputError, match="give --classes"):
        list(sequences(path, ReadOptions("u")))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keypoint_score": np.full((1, 6, 17), 90.0)}, "confidences are 90 to 90, expected 0 to 1"),
        ({"keypoint_score": np.full((1, 6, 17), -2.5)}, r"confidences are -2\.5 to -2\.5, expected 0 to 1"),
        ({"keypoint": np.full((6, 1, 17, 2), 50.0)}, r"T = total_frames = 6, .* it looks like \[T, M, V, C\]"),
        ({"total_frames": 60}, "T = total_frames = 60"),
        ({"label": 0.7}, r"label 0\.7 is no whole number"),
        ({"img_shape": (60, 80)}, "outside of the picture of 80x60"),
    ],
)
def test_annotations_that_contradict_themselves(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    (found,) = sequences(written(tmp_path / "x.pkl", [annotation("v1", **changes)]), READING)
    assert isinstance(found, Fault)
    with pytest.raises(InputError, match=words):
        raise InputError(found.reason)


def test_shares_of_the_picture_with_a_confidence_are_no_metres(tmp_path: Path) -> None:
    values = annotation("v1")
    triples = np.concatenate([values["keypoint"] / 320, np.full((1, 6, 17, 1), 0.9)], -1).astype(np.float32)
    own = {key: values[key] for key in ("frame_dir", "label", "total_frames")} | {"keypoint": triples}
    (found,) = sequences(written(tmp_path / "x.pkl", [own]), READING)
    assert isinstance(found, Fault)
    assert "the third value is a confidence" in found.reason


def test_a_split_of_other_names_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.pkl", [annotation("v1.mp4")], train=["v1"], test=["v2"])
    with pytest.raises(InputError, match=r"such as 'v1'; frame_dir is such as 'v1\.mp4'"):
        next(sequences(path, READING))
    assert len(list(sequences(path, READING, split="none"))) == 1


def test_a_rate_of_the_annotation(tmp_path: Path) -> None:
    (found,) = sequences(written(tmp_path / "x.pkl", [annotation("v1", fps=60.0)]), READING)
    assert isinstance(found, Sequence)
    assert found.tracks.duration_s == pytest.approx(0.1)
