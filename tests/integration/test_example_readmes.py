"""Every example's README, run as it is written, in a workspace of its own with the real `dvc` and little data.

Slow (minutes): the commands that a newcomer types are the thing under test. Data are small: sequences of rendered
people in the data set's own form, few people and epochs, no gate.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.io import savemat

from posemill.applications.protocol import StreamFacts, TrackedFrame, TrackedPose
from posemill.applications.yoga import YogaIdentifier
from posemill.estimation.estimator import PoseEstimator
from posemill.pose.skeleton import COCO_17, PENN_13
from posemill.synth.corpus import Plan, stage
from posemill.video.draw import write_jpeg
from toy_workspace import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

# `posemill` as the README calls it; a corpus of few people, since rendering takes longest
POSEMILL = """#!/bin/sh
if [ "$1" = synth ]; then set -- "$@" --subjects 1 --clips-per-activity 1; fi
exec "{python}" -m posemill "$@"
"""
ACTIVITIES = {
    "baseball_pitch": "baseball_pitch",
    "baseball_swing": "baseball_swing",
    "bench_press": "bench_press",
    "bowl": "bowl",
    "clean_and_jerk": "clean_and_jerk",
    "golf_swing": "golf_swing",
    "jump_rope": "jump_rope",
    "jumping_jacks": "jumping_jack",
    "pullup": "pull_up",
    "pushup": "push_up",
    "situp": "sit_up",
    "squat": "squat",
    "strum_guitar": "strum_guitar",
    "tennis_forehand": "tennis_forehand",
    "tennis_serve": "tennis_serve",
}
SHOWN = [COCO_17.index(name) for name in ("nose", *PENN_13.keypoints[1:])]  # a nose stands for the head
SHRUNK: dict[str, dict[str, Any]] = {
    "label": {"frame_stride": 6, "long_edge_px": 257},
    "train": {"epochs": 1, "hyper": {"tcn": {"width": 16, "dilations": [1, 2]}}},
}


def commands(readme: Path) -> list[str]:
    """The lines of its code blocks that are commands; a line that ends with a backslash goes on in the next."""
    blocks = re.findall(r"^```(?:sh|shell|console|bash)?\n(.*?)^```", readme.read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ").strip() for line in lines if line.strip()]


def penn_archive(folder: Path) -> Path:
    """A folder with labels/NNNN.mat: five people who do every activity, two of them in the test part."""
    (folder / "labels").mkdir(parents=True)
    for number, (name, activity) in enumerate(ACTIVITIES.items()):
        for person in range(1, 6):
            clip = stage(Plan(21, person, activity, 0))
            swapped = clip.truth.xy[:, SHOWN][:, PENN_13.flip_index]  # Penn's left and right are the viewer's
            content = {
                "action": np.array([name]),
                "x": np.nan_to_num(swapped[..., 0]),
                "y": np.nan_to_num(swapped[..., 1]),
                "visibility": np.isfinite(swapped).all(-1).astype(np.uint8),
                "dimensions": np.array([[clip.height_px, clip.width_px, len(swapped)]], np.uint16),
                "train": np.array([[1 if person < 4 else -1]], np.int32),
            }
            savemat(folder / "labels" / f"{10 * number + person:04d}.mat", content)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """What a clone has, as far as the graph needs it."""
    root = tmp_path / "workspace"
    ignored = shutil.ignore_patterns("tmp", "cache", "config.local")
    for folder in (".dvc", "expectations", "examples"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=ignored)
    for file in (".dvcignore", ".gitignore", "dvc.yaml", "params.yaml", "bentofile.yaml", "bentofile.analysis.yaml"):
        shutil.copy(REPOSITORY / file, root / file)
    program = root / "bin" / "posemill"
    program.parent.mkdir()
    program.write_text(POSEMILL.format(python=sys.executable))
    program.chmod(0o755)
    git = ("git", "-c", "user.name=toy", "-c", "user.email=toy@localhost")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "workspace")):
        subprocess.run([*git, *command], cwd=root, check=True)
    return root


def test_penn_action(workspace: Path, database: str, tmp_path: Path) -> None:
    data = penn_archive(tmp_path / "penn")
    lines = commands(workspace / "examples" / "penn-action" / "README.md")
    assert [line.split()[0] for line in lines] == ["posemill", "posemill", "cp", "dvc"]
    for line in lines:
        run(workspace, re.sub(r"\bPATH\b", str(data), line.partition(" #")[0]), database)
        if line.startswith("cp "):
            shrink(workspace / "params.yaml")
    assert (workspace / "build" / "package" / "bento.json").is_file()
    metrics = yaml.safe_load((workspace / "build" / "evaluate" / "metrics.json").read_text())
    assert metrics["clips"] == 30  # the official test split, all of it annotated


def yoga_photos(folder: Path) -> Path:
    """Photos of six people in four asanas, one folder an asana: the last picture of rendered clips."""
    for asana in ("tree_left", "warrior_2_right", "downward_dog", "cobra"):
        (folder / asana).mkdir(parents=True)
        for person in range(1, 7):
            *_, last = stage(Plan(22, person, f"asana_{asana}", 0)).images()
            write_jpeg(folder / asana / f"{person}.jpg", last)
    return folder


def test_yoga(workspace: Path, database: str, tmp_path: Path) -> None:
    data = yoga_photos(tmp_path / "photos")
    lines = commands(workspace / "examples" / "yoga" / "README.md")
    assert [line.split()[0] for line in lines] == ["posemill", "cp", "dvc"]
    for line in lines:
        run(workspace, re.sub(r"\bPATH\b", str(data), line.partition(" #")[0]), database)
        if line.startswith("cp "):
            shrink(workspace / "params.yaml", {"train": {"epochs": 3}})
    assert (workspace / "build" / "package" / "bento.json").is_file()
    metrics = yaml.safe_load((workspace / "build" / "evaluate" / "metrics.json").read_text())
    assert metrics["clips"] >= 4  # a quarter of the photos
    app = YogaIdentifier(model=workspace / "build" / "package")
    tracks = PoseEstimator("movenet", threads=1).track(data / "tree_left" / "1.jpg")
    app.start(StreamFacts(tracks.skeleton, tracks.width_px, tracks.height_px))
    track = tracks.tracks[0]
    app.update(TrackedFrame(0, 0.0, {0: TrackedPose(track.xy[0], track.confidence[0])}))
    assert app.recognised(0).name in {None, "cobra", "downward_dog", "tree_left", "warrior_2_right"}


def test_applications(workspace: Path, database: str) -> None:
    lines = commands(workspace / "examples" / "applications" / "README.md")
    assert [line.split()[1] for line in lines] == ["synth", "apps", *["app"] * 6, "export"]
    for line in lines:
        run(workspace, line, database)
    out = workspace / "out"
    assert {path.name for path in out.iterdir()} >= {
        *("fall.mp4", "repetitions.mp4", "yoga.mp4"),
        *("fall.html", "coach.html", "ratios.html", "mocap.html"),
    }
    assert {path.suffix for path in (out / "mocap").iterdir()} == {".bvh", ".trc", ".mot", ".csv"}


def shrink(params: Path, changes: Mapping[str, Mapping[str, Any]] = MappingProxyType(SHRUNK)) -> None:
    """Few epochs of a small network, and no gate: one epoch teaches nothing."""
    content = yaml.safe_load(params.read_text())
    for section, values in changes.items():
        content[section] |= values
    content["evaluate"]["gates"] = dict.fromkeys(content["evaluate"]["gates"])
    params.write_text(yaml.safe_dump(content))


def run(root: Path, line: str, database: str) -> None:
    path = os.pathsep.join((str(root / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
    home = root / ".posemill"
    settings = {"POSEMILL_WORKSPACE": root, "POSEMILL_HOME": home, "POSEMILL_DATABASE_URL": database}
    env = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", **{k: str(v) for k, v in settings.items()}}
    done = subprocess.run(["/bin/sh", "-c", line], cwd=root, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
