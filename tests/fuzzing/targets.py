"""Targets: what is read, the small real files that mutations begin with, and how a reader is called.

A seed is a folder of few files; a mutation changes one of them. Every seed has to be read without a fault: else its
mutations would try the first line of the reader only. Refusals that are none of posemill's errors are named.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing import hdf5_files
from made_up_tracks import made_up
from posemill.pose.skeleton import COCO_17

Tree = dict[str, bytes]  # path within the folder → content
TARGETS: dict[str, Target] = {}


@dataclass(frozen=True, slots=True)
class Target:
    """A reader of foreign bytes.

    reads      what, for the table of the report.
    seeds      (empty folder) → trees.
    read       (folder with a tree) → anything; refuses by an error of posemill, or one of `refuses`.
    fixed      files that are not mutated.
    spawns     it reads in a process of its own.
    made       (generator) → a tree that is made anew, of a structure by chance; None = seeds are mutated only.
    """

    name: str
    reads: str
    seeds: Callable[[Path], list[Tree]]
    read: Callable[[Path], Any]
    refuses: Callable[[], tuple[type[Exception], ...]] = tuple
    fixed: tuple[str, ...] = ()
    spawns: bool = False
    made: Callable[[random.Random], Tree] | None = None


def target(name: str, reads: str, seeds: Callable[[Path], list[Tree]], **more: Any) -> Callable[[Any], Any]:
    """Register the decorated reader."""

    def register(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
        TARGETS[name] = Target(name, reads, seeds, read, **more)
        return read

    return register


def tree(folder: Path) -> Tree:
    """Return all files of a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def all_of(stream: Iterable[Any]) -> list[Any]:
    """Read a stream of sequences to its end."""
    return list(stream)


# --- the service's bodies


def _windows_npz(folder: Path) -> list[Tree]:
    from packaged import some_windows
    from posemill.serving import npz

    windows = some_windows(2)
    return [{"body": npz.write({"windows": w})} for w in (windows, windows.astype(np.float16))]


@target("npz", "NumPy archives in requests", _windows_npz)
def _npz(folder: Path) -> Any:
    from posemill.serving import npz

    return npz.read((folder / "body").read_bytes())


def _windows_tensors(folder: Path) -> list[Tree]:
    from packaged import some_windows
    from posemill.serving import tensors

    windows = some_windows(2)
    return [{"body": tensors.write({"windows": w})} for w in (windows, windows.astype(np.float16))]


@target("safetensors", "safetensors in requests", _windows_tensors)
def _tensors(folder: Path) -> Any:
    from posemill.serving import tensors

    return tensors.read((folder / "body").read_bytes())


def _request_json(folder: Path) -> list[Tree]:
    pose = [[float(k), float(2 * k)] for k in range(17)]
    track = {"skeleton": "coco-17", "time_s": [0.0, 0.04, 0.08], "xy": [pose] * 3}
    return [
        {"body": json.dumps(track).encode()},
        {"body": json.dumps({**track, "confidence": [[1] * 17] * 3}).encode()},
    ]


def _refused_requests() -> tuple[type[Exception], ...]:
    from pydantic import ValidationError
    from starlette.exceptions import HTTPException

    return HTTPException, ValidationError


@target("json-track", "JSON in requests", _request_json, refuses=_refused_requests)
def _json_track(folder: Path) -> Any:
    from posemill.serving.arrays import track_of
    from posemill.serving.routers.json_body import strict_json
    from posemill.serving.schemas.activity import TrackRequest

    return track_of(TrackRequest.model_validate(strict_json((folder / "body").read_bytes())))


def _params_yaml(folder: Path) -> list[Tree]:
    return [{"body": b"min_drop: 0.4\nzones: [{name: bed, kind: rest}]\n"}, {"body": b'{"a": [1, 2, {"b": null}]}'}]


@target("yaml-params", "parameters of applications in requests (YAML)", _params_yaml)
def _yaml(folder: Path) -> Any:
    from posemill.applications.presets import parse_params

    return repr(parse_params((folder / "body").read_bytes().decode("utf-8", "replace"), "params"))


