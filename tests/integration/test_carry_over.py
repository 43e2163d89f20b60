"""One params.yaml for every layout: 15, 17, 20 and 25 keypoints, or one's own, in two and three dimensions."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from scipy.io import savemat

from moving_bodies import ACTIVITIES, FPS, body, flat
from posemill.cli.imports import import_
from posemill.features import FeaturePipeline
from posemill.params import load
from posemill.pose.definition import written_out
from posemill.pose.skeleton import (
    COCO_17,
    H36M_17,
    JHMDB_15,
    KINECT_20,
    NTU_25,
    OPENNI_15,
    Skeleton,
)
from posemill.settings import Settings
from posemill.stages import evaluate, ingest, label, prepare, snapshot, train, validate
from posemill.stages.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parents[2]
PARAMS = """
validate: {contact_sheet_clips: 1}
prepare: {skeleton: auto, window: {duration_s: 1.0, stride_s: 0.5, rate_hz: 16.0}}
train: {network: tcn, hyper: {tcn: {width: 16, dilations: [1, 2]}}, epochs: 1, batch: 16, threads: 1}
evaluate: {mistakes_shown: 1, robustness: {clips: 6, rates_hz: [10]}}
"""
OWN = Skeleton(
    "own-5",
    ("head_top", "left_hand", "right_hand", "left_foot", "right_foot"),
    (("head_top", "left_hand"), ("head_top", "right_hand"), ("head_top", "left_foot"), ("head_top", "right_foot")),
    (("left_hand", "right_hand"), ("left_foot", "right_foot")),
    (0.08,) * 5,
)
WHO = [(subject, activity) for subject in range(1, 9) for activity in ACTIVITIES]


def pyskl(folder: Path, points: Skeleton, axes: int) -> list[str]:
    annotations = []
    for subject, activity in WHO:
        metres = body(points, subject, activity)
        keypoint = (metres if axes == 3 else flat(metres))[None].astype(np.float32)
        annotations.append(
            {
                "frame_dir": f"P{subject}_{activity}",
                "label": ACTIVITIES.index(activity),
                "keypoint": keypoint,
                "total_frames": len(metres),
                "img_shape": (480, 640),
                "keypoint_score": np.ones(keypoint.shape[:3]),
            }
        )
    (folder / "set.pkl").write_bytes(pickle.dumps({"annotations": annotations, "split": {}}))
    (folder / "classes.txt").write_text("\n".join(ACTIVITIES))
    keep = ["--depth", "keep"] if axes == 3 else []
    return ["pyskl", str(folder / "set.pkl"), "--classes", str(folder / "classes.txt"), "--subject", r"P(\d+)_", *keep]


def projected(folder: Path, points: Skeleton, axes: int) -> list[str]:
    return pyskl(folder, points, 3)[:-2]


def ntu(folder: Path, points: Skeleton, axes: int) -> list[str]:
    for subject, activity in WHO:
        metres = body(points, subject, activity)
        name = f"S001C001P{subject:03d}R001A{ACTIVITIES.index(activity) + 1:03d}.skeleton"
        (folder / name).write_text(ntu_text(metres))
    return ["ntu", str(folder), "--depth", "keep"]


def ntu_text(metres: np.ndarray) -> str:
    lines = [str(len(metres))]
    for frame in metres:
        lines += ["1", "72057594037927950 0 1 1 1 1 0 0 0 2", str(len(frame))]
        lines += [f"{x:.7f} {y:.7f} {z:.7f} 0 0 0 0 0 0 0 0 2" for x, y, z in frame]
    return "\n".join(lines) + "\n"


def jhmdb(folder: Path, points: Skeleton, axes: int) -> list[str]:
    for subject, activity in WHO:
        place = folder / "joint_positions" / activity / f"Film{subject}_{activity}_u_0"
        place.mkdir(parents=True)
        savemat(
            place / "joint_positions.mat", {"pos_img": flat(body(points, subject, activity)).transpose(2, 1, 0) / 2}
        )
    return ["jhmdb", str(folder), "--split", "none"]


def table(folder: Path, points: Skeleton, axes: int) -> list[str]:
    """Somebody's motion capture: in millimetres, z up, a layout that nobody else has."""
    names = [f"{keypoint}_{axis}" for keypoint in points.keypoints for axis in "xyz"]
    rows = []
    for subject, activity in WHO:
        said = {"medium": f"{subject}-{activity}", "activity": activity, "subject": str(subject)}
        space = 1000 * body(points, subject, activity)[..., (0, 2, 1)]
        rows += [
            {**said, "frame": frame, **dict(zip(names, pose.ravel().tolist(), strict=True))}
            for frame, pose in enumerate(space)
        ]
    pl.DataFrame(rows).write_csv(folder / "mocap.csv")
    (folder / "own.json").write_text(json.dumps(written_out(points)))
    return [
        "table",
        str(folder / "mocap.csv"),
        "--fps",
        str(FPS),
        "--skeleton",
        str(folder / "own.json"),
        "--depth",
        "keep",
        "--up",
        "z",
    ]


