"""Who acts: how often the main subject of a clip is the person who acts, among bystanders, mirrors and posters.

    python benchmarks/acting_person.py [--seeds 24] [--rendered 2] [--clips DIR] [--json]

Scenes are rendered people with exact keypoints and an estimator's faults put in (acting_scenes.py), tracked by the
product's tracker; with --rendered some are rendered as video and go through the real labeller. With --clips the real
clips of tests/fixtures/acting/ too, in which the acting person's box is marked in one frame. Constants of the choice
were set on scenes of seeds from 1000 on, with a look at some real clips, these among them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from acting_scenes import KINDS, OTHERS, ActingScene, acting_scene
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.tracking import Tracker
from posemill.estimation.types import FramePoses
from posemill.features.main_subject import main_subject
from posemill.params.tracking import TrackingParams
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks, PoseTrack

ANNOTATIONS = Path(__file__).parents[1] / "tests" / "fixtures" / "acting" / "clips.json"
MATCHED = 0.5
LONG_EDGE_PX = 513
NEAR_FRAMES = 5

Choice = Callable[[MediumTracks], PoseTrack | None]


def tracked(scene: ActingScene, frames: Sequence[FramePoses]) -> MediumTracks:
    """Track the poses of a scene."""
    crossing = scene.scene
    tracker = Tracker(COCO_17, TrackingParams())
    for each in frames:
        tracker.update(each.frame, each.time_s, each.poses)
    return MediumTracks(
        medium=crossing.name,
        labeller="benchmark",
        skeleton=COCO_17,
        width_px=crossing.width_px,
        height_px=crossing.height_px,
        frames=crossing.frames,
        duration_s=crossing.frames / crossing.fps,
        tracks=tracker.tracks(),
    )


def whose(scene: ActingScene, track: PoseTrack | None) -> int | None:
    """Number of the true person that most poses of a track show; None for nobody."""
    if track is None or not len(track):
        return None
    votes = np.zeros(len(scene.scene.truth), int)
    for person, truth in enumerate(scene.scene.truth):
        _, mine, theirs = np.intersect1d(track.frame, truth.frame, return_indices=True)
        if len(mine):
            area = np.maximum(box_area(truth.xy[theirs]), 1.0).astype(np.float32)
            votes[person] = int((np.nan_to_num(oks(track.xy[mine], truth.xy[theirs], area, COCO_17)) >= MATCHED).sum())
    return int(votes.argmax()) if votes.max() > 0 else None


def first_in_list(tracks: MediumTracks) -> PoseTrack | None:
    """The largest and longest in view, as a tracker numbers people: what one would do without looking at motion."""
    return tracks.tracks[0] if tracks.tracks else None


CHOICES: dict[str, Choice] = {"largest and longest": first_in_list, "posemill": main_subject}


def scenes(first_seed: int, seeds: int) -> Iterator[tuple[str, str, int, ActingScene]]:
    """Others, kind of activity, seed and scene."""
    for others in OTHERS:
        for kind, activities in KINDS.items():
            for seed in range(first_seed, first_seed + seeds):
                yield others, kind, seed, acting_scene(seed, others, activities)


def main() -> None:
    """Measure and print a table; with --json the same as one flat JSON object in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=24, help="scenes of every kind of others and of activities")
    parser.add_argument("--first-seed", type=int, default=0, help="from 1000 on for tuning")
    parser.add_argument("--rendered", type=int, default=0, help="scenes of every kind that go through the labeller too")
    parser.add_argument("--clips", type=Path, help="folder of the annotated clips")
    parser.add_argument("--long-edge", type=int, default=LONG_EDGE_PX)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    line: dict[str, Any] = {"benchmark": "acting_person"}
    made = (
        (others, kind, scene, tracked(scene, scene.poses(seed)))
        for others, kind, seed, scene in scenes(args.first_seed, args.seeds)
    )
    line |= counted("made", made)
    if args.rendered:
        estimator = PoseEstimator(long_edge_px=args.long_edge)
        with tempfile.TemporaryDirectory() as folder:
            filmed = (
                (others, kind, scene, tracked(scene, list(estimator.stream(scene.scene.write(Path(folder))))))
                for others, kind, _, scene in scenes(args.first_seed, args.rendered)
            )
            line |= counted("rendered", filmed)
    if args.clips:
        line |= on_clips(args.clips, PoseEstimator(long_edge_px=args.long_edge))
    if args.json:
        print(json.dumps(line))


def on_clips(folder: Path, estimator: PoseEstimator) -> dict[str, Any]:
    """Number of the annotated clips whose main subject is where the acting person was marked."""
    right = dict.fromkeys(CHOICES, 0)
    found = [a for a in json.loads(ANNOTATIONS.read_text()) if (folder / a["clip"]).is_file()]
    for annotation in found:
        tracks = estimator.track(folder / annotation["clip"])
        for choice, choose in CHOICES.items():
            hit = is_in(choose(tracks), annotation["frame"], annotation["box"])
            right[choice] += hit
            print(f"{'clips':10} {annotation['clip']:36} {choice:24} {'right' if hit else 'wrong'}", flush=True)
    counts = {f"clips.right.{choice.replace(' ', '_')}": count for choice, count in right.items()}
    return {"clips": len(found), **counts}


def is_in(track: PoseTrack | None, frame: int, box: Sequence[float]) -> bool:
    """True if a track has its middle in a box, in that frame or at most five before or after it."""
    if track is None or np.abs(track.frame - frame).min() > NEAR_FRAMES:
        return False
    x, y = np.nanmean(track.xy[np.abs(track.frame - frame).argmin()], axis=0)
    return bool(box[0] <= x <= box[2] and box[1] <= y <= box[3])


def counted(name: str, made: Iterator[tuple[str, str, ActingScene, MediumTracks]]) -> dict[str, Any]:
    """Share of the scenes in which the chosen person is the one who acts, by others and kind of activity."""
    right: dict[tuple[str, str, str], list[bool]] = {}
    for others, kind, scene, tracks in made:
        for choice, choose in CHOICES.items():
            right.setdefault((choice, others, kind), []).append(whose(scene, choose(tracks)) == scene.actor)
    figures = {}
    print(f"{name:10} {'':18} " + " ".join(f"{c} {k}".rjust(28) for c in CHOICES for k in (*KINDS, "all")))
    for others in OTHERS:
        cells = []
        for choice in CHOICES:
            rows = [right[choice, others, kind] for kind in KINDS]
            for kind, row in zip((*KINDS, "all"), [*rows, [x for each in rows for x in each]], strict=True):
                figures[f"{name}.{others}.{kind}.{choice.replace(' ', '_')}"] = round(float(np.mean(row)), 4)
                cells.append(f"{np.mean(row):28.3f}")
        print(f"{'':10} {others:18} " + " ".join(cells), flush=True)
    return figures


if __name__ == "__main__":
    main()
