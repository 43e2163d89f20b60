"""Files of other pose tools, written by the tests as those tools do, with people whose places are known."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from posemill.cli.import_tools import tool_command, tool_names
from posemill.errors import InputError
from posemill.ingest.sequence import Fault, Sequence
from posemill.ingest.tools.pose_table import PoseTable, ToolOptions, sequences, to_sequence
from posemill.pose.skeleton import BLAZEPOSE_33, BODY_25, COCO_17, MPII_15, OPENPOSE_18, Skeleton

OPTIONS = ToolOptions("set", (640, 480), 25.0)
FRAMES = 6


def people(skeleton: Skeleton, number: int = 2, frames: int = FRAMES) -> np.ndarray:
    """(people, frames, K, 3): bodies of 100 pixels that walk to the right, far from each other."""
    rng = np.random.default_rng(len(skeleton))
    body = rng.uniform(0, 100, (len(skeleton), 2))
    walk = np.arange(frames)[:, None, None] * [2.0, 0.0]
    places = np.stack([body + walk + [60 + 250 * person, 90] for person in range(number)])
    return np.concatenate([places, np.full((*places.shape[:-1], 1), 0.9)], -1).round(2)


def read(tool: str, path: Path, options: ToolOptions = OPTIONS) -> list[Sequence | Fault]:
    return list(sequences(import_module(f"posemill.ingest.tools.{tool}").TOOL, path, options))


def only(tool: str, path: Path, options: ToolOptions = OPTIONS) -> Sequence:
    (sequence,) = read(tool, path, options)
    assert isinstance(sequence, Sequence), sequence
    return sequence


def assert_people(sequence: Sequence, wanted: np.ndarray, atol: float = 1e-3) -> None:
    """Every person of `wanted` (M, T, K, 3) is one track; NaN = not seen."""
    assert len(sequence.tracks.tracks) == len(wanted)
    tracks = sorted(sequence.tracks.tracks, key=lambda t: float(np.nanmin(t.xy[0, :, 0])))
    for track, values in zip(tracks, wanted, strict=True):
        rows = np.flatnonzero(~np.isnan(values[..., 0]).all(-1))
        np.testing.assert_array_equal(track.frame, rows)
        np.testing.assert_allclose(track.xy, values[rows, :, :2], atol=atol)
        np.testing.assert_allclose(track.time_s, rows / 25)


def openpose(folder: Path, values: np.ndarray, name: str = "clip", key: str = "pose_keypoints_2d") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for frame in range(values.shape[1]):
        shown = [
            {
                "person_id": [-1],
                key: np.nan_to_num(person[frame]).reshape(-1).tolist(),
                "face_keypoints_2d": [1.0] * 210,
                "hand_left_keypoints_2d": [2.0] * 63,
                "hand_right_keypoints_2d": [3.0] * 63,
            }
            for person in values
        ]
        empty = {"person_id": [-1], key: [0] * (3 * values.shape[2])}
        (folder / f"{name}_{frame:012d}_keypoints.json").write_text(
            json.dumps({"version": 1.3, "people": [*shown[:: 1 if frame % 2 else -1], empty]})
        )


@pytest.mark.parametrize("skeleton", [BODY_25, OPENPOSE_18, MPII_15])
def test_openpose_of_any_layout_is_followed(skeleton: Skeleton, tmp_path: Path) -> None:
    wanted = people(skeleton)
    wanted[0, 2, 4] = wanted[1, 3, 5] = np.nan  # 0, 0, 0 in the file
    openpose(tmp_path / "walk" / "clip", wanted)
    sequence = only("openpose", tmp_path, replace(OPTIONS, activity_from_folder=True))
    assert sequence.tracks.skeleton == skeleton
    assert (sequence.name, sequence.activity, sequence.tracks.frames) == ("walk/clip", "walk", FRAMES)
    assert_people(sequence, wanted)
    assert {t.confidence[0, 0] for t in sequence.tracks.tracks} == {np.float32(0.9)}


def test_openpose_frames_are_those_of_the_names_and_empty_ones_count(tmp_path: Path) -> None:
    wanted = people(BODY_25, 1, 12)
    openpose(tmp_path, wanted)
    for frame in (0, 3, 11):
        (tmp_path / f"clip_{frame:012d}_keypoints.json").write_text('{"version": 1.3, "people": []}')
    (tmp_path / "clip_000000000007_keypoints.json").unlink()  # a frame that was not written
    wanted[0, [0, 3, 7, 11]] = np.nan
    sequence = only("openpose", tmp_path)
    assert sequence.name == "clip"
    assert sequence.tracks.frames == 12
    assert_people(sequence, wanted)


def test_openpose_of_several_videos_in_one_folder_and_of_pictures(tmp_path: Path) -> None:
    openpose(tmp_path, people(BODY_25, 1), "first")
    openpose(tmp_path, people(BODY_25, 1), "S001C002_rgb")
    assert [s.name for s in read("openpose", tmp_path)] == ["S001C002_rgb", "first"]
    other = tmp_path / "other"
    openpose(other, people(OPENPOSE_18, 1), "x", "pose_keypoints")  # the key of version 1.0
    for file in other.iterdir():
        file.rename(other / f"{int(file.name.split('_')[1]):05d}_keypoints.json")
    assert only("openpose", other).name == "other"


def test_openpose_identities_and_faults(tmp_path: Path) -> None:
    values = people(BODY_25, 2, 2)
    openpose(tmp_path, values)
    for file in tmp_path.iterdir():
        content = json.loads(file.read_text())
        for person in content["people"]:
            person["person_id"] = [5]
        file.write_text(json.dumps(content))
    (fault,) = read("openpose", tmp_path)
    assert isinstance(fault, Fault)
    assert "individual '5' is twice in frame 0" in fault.reason
    (tmp_path / "clip_000000000000_keypoints.json").write_text('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}')
    (fault,) = read("openpose", tmp_path)
    assert isinstance(fault, Fault)
    assert "has 3 numbers, expected 75" in fault.reason
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "notes.json").write_text("{}")
    with pytest.raises(InputError, match="holds no file <name>_<number>_keypoints"):
        read("openpose", tmp_path / "y")


def test_what_files_do_not_say_is_asked_for(tmp_path: Path) -> None:
    openpose(tmp_path, people(BODY_25, 1))
    (fault,) = read("openpose", tmp_path, ToolOptions("set", fps=25))
    assert isinstance(fault, Fault)
    assert "give --size" in fault.reason
    (fault,) = read("openpose", tmp_path, ToolOptions("set", (640, 480)))
    assert isinstance(fault, Fault)
    assert "give --fps" in fault.reason
    for file in tmp_path.iterdir():
        content = json.loads(file.read_text())
        for person in content["people"]:  # --keypoint_scale 3
            person["pose_keypoints_2d"] = [v / 1000 for v in person["pose_keypoints_2d"]]
        file.write_text(json.dumps(content))
    (fault,) = read("openpose", tmp_path)
    assert isinstance(fault, Fault)
    assert "no pixels but shares of the picture" in fault.reason


def deeplabcut(
    values: np.ndarray, parts: list[str], individuals: list[str] | None = None, likelihood: bool = True
) -> str:
    """values (people, frames, parts, 3)"""
    out = io.StringIO()
    writer = csv.writer(out)
    coords = ("x", "y", "likelihood") if likelihood else ("x", "y")
    columns = [(who, part, c) for who in individuals or [""] for part in parts for c in coords]
    writer.writerow(["scorer", *["DLC_resnet50_x"] * len(columns)])
    if individuals:
        writer.writerow(["individuals", *[who for who, _, _ in columns]])
    writer.writerow(["bodyparts", *[part for _, part, _ in columns]])
    writer.writerow(["coords", *[c for _, _, c in columns]])
    for frame in range(values.shape[1]):
        cells = values[:, frame, :, : len(coords)].reshape(-1)
        writer.writerow([frame, *["" if np.isnan(v) else v for v in cells]])
    return out.getvalue()


PARTS = ["Nose", *(f"{k.split('_')[1].title()}_{k[0].upper()}" for k in COCO_17.keypoints[1:])]  # Eye_L, Eye_R, ...


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_deeplabcut_of_several_individuals(encoding: str, tmp_path: Path) -> None:
    wanted = people(COCO_17)
    wanted[1, 2:4] = np.nan
    text = deeplabcut(wanted, PARTS, ["anna", "ben"])
    (tmp_path / "walkDLC_resnet50_xshuffle1_1000.csv").write_bytes(text.encode(encoding))
    sequence = only("deeplabcut", tmp_path)
    assert (sequence.name, sequence.tracks.skeleton, sequence.tracks.frames) == ("walk", COCO_17, FRAMES)
    assert_people(sequence, wanted)


def test_deeplabcut_labels_of_people_have_no_likelihood_and_pictures_as_index(tmp_path: Path) -> None:
    wanted = people(COCO_17, 1)
    wanted[0, 1, 3] = np.nan
    lines = deeplabcut(wanted, list(COCO_17.keypoints), likelihood=False).splitlines()
    for row in range(3, len(lines)):
        number, rest = lines[row].split(",", 1)
        lines[row] = f"labeled-data,clip,img{int(number):04d}.png,{rest}"
    lines[:3] = [line.replace(",", ",,,", 1) for line in lines[:3]]
    (tmp_path / "CollectedData_me.csv").write_text("\n".join(lines))
    assert_people(only("deeplabcut", tmp_path / "CollectedData_me.csv"), wanted)


def test_a_skeleton_of_ones_own_in_deeplabcut(tmp_path: Path) -> None:
    own = Skeleton(
        "mouse", ("snout", "tail_base", "tail tip"), (("snout", "tail_base"), ("tail_base", "tail tip")), (), (0.1,) * 3
    )
    wanted = people(own, 1)
    (tmp_path / "m.csv").write_text(deeplabcut(wanted, list(own.keypoints)))
    (fault,) = read("deeplabcut", tmp_path / "m.csv")
    assert isinstance(fault, Fault)
    assert "no skeleton has only keypoints among snout" in fault.reason
    assert "--skeleton" in fault.reason
    assert_people(only("deeplabcut", tmp_path / "m.csv", replace(OPTIONS, skeleton=own)), wanted)


def test_another_table_is_said_to_be_none_of_deeplabcut(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("frame,a,b\n1,2,3\n")
    (fault,) = read("deeplabcut", tmp_path / "x.csv")
    assert isinstance(fault, Fault)
    assert "expected rows scorer, bodyparts and coords first, came frame, a, b" in fault.reason
    (tmp_path / "y.txt").write_text("")
    with pytest.raises(InputError, match=r"no file of DeepLabCut: expected one that ends in \.csv"):
        read("deeplabcut", tmp_path / "y.txt")


def test_hdf5_without_its_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    for tool, name in (("deeplabcut", "a.h5"), ("sleap", "a.slp")):
        (tmp_path / name).write_bytes(b"")
        (fault,) = read(tool, tmp_path / name)
        assert isinstance(fault, Fault)
        assert "the package h5py, which is not installed" in fault.reason


def test_deeplabcut_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    wanted = people(COCO_17)
    columns = [("s", who, part, c) for who in "ab" for part in PARTS for c in ("x", "y", "likelihood")]
    flat = wanted.transpose(1, 0, 2, 3).reshape(FRAMES, -1)
    table = np.zeros(FRAMES, [("index", "<i8"), ("values_block_0", "<f8", (flat.shape[1],))])
    table["index"], table["values_block_0"] = np.arange(FRAMES), flat
    with h5py.File(tmp_path / "walkDLC_x.h5", "w") as file:
        group = file.create_group("df_with_missing")
        group.create_dataset("table", data=table)
        group.attrs["non_index_axes"] = np.void(pickle.dumps([(1, columns)], protocol=0))
    assert_people(only("deeplabcut", tmp_path), wanted)
    (tmp_path / "walkDLC_x.csv").write_text(deeplabcut(wanted[:1], PARTS))  # the same video: once
    assert len(only("deeplabcut", tmp_path).tracks.tracks) == 1


def test_sleap_csv(tmp_path: Path) -> None:
    wanted = people(COCO_17)
    wanted[0, 2, 4] = np.nan
    header = [
        "track",
        "frame_idx",
        "instance.score",
        *(f"{k}.{p}" for k in COCO_17.keypoints for p in ("x", "y", "score")),
    ]
    for tracks in (["t0", "t1"], ["", ""]):
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(header)
        for frame in range(FRAMES):
            for person, track in enumerate(tracks):
                writer.writerow(
                    [track, frame, 0.9, *["" if np.isnan(v) else v for v in wanted[person, frame].reshape(-1)]]
                )
        (tmp_path / "clip.analysis.csv").write_text(out.getvalue())
        sequence = only("sleap", tmp_path / "clip.analysis.csv")
        assert sequence.name == "clip"
        assert_people(sequence, wanted)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    (fault,) = read("sleap", tmp_path / "x.csv")
    assert isinstance(fault, Fault)
    assert "expected columns track, frame_idx" in fault.reason


def test_sleap_hdf5_and_projects(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    wanted = people(COCO_17)
    wanted[0, 2, 4] = np.nan
    names = [k.encode() for k in COCO_17.keypoints]
    with h5py.File(tmp_path / "clip.analysis.h5", "w") as file:
        file["tracks"] = wanted[..., :2].transpose(0, 3, 2, 1)
        file["point_scores"] = wanted[..., 2].transpose(0, 2, 1)
        file["node_names"], file["track_names"] = names, [b"a", b"b"]
    assert_people(only("sleap", tmp_path / "clip.analysis.h5"), wanted)
    point = [("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?")]
    flat = wanted.transpose(1, 0, 2, 3).reshape(-1, 3)
    predicted = np.zeros(len(flat), [*point, ("score", "<f8")])
    for i, axis in enumerate(("x", "y", "score")):
        predicted[axis] = flat[:, i]
    predicted["visible"] = ~np.isnan(flat[:, 0])
    fields = ("instance_type", "frame_id", "skeleton", "track", "point_id_start", "point_id_end")
    instances = np.zeros(2 * FRAMES, [(name, "<i8") for name in fields])
    instances["instance_type"], instances["track"] = 1, np.tile([0, 1], FRAMES)
    instances["point_id_start"] = np.arange(2 * FRAMES) * 17
    instances["point_id_end"] = instances["point_id_start"] + 17
    frames = np.zeros(FRAMES, [(n, "<i8") for n in ("video", "frame_idx", "instance_id_start", "instance_id_end")])
    frames["frame_idx"] = np.arange(FRAMES)
    frames["instance_id_start"], frames["instance_id_end"] = np.arange(FRAMES) * 2, np.arange(FRAMES) * 2 + 2
    metadata = {
        "nodes": [{"name": k} for k in COCO_17.keypoints],
        "skeletons": [{"nodes": [{"id": i} for i in range(17)]}],
    }
    with h5py.File(tmp_path / "clip.slp", "w") as file:
        file["frames"], file["instances"], file["pred_points"] = frames, instances, predicted
        file["points"] = np.zeros(0, point)
        group = file.create_group("metadata")
        group.attrs["json"], group.attrs["format_id"] = json.dumps(metadata), 1.2
    assert_people(only("sleap", tmp_path / "clip.slp"), wanted)


def mediapipe_columns(kind: str) -> Callable[[int, str], str]:
    upper = [k.upper() for k in BLAZEPOSE_33.keypoints]
    upper[9], upper[10] = "MOUTH_LEFT", "MOUTH_RIGHT"
    return {
        "names": lambda k, p: f"{upper[k]}_{p}",
        "from 0": lambda k, p: f"{p[0]}{k}",
        "from 1": lambda k, p: f"{p[0]}{k + 1}",
        "landmark_": lambda k, p: f"landmark_{k}_{p}",
    }[kind]


@pytest.mark.parametrize("kind", ["names", "from 0", "from 1", "landmark_"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_mediapipe_wide(kind: str, separator: str, tmp_path: Path) -> None:
    wanted = people(BLAZEPOSE_33, 1)
    column = mediapipe_columns(kind)
    header = ["frame", *(column(k, p) for k in range(33) for p in ("x", "y", "z", "visibility"))]
    rows = [
        [frame, *(v for x, y, c in wanted[0, frame] for v in (x / 640, y / 480, -0.1, c))] for frame in range(FRAMES)
    ]
    rows[3][1:] = [0.0] * 132  # nobody was found
    text = "\n".join(separator.join(map(str, row)) for row in [header, *rows])
    if separator == ";":
        text = text.replace(".", ",")
    (tmp_path / "m.csv").write_text(text)
    wanted[0, 3] = np.nan
    sequence = only("mediapipe", tmp_path / "m.csv")
    assert sequence.tracks.skeleton == BLAZEPOSE_33
    assert_people(sequence, wanted, atol=0.01)


def test_mediapipe_long_with_people(tmp_path: Path) -> None:
    wanted = people(BLAZEPOSE_33)
    rows = [
        f"{frame},{person},{k},{x / 640},{y / 480},0,{c}"
        for frame in range(FRAMES)
        for person in range(2)
        for k, (x, y, c) in enumerate(wanted[person, frame])
    ]
    path = tmp_path / "m.csv"
    path.write_text("frame,pose_id,landmark,x,y,z,visibility\n" + "\n".join(rows))
    assert_people(only("mediapipe", path), wanted, atol=0.01)
    path.write_text("frame,person,landmark,x,y,z,visibility\n" + "\n".join([*rows, rows[0]]))
    (fault,) = read("mediapipe", path)
    assert isinstance(fault, Fault)
    assert "is twice in frame 0" in fault.reason


def test_mediapipe_world_landmarks_and_other_tables_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    header = ",".join(f"{p}{k}" for k in range(33) for p in "xyzv")
    rows = [",".join(map(str, rng.uniform(-0.9, 0.9, 132))) for _ in range(4)]
    (tmp_path / "w.csv").write_text("\n".join([header, *rows]))
    (fault,) = read("mediapipe", tmp_path / "w.csv")
    assert isinstance(fault, Fault)
    assert "world landmarks in metres" in fault.reason
    (tmp_path / "w.csv").write_text("a,b\n1,2\n")
    (fault,) = read("mediapipe", tmp_path / "w.csv")
    assert isinstance(fault, Fault)
    assert "has no landmarks of MediaPipe: expected columns such as nose_x" in fault.reason


def detection(values: np.ndarray, track: int | None = None, share: bool = False) -> dict[str, Any]:
    """As Ultralytics' to_json gives it; what it is not sure of is 0, 0 with a confidence below a half."""
    x, y, c = np.where(np.isnan(values), [0, 0, 0.3], values).T
    if share:
        x, y = x / 640, y / 480
    own = {"name": "person", "class": 0, "confidence": 0.8, "box": {"x1": 1, "y1": 1, "x2": 9, "y2": 9}}
    own |= {"keypoints": {"x": x.tolist(), "y": y.tolist(), "visible": c.tolist()}}
    return own if track is None else own | {"track_id": track}


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("form", ["list", "texts", "dictionary", "lines", "frames", "files"])
def test_ultralytics_json(form: str, share: bool, tracked: bool, tmp_path: Path) -> None:
    wanted = people(COCO_17)
    wanted[0, 2, 4] = np.nan
    frames = [[detection(wanted[p, t], p + 3 if tracked else None, share) for p in range(2)] for t in range(FRAMES)]
    path = tmp_path / ("r.jsonl" if form == "lines" else "r.json")
    if form == "files":
        for t, each in enumerate(frames, 1):
            (tmp_path / f"clip_{t}.json").write_text(json.dumps(each))
        path = tmp_path
    elif form == "lines":
        path.write_text("\n".join(json.dumps({"frame": t, "detections": each}) for t, each in enumerate(frames)))
    else:
        content = {
            "list": frames,
            "texts": [json.dumps(each) for each in frames],
            "dictionary": {f"frame_{t:04d}.jpg": each for t, each in enumerate(frames)},
            "frames": {"frames": frames},
        }
        path.write_text(json.dumps(content[form]))
    assert_people(only("ultralytics", path), wanted, atol=0.01)


