"""A public skeleton set with the shipped configuration, beside untuned extremely randomised trees on the same split.

    python benchmarks/skeleton_sets.py FOLDER set.pkl --classes classes.txt [--skeleton layout.json] [--depth keep]
        [--up y] [--people 2] [--json]

The set goes from `posemill import pyskl` to `posemill stage evaluate` with the repository's params.yaml, changed in
prepare.skeleton: auto alone (and prepare.people where it is given). Trees see every clip whole: 16 poses, centred and
scaled by the feature pipeline, and their differences; mean of three seeds. Shares are of all test clips: one without an
answer is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from posemill.features.clip_windows import clip_windows
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.window import WindowSpec
from posemill.store.tracks import read_shards

REPOSITORY = Path(__file__).resolve().parents[1]
STAGES = ("snapshot", "ingest", "label", "validate", "prepare", "train", "evaluate")
WHOLE = WindowSpec(sampling="clip", clip_frames=16, smooth_s=0.1, min_seen=0.0)


def ours(root: Path, given: argparse.Namespace) -> dict[str, Any]:
    """From the file to figures, in a workspace of its own."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    shutil.copytree(REPOSITORY / "expectations", root / "expectations")
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["prepare"]["skeleton"] = "auto"
    if given.people:
        params["prepare"]["people"] = given.people
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    words = ["import", "pyskl", str(given.set.resolve()), "--classes", str(given.classes.resolve()), "--quiet"]
    words += ["--skeleton", str(given.skeleton.resolve())] if given.skeleton else []
    words += ["--depth", given.depth] if given.depth else []
    words += ["--up", given.up] if given.up else []
    command = str(Path(sys.executable).parent / "posemill")
    env = {**os.environ, "POSEMILL_WORKSPACE": str(root), "POSEMILL_HOME": str(root / ".posemill")}
    began = time.monotonic()
    for each in (words, *(["stage", stage] for stage in STAGES)):
        subprocess.run([command, *each], cwd=root, env=env, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([command, "db", "stop"], cwd=root, env=env, check=False, stdout=subprocess.DEVNULL)
    metrics = json.loads((root / "build/evaluate/metrics.json").read_text())
    return {
        "accuracy": metrics["accuracy_with_missing"],
        "unanswered": metrics["clips_without_prediction"],
        "seconds": round(time.monotonic() - began),
    }


def trees(root: Path) -> tuple[float, int]:
    """Share of all test clips that trees get right, and the number of these clips."""
    from sklearn.ensemble import ExtraTreesClassifier

    clips = pd.read_parquet(root / "build/validate/clips.parquet").set_index("medium")
    sides = pd.read_parquet(root / "build/prepare/index.parquet").drop_duplicates("clip").set_index("clip")["split"]
    fitted = FeaturePipeline.load(root / "build/prepare/features.json")
    pipeline = FeaturePipeline(fitted.skeleton, WHOLE, coordinates=fitted.coordinates)
    windows, rows = [], []
    for tracks in read_shards(root / "build/label"):
        clip = clips.loc[tracks.medium]
        cut = clip_windows(pipeline, tracks, clip["start_s"], clip["end_s"])
        side = "test" if clip["split"] == "test" else sides.get(clip["clip"])
        if cut is not None and len(cut.windows) and side is not None:
            windows.append(cut.windows[0])
            rows.append((clip["activity"], side))
    stacked = np.stack(windows)
    tested = np.array([side == "test" for _, side in rows])
    activity = np.array([name for name, _ in rows])
    poses = pipeline.fit(stacked[~tested]).transform(stacked)[..., : fitted.coordinates]
    features = np.concatenate([poses.reshape(len(poses), -1), np.diff(poses, axis=1).reshape(len(poses), -1)], 1)
    total = int((clips["split"] == "test").sum()) or int(tested.sum())
    right = []
    for seed in range(3):
        forest = ExtraTreesClassifier(500, random_state=seed).fit(features[~tested], activity[~tested])
        right.append((forest.predict(features[tested]) == activity[tested]).sum())
    return float(np.mean(right)) / total, total


def main() -> None:
    """Print both; with --json one flat JSON object in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("set", type=Path)
    parser.add_argument("--classes", type=Path, required=True)
    parser.add_argument("--skeleton", type=Path)
    parser.add_argument("--depth")
    parser.add_argument("--up")
    parser.add_argument("--people", type=int, choices=(1, 2))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    root = given.folder.resolve() / given.set.stem
    said = ours(root, given)
    by_trees, total = trees(root)
    of_all = said["accuracy"]
    print(f"| | right of all {total} test clips | without an answer | seconds |\n|---|---|---|---|")
    print(f"| posemill, shipped configuration | {of_all:.1%} | {said['unanswered']} | {said['seconds']} |")
    print(f"| extremely randomised trees, mean of three | {by_trees:.1%} | 0 | |")
    if given.json:
        figures = {"ratio": of_all / by_trees, "accuracy": of_all, "trees": by_trees, "clips": total}
        print(json.dumps({**figures, "unanswered": said["unanswered"], "seconds": said["seconds"]}))


if __name__ == "__main__":
    main()
