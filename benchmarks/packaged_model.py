"""The packaged model on real videos: how many it names right, activity by activity.

    python benchmarks/packaged_model.py videos.csv --folder videos/
    python benchmarks/packaged_model.py --penn labels.tar.gz

videos.csv    columns file and activity; several activities that are both right are separated by |, and an empty one is
              of something that the model does not know: right is "none of these".
--penn        Penn Action's annotated keypoints, its official train part: real motion without a pose network's errors.
--keep        a folder for tracks, so that another model is judged without posing again.

A video without a verdict counts as wrong, and so does one of an activity that is called "none of these". AUROC is of
known against unknown videos, by the logarithm of the best activity's probability over that of "none of these" (of a
model without that class: by the best activity's probability). Nothing is fitted here.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from posemill.estimation.estimator import PoseEstimator
from posemill.evaluation.open_set import auroc
from posemill.features.verdict import NONE_OF_THESE, clip_probabilities, taught
from posemill.formats.registry import read_tracks, write_tracks
from posemill.ingest.datasets.penn_action import parse, read_files
from posemill.operations.try_video import TryModel
from posemill.pose.track import MediumTracks

TINY = 1e-12
PENN = {"pullup": "pull_up", "pushup": "push_up", "situp": "sit_up", "jumping_jacks": "jumping_jack"}


def tracks_of(estimator: PoseEstimator, video: Path, keep: Path | None) -> MediumTracks:
    """Everybody's tracks in a video, posed once where they are kept."""
    path = None if keep is None else keep / video.stem
    if path is not None and path.is_dir():
        return read_tracks(path, "parquet")
    tracks = estimator.track(video)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tracks(tracks, path, "parquet")
    return tracks


def judge_videos(tried: TryModel, rows: list[dict[str, str]], folder: Path, keep: Path | None) -> None:
    """Print a line a video, the share of right ones by activity, and how known and unknown ones are told apart."""
    right: dict[str, list[bool]] = defaultdict(list)
    taught_right: list[bool] = []
    margins: dict[bool, list[float]] = defaultdict(list)
    turned_away: dict[bool, int] = defaultdict(int)
    for row in rows:
        verdict = tried.model.predict(tracks_of(tried.estimator, folder / row["file"], keep)).verdict
        wanted = [name for name in row["activity"].split("|") if name]
        says = "no verdict" if verdict is None else str(verdict)
        if verdict is not None:
            margins[bool(wanted)].append(margin_of(verdict.probabilities))
            turned_away[bool(wanted)] += verdict.activity == NONE_OF_THESE
            best = max(taught(verdict.probabilities), key=verdict.probabilities.__getitem__)
            taught_right += [best in wanted] if wanted else []
        if wanted:
            right[wanted[0]].append(verdict is not None and verdict.activity in wanted)
        mark = ("right" if right[wanted[0]][-1] else "WRONG") if wanted else "     "
        print(f"{mark}  {row['file']:40} {row['activity']:20} {says}", flush=True)
    for name, found in sorted(right.items()):
        print(f"{name:20} {sum(found)} of {len(found)}")
    total = [one for found in right.values() for one in found]
    print(f"right: {sum(total)} of {len(total)}; were nobody turned away: {sum(taught_right)}")
    for known, values in sorted(margins.items()):
        print(f"{'known' if known else 'unknown'}: {turned_away[known]} of {len(values)} are {NONE_OF_THESE!r}")
    if len(margins) == 2:
        print(f"AUROC of known against unknown: {auroc(np.array(margins[True]), np.array(margins[False])):.3f}")


def margin_of(probabilities: dict[str, float]) -> float:
    """How much more probable the best activity is than "none of these", nats."""
    best = max(probabilities[name] for name in taught(probabilities))
    return float(np.log(max(best, TINY)) - np.log(max(probabilities.get(NONE_OF_THESE, 1.0), TINY)))


def judge_penn(tried: TryModel, labels: Path) -> None:
    """Print the share of right clips of Penn Action's train part, by activity, and what is said of the others."""
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for name, content in read_files(labels):
        sequence = parse(name, content)
        if sequence.split != "train" or not sequence.tracks.tracks:
            continue
        windows, _ = tried.model.features.windows(sequence.tracks.tracks[0])
        wanted = PENN.get(str(sequence.activity), str(sequence.activity))
        if len(windows):
            best = clip_probabilities(tried.model.predict_windows(windows)).argmax()
            said[wanted][tried.model.classes[int(best)]] += 1
        else:
            said[wanted]["no verdict"] += 1
    for name, counts in sorted(said.items()):
        others = ", ".join(f"{other} {n}" for other, n in counts.most_common(5) if other != name)
        print(f"{name:20} {counts[name]:3} of {counts.total():3}   {others}")
    right = sum(counts[name] for name, counts in said.items())
    print(json.dumps({"right": right, "clips": sum(c.total() for c in said.values())}))


def main() -> None:
    """Judge what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="?")
    parser.add_argument("--folder", type=Path, help="of the videos; default: that of the CSV file")
    parser.add_argument("--penn", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--backend")
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    tried = TryModel.load(arguments.model, arguments.backend)
    if arguments.videos:
        with arguments.videos.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        judge_videos(tried, rows, arguments.folder or arguments.videos.parent, arguments.keep)
    if arguments.penn:
        judge_penn(tried, arguments.penn)


if __name__ == "__main__":
    main()