# --- tracks of other tools


def _written(format: str, **options: Any) -> Callable[[Path], list[Tree]]:
    def seeds(folder: Path) -> list[Tree]:
        from posemill.formats.registry import export_tracks

        trees = []
        for number, people in enumerate((1, 2)):
            place = folder / str(number)
            export_tracks([made_up(number, people=people, frames=4)], place, format, **options)
            trees.append({name: data for name, data in tree(place).items() if name != "results.json"})
        return trees

    return seeds


def _read_tracks(format: str, **options: Any) -> Callable[[Path], Any]:
    def read(folder: Path) -> Any:
        from posemill.formats.registry import find_format, read_media

        inside = sorted(p for p in folder.iterdir())
        known = find_format(format)
        path = folder if len(inside) > 1 or (known.one_per == "medium" and inside[0].is_dir()) else inside[0]
        path = inside[0] if inside[0].is_dir() else path
        return read_media(path, format, **options)

    return read


_SIZE = {"width_px": 320, "height_px": 240, "fps": 25.0}
for _name, _write, _options in (
    ("coco", "coco", {}),
    ("csv", "csv", {}),
    ("parquet", "parquet", {}),
    ("openpifpaf", "openpifpaf", _SIZE),
    ("openpose", "openpose-body25", _SIZE),
    ("pyskl", "pyskl", {}),
):
    target(_name, f"tracks in the format {_name}", _written(_write))(_read_tracks(_name, **_options))


def _track_file(folder: Path) -> list[Tree]:
    from posemill.store.track_file import medium_bytes

    return [{"tracks.parquet": medium_bytes(made_up(number, frames=4))} for number in range(2)]


@target("track-file", "track files (Parquet) of the store", _track_file)
def _track(folder: Path) -> Any:
    from posemill.store.track_file import read_medium

    return read_medium(folder / "tracks.parquet")


# --- annotations that come back


def _annotations(kind: str) -> Callable[[Path], list[Tree]]:
    def seeds(folder: Path) -> list[Tree]:
        from posemill.formats import coco, cvat, label_studio
        from posemill.formats.frames import labelled_frames

        frames = labelled_frames(made_up(3, people=2, frames=2))
        path = folder / "back"
        if kind == "cvat":
            cvat.write_cvat(path, frames, COCO_17, "task", activities=("wave",))
        elif kind == "coco-review":
            coco.write_coco(path, [made_up(3, people=2, frames=2)])
        else:
            made = label_studio.tasks(frames, "finder-1", "x/")
            for number, task in enumerate(made, 1):
                task["annotations"] = [
                    {"id": number, "was_cancelled": False, "result": task["predictions"][0]["result"]}
                ]
            path.write_text(json.dumps(made))
        content = path.read_bytes()
        return [{"back": content}, {"back": _zipped(f"annotations.{'xml' if kind == 'cvat' else 'json'}", content)}]

    return seeds


def _zipped(name: str, content: bytes) -> bytes:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def _read_annotations(folder: Path) -> Any:
    from posemill.review.inbound import read

    return read(folder / "back", COCO_17)


target("cvat", "annotations of CVAT (XML with entities, also zipped)", _annotations("cvat"))(_read_annotations)
target("label-studio", "annotations of Label Studio", _annotations("label-studio"))(_read_annotations)
target("coco-review", "annotations in COCO's form", _annotations("coco-review"))(_read_annotations)


# --- published data sets


def _coco_dataset(folder: Path) -> list[Tree]:
    person = [v for k in range(17) for v in (10 + k, 20 + k, 2)]
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": person, "num_keypoints": 17}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
    }
    return [{"set.json": json.dumps(content).encode()}]


@target("coco-dataset", "COCO keypoints as a data set", _coco_dataset)
def _coco(folder: Path) -> Any:
    from posemill.ingest.datasets.coco import sequences

    return all_of(sequences(folder / "set.json"))