@pytest.mark.parametrize("more", ["", "confidence", "track", "both"])
@pytest.mark.parametrize("axes", [2, 3])
def test_ultralytics_txt(more: str, axes: int, tmp_path: Path) -> None:
    wanted = people(COCO_17)
    wanted[0, 2, 4] = np.nan
    values = np.nan_to_num(wanted) / [640, 480, 1]
    rest = {
        "": lambda p: [],
        "confidence": lambda p: [0.75],
        "track": lambda p: [p + 1],
        "both": lambda p: [0.75, p + 1],
    }
    for t in range(FRAMES):
        lines = [[0, 0.5, 0.5, 0.2, 0.2, *values[p, t, :, :axes].reshape(-1), *rest[more](p)] for p in range(2)]
        if t != 4:
            (tmp_path / f"clip_{t + 1}.txt").write_text("\n".join(" ".join(map(str, line)) for line in lines))
    wanted[:, 4] = np.nan  # no file: nobody was found
    (tmp_path / "classes.txt").write_text("person\n")
    sequence = only("ultralytics", tmp_path)
    assert (sequence.name, sequence.tracks.frames) == ("clip", FRAMES)
    assert_people(sequence, wanted, atol=0.01)


def test_ultralytics_of_another_layout_says_so(tmp_path: Path) -> None:
    (tmp_path / "a_1.txt").write_text("0 .5 .5 .1 .1 " + " ".join(["0.5"] * 40))
    (fault,) = read("ultralytics", tmp_path)
    assert isinstance(fault, Fault)
    assert "a_1.txt, line 1: 45 numbers, expected 56" in fault.reason


