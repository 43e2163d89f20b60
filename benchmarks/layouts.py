"""One params.yaml on data sets of every layout: 15, 17, 20 and 25 keypoints, in two and three dimensions.

    python benchmarks/layouts.py FOLDER [--subjects 16] [--only kinect-20-3d] [--json]

The same people (bodies and motion of posemill.synth, twelve activities, 3 s each, a sensor 3.5 m away that stands up to
45° aside, 1 cm of noise; in PYSKL's files 3 % of the keypoints are unseen) are written as PYSKL, NTU RGB+D and JHMDB
files, and go from `posemill import` to `posemill stage evaluate` with the repository's params.yaml, changed once for
all of them: prepare.skeleton: auto, and fewer epochs. Nothing is tuned for any of them. Figures are of whole clips of
subjects that were not trained on; JHMDB does not say who is in two clips of different activities.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.io import savemat

from posemill.pose.skeleton import COCO_17, H36M_17, JHMDB_15, KINECT_20, NTU_25, OPENNI_15, Skeleton
from posemill.synth.activities import USUAL, move
from posemill.synth.body import Body, rig
from posemill.synth.motion import Style

REPOSITORY = Path(__file__).resolve().parents[1]
FPS, SECONDS, EPOCHS = 30, 3, 20
STAGES = ("snapshot", "ingest", "label", "validate", "prepare", "train", "evaluate")
# keypoint: the rig's point, and what share further along from another one
ALONG = {
    "spine_base": ("pelvis", "pelvis", 0),
    "spine_mid": ("waist", "waist", 0),
    "spine": ("waist", "waist", 0),
    "torso": ("waist", "waist", 0),
    "belly": ("waist", "waist", 0),
    "spine_shoulder": ("neck", "neck", 0),
    "thorax": ("neck", "neck", 0),
    "throat": ("neck", "neck", 0),
    "mid_neck": ("neck", "head", -0.5),
    "mid_head": ("head", "head", 0),
    "face": ("nose", "nose", 0),
    "head_top": ("head", "neck", 0.6),
    "hand": ("wrist", "elbow", 0.3),
    "hand_tip": ("wrist", "elbow", 0.6),
    "thumb_tip": ("wrist", "elbow", 0.45),
    "foot": ("toe", "toe", 0),
}


@dataclass(frozen=True)
class Clip:
    """points: name -> (T, 3) metres of the sensor: x to its right, y up, z away from it."""

    subject: int
    activity: str
    points: dict[str, np.ndarray]
    rng: np.random.Generator

    def metres(self, skeleton: Skeleton) -> np.ndarray:
        """(T, K, 3)."""
        place = np.stack([self._of(name) for name in skeleton.keypoints], 1)
        return place + self.rng.normal(0, 0.01, place.shape)

    def pixels(self, skeleton: Skeleton) -> np.ndarray:
        """(T, K, 2) of a picture of 640 x 480."""
        x, y, z = np.moveaxis(self.metres(skeleton), -1, 0)
        return np.stack([320 + 525 * x / z, 240 - 525 * y / z], -1)

    def _of(self, name: str) -> np.ndarray:
        side, _, part = name.partition("_") if name.startswith(("left_", "right_")) else ("", "", name)
        ends = [f"{side}_{end}" if side else end for end in ALONG.get(part, (part, part, 0))[:2]]
        start, other = (self.points[end] for end in ends)
        return start + (start - other) * ALONG.get(part, ("", "", 0))[2]


def clips(subjects: int) -> Iterator[Clip]:
    """Every activity once by every subject."""
    time_s = np.arange(FPS * SECONDS) / FPS
    for subject in range(1, subjects + 1):
        rng = np.random.default_rng(subject)
        body, style = Body.random(rng), Style.random(rng)
        for number, activity in enumerate(USUAL):
            own = np.random.default_rng([subject, number])
            points = rig(body, move(activity, time_s, style, own)).points
            angle = own.uniform(-np.pi / 4, np.pi / 4)
            turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
            seen = {name: (place @ turn.T) * (1, 1, -1) + (0, -1, 3.5) for name, place in points.items()}
            yield Clip(subject, activity, seen, own)


def pyskl(folder: Path, skeleton: Skeleton, people: list[Clip], in_3d: bool) -> list[str]:
    """An annotation file."""
    rows = []
    for clip in people:
        keypoint = (clip.metres(skeleton) if in_3d else clip.pixels(skeleton))[None].astype(np.float32)
        keypoint[clip.rng.random(keypoint.shape[:3]) < 0.03] = 0
        rows.append(
            {
                "frame_dir": f"P{clip.subject}_{clip.activity}",
                "label": list(USUAL).index(clip.activity),
                "keypoint": keypoint,
                "total_frames": keypoint.shape[1],
                "img_shape": (480, 640),
            }
        )
    (folder / "set.pkl").write_bytes(pickle.dumps({"annotations": rows, "split": {}}))
    (folder / "classes.txt").write_text("\n".join(USUAL))
    more = ["--depth", "keep"] if in_3d else []
    return ["pyskl", str(folder / "set.pkl"), "--classes", str(folder / "classes.txt"), "--subject", r"P(\d+)_", *more]


def ntu(folder: Path, skeleton: Skeleton, people: list[Clip], in_3d: bool) -> list[str]:
    """Skeleton files, in metres alone."""
    for clip in people:
        lines = [str(FPS * SECONDS)]
        for pose in clip.metres(skeleton):
            lines += ["1", "1 0 1 1 1 1 0 0 0 2", str(len(skeleton))]
            lines += [f"{x:.5f} {y:.5f} {z:.5f} 0 0 0 0 0 0 0 0 2" for x, y, z in pose]
        name = f"S001C001P{clip.subject:03d}R001A{list(USUAL).index(clip.activity) + 1:03d}.skeleton"
        (folder / name).write_text("\n".join(lines) + "\n")
    return ["ntu", str(folder), "--split", "none", *(["--depth", "keep"] if in_3d else ["--picture", "virtual"])]


def jhmdb(folder: Path, skeleton: Skeleton, people: list[Clip], in_3d: bool) -> list[str]:
    """Joint files; a source video a subject and class, so that subjects are not known across classes."""
    for clip in people:
        place = folder / "joint_positions" / clip.activity / f"Film{clip.subject}_{clip.activity}_u_0"
        place.mkdir(parents=True)
        savemat(place / "joint_positions.mat", {"pos_img": clip.pixels(skeleton).transpose(2, 1, 0) / 2})
    return ["jhmdb", str(folder), "--split", "none"]


Form = Callable[[Path, Skeleton, list[Clip], bool], list[str]]
CASES: dict[str, tuple[Form, Skeleton, bool]] = {
    "jhmdb-15": (jhmdb, JHMDB_15, False),
    "openni-15-3d": (pyskl, OPENNI_15, True),
    "coco-17": (pyskl, COCO_17, False),
    "h36m-17-3d": (pyskl, H36M_17, True),
    "kinect-20": (pyskl, KINECT_20, False),
    "kinect-20-3d": (pyskl, KINECT_20, True),
    "ntu-25": (ntu, NTU_25, False),
    "ntu-25-3d": (ntu, NTU_25, True),
}


def judged(name: str, root: Path, people: list[Clip]) -> dict[str, Any]:
    """From files to figures, in a workspace of its own."""
    form, skeleton, in_3d = CASES[name]
    shutil.rmtree(root, ignore_errors=True)
    (root / "data").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "expectations", root / "expectations")
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["prepare"]["skeleton"] = "auto"
    params["train"]["epochs"] = EPOCHS
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    command = str(Path(sys.executable).parent / "posemill")
    env = {**os.environ, "POSEMILL_WORKSPACE": str(root), "POSEMILL_HOME": str(root / ".posemill")}
    began = time.monotonic()
    for words in (
        ["import", *form(root / "data", skeleton, people, in_3d), "--quiet"],
        *(["stage", s] for s in STAGES),
    ):
        subprocess.run([command, *words], cwd=root, env=env, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([command, "db", "stop"], cwd=root, env=env, check=False, stdout=subprocess.DEVNULL)
    metrics = json.loads((root / "build/evaluate/metrics.json").read_text())
    features = json.loads((root / "build/prepare/features.json").read_text())
    return {
        "case": name,
        "skeleton": features["skeleton"]["name"],
        "coordinates": features.get("coordinates", 2),
        "clips": metrics["clips"],
        "accuracy": round(metrics["accuracy"], 3),
        "macro_f1": round(metrics["macro_f1"], 3),
        "seconds": round(time.monotonic() - began),
    }


def main() -> None:
    """Print a row a case; with --json one flat JSON object of accuracies in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subjects", type=int, default=16)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    people = list(clips(given.subjects))
    accuracy = {}
    for name in [given.only] if given.only else CASES:
        row = judged(name, given.folder.resolve() / name, people)
        print("| " + " | ".join(str(value) for value in row.values()) + " |", flush=True)
        accuracy[name] = row["accuracy"]
    if given.json:
        print(json.dumps({**accuracy, "least": min(accuracy.values())}))


if __name__ == "__main__":
    main()