def _penn(folder: Path) -> list[Tree]:
    import tarfile

    from scipy.io import savemat

    frames, stream = 3, io.BytesIO()
    x = 10.0 * np.arange(13) + np.arange(frames)[:, None]
    content = {
        "action": np.array(["squat"]), "x": x, "y": x + 50, "visibility": np.ones((frames, 13), np.uint8),
        "dimensions": np.array([[270, 480, frames]], np.uint16), "train": np.array([[1]], np.int32),
    }  # fmt: skip
    savemat(stream, content)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("labels/0001.mat")
        info.size = len(stream.getvalue())
        archive.addfile(info, io.BytesIO(stream.getvalue()))
    return [{"labels/0001.mat": stream.getvalue()}, {"labels.tar.gz": packed.getvalue()}]


@target("matlab", "MATLAB files of Penn Action, also in a .tar.gz", _penn)
def _penn_action(folder: Path) -> Any:
    from posemill.ingest.datasets import penn_action

    archive = folder / "labels.tar.gz"
    return all_of(penn_action.sequences(penn_action.read_files(archive if archive.is_file() else folder)))


def _jhmdb(folder: Path) -> list[Tree]:
    from scipy.io import savemat

    stream = io.BytesIO()
    savemat(stream, {"pos_img": np.random.default_rng(0).uniform(0, 200, (2, 15, 4))}, do_compression=True)
    name = "joint_positions/clap/Film_clap_u_0/joint_positions.mat"
    return [{name: stream.getvalue(), "splits/clap_test_split1.txt": b"Film_clap_u_0.avi 1\n"}]


@target("matlab-compressed", "MATLAB files of JHMDB, compressed, and lists of splits", _jhmdb)
def _joints(folder: Path) -> Any:
    from posemill.ingest.datasets import jhmdb

    return all_of(jhmdb.sequences(folder))


def _ntu(folder: Path) -> list[Tree]:
    rng = np.random.default_rng(1)
    lines = ["2"]
    for _ in range(2):
        lines += ["1", "72057594037927936 0 1 1 1 1 0 0.02 0.1 2", "25"]
        rows = np.concatenate(
            [rng.uniform(-0.8, 0.8, (25, 2)), rng.uniform(2, 3, (25, 1)), rng.uniform(0, 400, (25, 8))], 1
        )
        lines += [" ".join([*(f"{v:.3f}" for v in row), "2"]) for row in rows]
    return [{"S001C002P003R001A013.skeleton": "\r\n".join(lines).encode()}]


@target("skeleton", ".skeleton files of NTU RGB+D", _ntu)
def _skeleton(folder: Path) -> Any:
    from posemill.ingest.datasets import ntu

    return all_of(ntu.sequences(folder)) + all_of(ntu.sequences(folder, picture="virtual"))


def _pyskl_dataset(folder: Path) -> list[Tree]:
    from posemill.formats import unpickle

    annotation = {
        "frame_dir": "a", "label": 0, "img_shape": (240, 320), "total_frames": 3,
        "keypoint": np.random.default_rng(0).uniform(1, 200, (1, 3, 17, 2)).astype(np.float16),
        "keypoint_score": np.ones((1, 3, 17), np.float16),
    }  # fmt: skip
    content = {"split": {"train": ["a"], "test": []}, "annotations": [annotation]}
    return [{"set.pkl": unpickle.dumps(content)}]


@target("pyskl-pickle", "PYSKL's pickles as a data set", _pyskl_dataset)
def _pyskl(folder: Path) -> Any:
    from posemill.ingest.datasets.pyskl import ReadOptions, sequences

    return all_of(sequences(folder / "set.pkl", ReadOptions("set", classes=["wave"])))


@target("table-csv", "tables of poses as a data set, CSV", _written("csv"))
@target("table-parquet", "tables of poses as a data set, Parquet", _written("parquet"))
def _table(folder: Path) -> Any:
    from posemill.ingest.datasets.table import TableDefaults, sequences

    return all_of(sequences(folder, TableDefaults("set", 320, 240, 25.0)))


def _taught(folder: Path) -> list[Tree]:
    from taught_files import example, written

    return [{"taught.json": written(folder / "taught.json", [example(0), example(1)]).read_bytes()}]