@pytest.mark.parametrize(
    ("keypoints", "skeleton"), [(17, "coco-17"), (26, "body-25"), (136, "body-25"), (133, "coco-17")]
)
@pytest.mark.parametrize("identity", [None, 4, [4], [4.0]])
def test_alphapose(keypoints: int, skeleton: str, identity: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    body = np.concatenate([rng.uniform(50, 150, (keypoints, 2)), np.full((keypoints, 1), 0.9)], -1).round(2)
    entries = [
        {
            "image_id": f"{t}.jpg",
            "category_id": 1,
            "keypoints": (body + np.array([2 * t, 0, 0])).reshape(-1).tolist(),
            "score": 2.9,
            "box": [1, 2, 3, 4],
            **({} if identity is None else {"idx": identity}),
        }
        for t in range(FRAMES)
        if t != 2
    ]
    (tmp_path / "alphapose-results.json").write_text(json.dumps(entries))
    sequence = only("alphapose", tmp_path / "alphapose-results.json")
    assert sequence.tracks.skeleton.name == skeleton
    (track,) = sequence.tracks.tracks
    assert track.frame.tolist() == [0, 1, 3, 4, 5]
    np.testing.assert_allclose(track.xy[3, COCO_17.index("nose")], body[0, :2] + [8, 0], atol=1e-3)
    where = track.skeleton.index("left_ankle")
    np.testing.assert_allclose(track.xy[0, where], body[COCO_17.index("left_ankle"), :2], atol=1e-3)


def test_alphapose_by_picture_and_faults(tmp_path: Path) -> None:
    wanted = people(OPENPOSE_18, 1)
    content = {f"{t:03d}.jpg": {"bodies": [{"joints": wanted[0, t].reshape(-1).tolist()}]} for t in range(FRAMES)}
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert_people(only("alphapose", tmp_path / "a.json"), wanted)
    for wrong, words in (("[1]", "no output of AlphaPose"), ("{", "no readable JSON")):
        (tmp_path / "a.json").write_text(wrong)
        (fault,) = read("alphapose", tmp_path / "a.json")
        assert isinstance(fault, Fault)
        assert words in fault.reason


def test_a_table_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="expected \\(2, 1, 3\\) values"):
        PoseTable("a", ("nose",), np.arange(2), None, np.zeros((3, 1, 3)))
    with pytest.raises(InputError, match="frame -1 is below 0"):
        PoseTable("a", ("nose",), np.array([-1]), None, np.zeros((1, 1, 3)))


def test_labels_go_with_the_tracks(tmp_path: Path) -> None:
    values = people(COCO_17, 1)[0]
    table = PoseTable("S01_walk", COCO_17.keypoints, np.arange(FRAMES), None, values)
    options = replace(OPTIONS, activity="walk", subject=r"S(\d+)", split="test")
    sequence = to_sequence(table, options, tmp_path)
    assert (sequence.activity, sequence.subject, sequence.split) == ("walk", "set/01", "test")


def test_every_module_is_a_command() -> None:
    names = tool_names()
    assert {"openpose", "deeplabcut", "lightning-pose", "sleap", "mediapipe", "ultralytics", "alphapose"} <= set(names)
    for name in names:
        shown = CliRunner().invoke(tool_command(name), ["--help"]).output
        assert f"posemill import {name}" in shown
        assert "--size" in shown