@pytest.mark.parametrize(
    ("form", "points", "axes"),
    [
        (jhmdb, JHMDB_15, 2),
        (pyskl, H36M_17, 3),
        (pyskl, KINECT_20, 3),
        (ntu, NTU_25, 3),
        *(
            pytest.param(*case, marks=pytest.mark.slow)  # three seconds each, by the same code
            for case in (
                (pyskl, OPENNI_15, 3),
                (pyskl, COCO_17, 2),
                (pyskl, KINECT_20, 2),
                (projected, NTU_25, 2),
                (table, OWN, 3),
            )
        ),
    ],
    ids=lambda value: getattr(value, "__name__", getattr(value, "name", str(value))),
)
def test_every_layout_becomes_a_judged_model(
    form: Callable[[Path, Skeleton, int], list[str]],
    points: Skeleton,
    axes: int,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    workspace = begun(form(data, points, axes), settings, monkeypatch)
    features = run(workspace, settings)
    assert (features.skeleton, features.coordinates) == (points, axes)
    windows = np.load(workspace.output("prepare") / "windows.npy", mmap_mode="r")
    assert windows.shape[1:] == (16, len(points), axes + 1)
    card = json.loads((workspace.output("train") / "network.json").read_text())
    assert (card["skeleton"], card["hyper"].get("coordinates", 2)) == (points.name, axes)
    metrics = json.loads((workspace.output("evaluate") / "metrics.json").read_text())
    assert metrics["clips"] > 0


def begun(command: list[str], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace into which that was imported."""
    root = settings.workspace
    if not (root / "expectations").exists():
        shutil.copytree(REPOSITORY / "expectations", root / "expectations")
    (root / "params.yaml").write_text(PARAMS)
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(root))
    monkeypatch.setenv("POSEMILL_HOME", str(settings.home))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    result = CliRunner().invoke(import_, [*command, "--json", "--faulty", "refuse"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert json.loads(result.output.splitlines()[-1])["clips_added"] == len(WHO)
    return Workspace(root)


def run(workspace: Workspace, settings: Settings) -> FeaturePipeline:
    """All stages from snapshot to evaluate; returns what prepare fitted."""
    params = load(workspace.params)
    for name in ("snapshot", "ingest", "label", "validate", "prepare", "train", "evaluate"):
        workspace.output(name).mkdir(parents=True, exist_ok=True)
    snapshot.run(params.snapshot, workspace, workspace.output("snapshot"), settings)
    ingest.run(params.ingest, workspace, workspace.output("ingest"), settings)
    label.run(params.label, workspace, workspace.output("label"), settings)
    validate.run(params.validate_, workspace, workspace.output("validate"), record=lambda _: None)
    prepare.run(params.prepare, workspace, workspace.output("prepare")).write(workspace.output("prepare"))
    train.run(params.train, workspace, workspace.output("train"))
    evaluate.run(params.evaluate, workspace, workspace.output("evaluate"))
    return FeaturePipeline.load(workspace.output("prepare") / "features.json")
