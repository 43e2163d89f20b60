"""One name twice, text of any encoding, keypoints that were not found and units, in every import."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.formats.csv_file import read_csv
from posemill.ingest.datasets import coco, pyskl, table
from posemill.ingest.manifest import read_manifest
from posemill.ingest.projection import VirtualCamera
from posemill.ingest.sequence import Fault, Sequence, first_of_each_name, read_classes
from posemill.pose.skeleton import COCO_17, NTU_25
from posemill.pose.units import check_metres, check_pixels

READING = pyskl.ReadOptions("set", classes=["walk", "run"])


def pickled(path: Path, *annotations: dict[str, Any]) -> Path:
    path.write_bytes(pickle.dumps({"split": {}, "annotations": list(annotations)}))
    return path


def body(frames: int = 6, keypoints: int = 17, seed: int = 0) -> np.ndarray:
    """(1, T, K, 2) pixels"""
    return np.random.default_rng(seed).uniform(100, 300, (1, frames, keypoints, 2)).astype(np.float32)


def own(name: str, keypoint: np.ndarray, label: int = 0, **more: Any) -> dict[str, Any]:
    return {"frame_dir": name, "label": label, "img_shape": (480, 640), "keypoint": keypoint} | more


def test_the_first_of_a_name_stays_and_the_others_have_names_of_their_own() -> None:
    samples = [Fault("a", "one"), Fault("b", "two"), Fault("a", "three"), Fault("a", "four")]
    names = [(s.name, s.reason) for s in first_of_each_name(samples) if isinstance(s, Fault)]
    assert [name for name, _ in names] == ["a", "b", "a #2", "a #3"]
    assert "another one of the name a before it, which is kept" in names[2][1]


def test_pictures_of_one_name_in_two_files_are_two(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 1, "file_name": "frame_000001.jpg", "width": 640, "height": 480}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": [*range(10, 61)]}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
    }
    content["annotations"][0]["keypoints"][2::3] = [2] * 17
    found = []
    for video in ("first", "second"):
        path = tmp_path / video / "annotations" / "person_keypoints_default.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
        found += list(coco.sequences(path))
    one, two = found
    assert isinstance(one, Sequence)
    assert isinstance(two, Sequence)
    assert one.name == two.name == "frame_000001.jpg"
    assert one.tracks.medium != two.tracks.medium  # so that equal poses are two media all the same
    assert one.source == "first/annotations/person_keypoints_default.json/frame_000001.jpg"


def test_an_image_id_that_is_there_twice_is_told(tmp_path: Path) -> None:
    image = {"id": 1, "width": 640, "height": 480}
    keypoints = [v for k in range(17) for v in (100 + k, 200 - 3 * k, 2)]
    content = {
        "images": [image | {"file_name": "a.jpg"}, image | {"file_name": "b.jpg"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": keypoints}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
    }
    (tmp_path / "c.json").write_text(json.dumps(content))
    first, second = coco.sequences(tmp_path / "c.json")
    assert isinstance(first, Sequence)
    assert isinstance(second, Fault)
    assert "has its id 1 too" in second.reason


def test_a_medium_that_is_listed_twice_keeps_the_first(tmp_path: Path) -> None:
    (tmp_path / "media.csv").write_text("medium,width_px,height_px,fps,activity\nm,640,480,25,walk\nm,640,480,25,run\n")
    header = ",".join(f"{k}_x,{k}_y" for k in COCO_17.keypoints)
    rows = [f"m,{t}," + ",".join(f"{100 + k + t},{200 - k}" for k in range(17)) for t in range(3)]
    (tmp_path / "tracks-coco-17.csv").write_text(f"medium,frame,{header}\n" + "\n".join(rows))
    fault, sequence = table.sequences(tmp_path, table.TableDefaults("set"))
    assert isinstance(fault, Fault)
    assert isinstance(sequence, Sequence)
    assert sequence.activity == "walk"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_text_of_any_encoding_is_read_or_refused_by_name(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_bytes("walk\r\nübung\r\n".encode(encoding))
    (tmp_path / "v.mp4").write_bytes(b"x")
    (tmp_path / "m.csv").write_bytes("path,activity\r\nv.mp4,übung\r\n".encode(encoding))
    if encoding in ("utf-16-le", "cp1252"):  # without a mark, and not UTF-8
        for read in (lambda: read_classes(tmp_path / "classes.txt"), lambda: read_manifest(tmp_path / "m.csv")):
            with pytest.raises(InputError, match=r"is no text in UTF-8 .*save it as UTF-8"):
                read()
    else:
        assert read_classes(tmp_path / "classes.txt") == ["walk", "übung"]
        assert [e.activity for e in read_manifest(tmp_path / "m.csv")] == ["übung"]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("a,b\n1.5,2\n", [1.5, 2]),
        ("a;b\n1,5;2\n", [1.5, 2]),
        ("a\tb\n1.5\t2\n", [1.5, 2]),
        ('a,b\n1.5,"2"\n', [1.5, 2]),
    ],
)
def test_separators_of_spreadsheets(content: str, columns: list[float], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(content)
    assert list(read_csv(tmp_path / "t.csv").row(0)) == columns


@pytest.mark.parametrize(("content", "words"), [("", "it is empty"), ("a,b,a\n1,2,3\n", "has the column a twice")])
def test_tables_that_cannot_be_read(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(InputError, match=words):
        read_csv(tmp_path / "t.csv")


@pytest.mark.parametrize("mark", [0.0, -1.0])
@pytest.mark.parametrize("scores", [True, False])
def test_what_was_not_found_is_unseen_in_pyskl(mark: float, scores: bool, tmp_path: Path) -> None:
    keypoint = body()
    keypoint[0, 2, 5] = mark
    score = np.ones((1, 6, 17), np.float32)
    score[0, 2, 5] = 0
    more = {"keypoint_score": score} if scores else {}
    (found,) = pyskl.sequences(pickled(tmp_path / "x.pkl", own("v", keypoint, **more)), READING)
    assert isinstance(found, Sequence)
    (track,) = found.tracks.tracks
    assert np.argwhere(np.isnan(track.xy[..., 0])).tolist() == [[2, 5]]
    assert track.confidence[2, 5] == 0


@pytest.mark.parametrize("mark", ["0,0,0", "-1,-1,0", "0.0,0.0,0.0", ",,0"])
def test_what_was_not_found_is_unseen_in_tables(mark: str, tmp_path: Path) -> None:
    header = ",".join(f"{k}_x,{k}_y,{k}_confidence" for k in COCO_17.keypoints)
    rows = [
        f"m,{t}," + ",".join(mark if (t, k) == (1, 9) else f"{100 + k + t},{200 - k},0.9" for k in range(17))
        for t in range(3)
    ]
    (tmp_path / "t.csv").write_text(f"medium,frame,{header}\n" + "\n".join(rows))
    (found,) = table.sequences(tmp_path / "t.csv", table.TableDefaults("set", 640, 480, 25))
    assert isinstance(found, Sequence)
    (track,) = found.tracks.tracks
    assert np.argwhere(np.isnan(track.xy[..., 0])).tolist() == [[1, 9]]
    assert track.confidence[1, 9] == 0


def test_a_corner_is_no_keypoint_of_coco_whatever_its_flag(tmp_path: Path) -> None:
    names = dict.fromkeys([1], COCO_17.keypoints)
    keypoints = [v for k in range(17) for v in (100 + k, 200 - 3 * k, 2)]
    keypoints[0:3], keypoints[3:6], keypoints[6:9] = [0, 0, 2], [0, 0, 0], [-1, -1, 0]
    image = {"id": 1, "width": 640, "height": 480}
    sequence = coco.parse("a.jpg", image, [{"category_id": 1, "keypoints": keypoints}], names)
    assert sequence is not None
    assert np.flatnonzero(np.isnan(sequence.tracks.tracks[0].xy[0, :, 0])).tolist() == [0, 1, 2]


@pytest.mark.parametrize("shape", [True, False])
@pytest.mark.parametrize("third", ["score", "visibility", "ones"])
@pytest.mark.parametrize("keypoints", [17, 20, 25])
@pytest.mark.parametrize("depth", ["project", "keep"])
def test_x_y_and_a_confidence_are_no_metres(
    keypoints: int, third: str, shape: bool, depth: Any, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    size = (1, 6, keypoints, 1)
    values = {"score": rng.random(size), "visibility": rng.integers(0, 3, size), "ones": np.ones(size)}[third]
    annotation = own("v", np.concatenate([body(keypoints=keypoints), values.astype(np.float32)], -1))
    if not shape:
        annotation.pop("img_shape")
    reading = pyskl.ReadOptions("set", classes=["walk"], camera=VirtualCamera(depth=depth))
    (fault,) = pyskl.sequences(pickled(tmp_path / "x.pkl", annotation), reading)
    assert isinstance(fault, Fault)
    assert "x and y are pixels" in fault.reason
    assert "keypoint_score" in fault.reason


def test_shares_of_the_picture_with_a_confidence_are_no_metres(tmp_path: Path) -> None:
    values = np.random.default_rng(0).uniform(0.1, 0.9, (1, 6, 17, 3)).astype(np.float32)
    (fault,) = pyskl.sequences(pickled(tmp_path / "x.pkl", own("v", values)), READING)
    assert isinstance(fault, Fault)
    assert "shares of the picture" in fault.reason


@pytest.mark.parametrize(("scale", "words"), [(100, "centimetres"), (1000, "millimetres"), (0.01, "no metres")])
def test_other_units_than_metres(scale: float, words: str) -> None:
    metres = np.random.default_rng(0).normal([0, 0, 3], 0.35, (2, 6, 25, 3))
    check_metres("v", metres)
    with pytest.raises(InputError, match=words):
        check_metres("v", metres * scale)
    check_metres("v", metres * scale, any_unit=True)


def test_shares_of_the_picture_and_metres_are_no_pixels() -> None:
    shares = np.random.default_rng(0).uniform(0.2, 0.6, (6, 17, 2))
    for values in (shares, shares - 0.4):
        with pytest.raises(InputError, match="no pixels but shares"):
            check_pixels("v", values)
    check_pixels("v", shares * 300)
    check_pixels("v", np.full((6, 17, 2), np.nan))


@pytest.mark.parametrize(("mirrored", "written", "exchanged"), [(None, False, True), (False, False, False)])
def test_kinects_pictures_are_mirrored_in_pyskl_too(
    mirrored: bool | None, written: bool, exchanged: bool, tmp_path: Path
) -> None:
    keypoint = body(keypoints=25)
    path = pickled(tmp_path / "x.pkl", own("v", keypoint))
    (found,) = pyskl.sequences(path, pyskl.ReadOptions("set", classes=["walk"], mirrored=mirrored))
    assert isinstance(found, Sequence)
    wanted = keypoint[0][:, NTU_25.flip_index] if exchanged else keypoint[0]
    np.testing.assert_allclose(found.tracks.tracks[0].xy, wanted)


@pytest.mark.material
def test_the_classes_file_of_windows(cases: Path) -> None:
    folder = cases / "07-classes-file-of-windows"
    classes = read_classes(folder / "classes_bom.txt")
    assert classes == ["walk", "run"]
    activities = {
        s.activity
        for s in pyskl.sequences(folder / "padded.pkl", pyskl.ReadOptions("p", classes=classes), split="none")
        if isinstance(s, Sequence)
    }
    assert activities <= {"walk", "run"}


@pytest.mark.material
def test_zeros_of_a_table_are_unseen(cases: Path) -> None:
    path = cases / "08-unseen-as-zero-in-tables-and-service" / "zeros.csv"
    (found,) = table.sequences(path, table.TableDefaults("zeros", 640, 480, 25))
    assert isinstance(found, Sequence)
    (track,) = found.tracks.tracks
    hidden = [COCO_17.index("left_elbow"), COCO_17.index("left_wrist")]
    assert np.isnan(track.xy[:, hidden]).all()
    assert not np.isnan(np.delete(track.xy, hidden, 1)).any()
    assert (track.confidence[:, hidden] == 0).all()


@pytest.mark.material
def test_pixels_with_a_confidence_are_refused(cases: Path) -> None:
    path = cases / "09-pyskl-x-y-score-taken-for-metres" / "xyc.pkl"
    for sample in pyskl.sequences(path, READING, split="none"):
        assert isinstance(sample, Fault)
        assert "x and y are pixels" in sample.reason