@target("taught", "files of the live page's teach mode", _taught)
def _taught_file(folder: Path) -> Any:
    from posemill.ingest.datasets.taught import sequences

    return all_of(sequences(folder / "taught.json", dataset="set"))


def _manifest(folder: Path) -> list[Tree]:
    rows = b"path,activity,subject,start_s,end_s\nclip.mp4,wave,ann,0.5,2\n"
    return [{"media.csv": rows, "clip.mp4": b"not looked into"}]


@target("manifest", "lists of media (CSV)", _manifest, fixed=("clip.mp4",))
def _manifest_file(folder: Path) -> Any:
    from posemill.ingest.manifest import read_manifest

    return read_manifest(folder / "media.csv")


# --- files of pose tools


def _tool(name: str) -> Callable[[Path], Any]:
    def read(folder: Path) -> Any:
        from posemill.ingest.tools.pose_table import ToolOptions, sequences

        tool = import_module(f"posemill.ingest.tools.{name}").TOOL
        return all_of(sequences(tool, folder, ToolOptions("set", (640, 480), 25.0)))

    return read


def _alphapose(folder: Path) -> list[Tree]:
    person = [float(v) for k in range(17) for v in (10 + k, 20 + k, 0.9)]
    rows = [{"image_id": f"{n}.jpg", "category_id": 1, "keypoints": person, "score": 2.0, "idx": 1} for n in range(3)]
    return [{"clip.json": json.dumps(rows).encode()}]


def _deeplabcut_csv(folder: Path) -> list[Tree]:
    parts = ["nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip"]
    columns = [(p, c) for p in COCO_17.keypoints or parts for c in ("x", "y", "likelihood")]
    lines = [
        ",".join(["scorer", *["DLC"] * len(columns)]),
        ",".join(["bodyparts", *[p for p, _ in columns]]),
        ",".join(["coords", *[c for _, c in columns]]),
    ]
    lines += [",".join([str(n), *["12.5" if c != "likelihood" else "0.9" for _, c in columns]]) for n in range(3)]
    return [{"walkDLC_x.csv": "\n".join(lines).encode()}]


def _deeplabcut_h5(folder: Path) -> list[Tree]:
    import pickle

    import h5py

    columns = [("s", p, c) for p in COCO_17.keypoints for c in ("x", "y", "likelihood")]
    table = np.zeros(3, [("index", "<i8"), ("values_block_0", "<f8", (len(columns),))])
    table["index"], table["values_block_0"] = np.arange(3), 0.9
    with h5py.File(folder / "walkDLC_x.h5", "w") as file:
        group = file.create_group("df_with_missing")
        group.create_dataset("table", data=table)
        group.attrs["non_index_axes"] = np.void(pickle.dumps([(1, columns)], protocol=0))
    return [tree(folder)]


def _sleap_h5(folder: Path) -> list[Tree]:
    import h5py

    values = np.random.default_rng(0).uniform(0, 200, (1, 3, 17, 3))
    with h5py.File(folder / "clip.analysis.h5", "w") as file:
        file["tracks"] = values[..., :2].transpose(0, 3, 2, 1)
        file["point_scores"] = values[..., 2].transpose(0, 2, 1) / 200
        file["node_names"], file["track_names"] = [k.encode() for k in COCO_17.keypoints], [b"a"]
    return [tree(folder)]


def _ultralytics(folder: Path) -> list[Tree]:
    numbers = " ".join(["0", "0.5", "0.5", "0.2", "0.4", *["0.4", "0.4", "2"] * 17])
    return [{f"labels/clip_{n}.txt": numbers.encode() for n in range(1, 4)}]


target("alphapose", "results of AlphaPose", _alphapose)(_tool("alphapose"))
target("deeplabcut-csv", "tables of DeepLabCut", _deeplabcut_csv)(_tool("deeplabcut"))
target(
    "deeplabcut-hdf5",
    "HDF5 files of DeepLabCut, with a pickle in them",
    _deeplabcut_h5,
    spawns=True,
    made=hdf5_files.deeplabcut,
)(hdf5_files.kept_reader("deeplabcut", _tool("deeplabcut")))
target("sleap-hdf5", "HDF5 files of SLEAP", _sleap_h5, spawns=True, made=hdf5_files.sleap)(
    hdf5_files.kept_reader("sleap", _tool("sleap"))
)
target("ultralytics", "labels of Ultralytics", _ultralytics)(_tool("ultralytics"))
target("openpose-tool", "folders of OpenPose", _written("openpose-body25"))(_tool("openpose"))


# --- models and bundles


def _package(folder: Path) -> list[Tree]:
    from packaged import write_package

    write_package(folder / "package")
    files = tree(folder / "package")
    digests = json.loads(files["digests.json"])
    return [
        {name: data for name, data in files.items() if name != "activity.bin"}
        | {"digests.json": json.dumps(digests).encode()}
    ]


@target("onnx", "ONNX networks with features, classes and calibration", _package)
def _onnx(folder: Path) -> Any:
    """Digests are made right again: a stranger who changes a file changes them too."""
    import hashlib

    from posemill.prediction.model import ActivityModel

    path = folder / "digests.json"
    try:
        digests = json.loads(path.read_bytes())
        for name, file in (("model", "activity.onnx"), ("features", "features.json"), ("classes", "classes.json")):
            digests[name] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        path.write_text(json.dumps(digests))
    except (ValueError, TypeError, RecursionError):
        pass
    return ActivityModel.load(folder)


def _network(folder: Path) -> list[Tree]:
    from packaged import hold_network
    from posemill.models.registry import save

    save(folder, *hold_network())
    return [tree(folder)]


@target("network", "weights of networks (safetensors) with their card", _network)
def _weights(folder: Path) -> Any:
    """The digest is made right again, as above."""
    import hashlib

    from posemill.models.registry import load

    card = folder / "network.json"
    try:
        fields = json.loads(card.read_bytes())
        fields["sha256"] = hashlib.sha256((folder / "network.safetensors").read_bytes()).hexdigest()
        card.write_text(json.dumps(fields))
    except (ValueError, TypeError, RecursionError):
        pass
    return load(folder)


def _bundle(folder: Path) -> list[Tree]:
    from small_bundle import small_bundle

    path, _ = small_bundle(folder)
    return [{"bundle.posemill": path.read_bytes()}]


@target("bundle", "bundles for clients: verified and unpacked", _bundle)
def _verify(folder: Path) -> Any:
    from posemill.errors import InputError
    from posemill.handover.unpack import unpack
    from posemill.handover.verifier.main import verify

    checks = verify(folder / "bundle.posemill")
    try:
        return unpack(folder / "bundle.posemill", folder / "unpacked"), checks
    except InputError:
        return checks


# --- pictures and videos


def _pictures(folder: Path) -> list[Tree]:
    from PIL import Image

    trees = []
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8))
    for kind in ("JPEG", "PNG", "WEBP"):
        out = io.BytesIO()
        picture.save(out, kind)
        trees.append({"picture": out.getvalue()})
    return trees


@target("picture", "pictures (JPEG, PNG, WebP)", _pictures, spawns=True)
def _picture(folder: Path) -> Any:
    from posemill.video.sandboxed import read_picture_sandboxed

    return read_picture_sandboxed((folder / "picture").read_bytes(), "picture", 10.0)


def _videos(folder: Path) -> list[Tree]:
    from fixtures.media import film

    trees = []
    for ending, codec in (("mp4", "libx264"), ("mkv", "libvpx"), ("avi", "mjpeg")):
        path = film(folder / f"clip.{ending}", 8, codec)
        trees.append({"clip": path.read_bytes()})
    return trees


@target("media", "videos (MP4, Matroska, AVI): probed and decoded", _videos, spawns=True)
def _video(folder: Path) -> Any:
    from posemill.video.sandboxed import probe_sandboxed, read_frames_sandboxed

    probe_sandboxed(folder / "clip", 10.0)
    return sum(1 for _ in read_frames_sandboxed(folder / "clip", timeout_s=10.0))
