"""Tracking accuracy: HOTA, MOTA and IDF1 by TrackEval, beside ByteTrack, OC-SORT and norfair on the same poses.

    python benchmarks/tracking.py [--crossings 20] [--rendered 2] [--clips DIR] [--json]

Trackers of others are measured where they are installed (other_trackers.py says how), with the settings that they come
with and with those that a search found (tune_other_trackers.py). All of them number people as frames come, and so
does `posemill online`; `posemill` sees the whole video and stitches, as the label stage does. `before` is the first,
frame-by-frame tracker.

Sets: those of tracking_scenes.py, exact keypoints of synthetic people with an estimator's faults put in; `rendered`,
crossings as video through the real labeller; and, where DIR has them, clips whose people are annotated in
tests/fixtures/tracking/. Similarity is OKS, and nearness of middles where only boxes are annotated. Constants and
settings were chosen on scenes of seeds from 1000 on; the seeds reported here, from 0 on, and the clips chose nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crossings import estimated
from frame_by_frame import FrameByFrame
from other_trackers import DEFAULTS, as_track, installed, other
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.tracking import Tracker
from posemill.estimation.tracking.online import OnlineTracker
from posemill.estimation.types import FramePoses, FrameSpan, Pose
from posemill.params.tracking import TrackingParams
from posemill.pose.gaps import found_only
from posemill.pose.oks import box_area, oks
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import PoseTrack
from posemill.synth.crossing import Crossing, crossing
from posemill.video.probe import probe
from tracking_scenes import SETS

TUNED = Path(__file__).with_name("tuned_trackers.json")
ONLINE_TUNED = {"min_poses": 2, "max_gap_s": 2.5}  # chosen as theirs
ANNOTATIONS = Path(__file__).parents[1] / "tests" / "fixtures" / "tracking"
MATCHED = 0.5  # similarity from which a pose is somebody's
INSIDE = 0.5  # share of a person's keypoints in the picture from which it has to be found
LONG_EDGE_PX = 513

Boxes = dict[int, dict[int, NDArray[np.float64]]]  # frame → person → (4,) left, top, right, bottom, pixels


class Following(Protocol):
    """What the trackers have in common."""

    def update(self, frame: int, time_s: float, poses: Sequence[Pose]) -> object: ...  # noqa: D102

    def tracks(self) -> tuple[PoseTrack, ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Scene:
    """One video: its poses, and `similarity` of tracked people with true ones.

    similarity  frame, (N, K, 2) tracked → (M,) true ids, (M, N) 0..1, and (N,) whether a tracked one is not judged.
    """

    frames: list[FramePoses]
    similarity: Callable[[int, NDArray[np.float32]], tuple[list[int], NDArray[np.float64], NDArray[np.bool_]]]
    height_px: int

    @property
    def fps(self) -> float:
        """Frames per second."""
        return 1 / float(np.median(np.diff([each.time_s for each in self.frames])))


def of_crossing(scene: Crossing, frames: list[FramePoses]) -> Scene:
    """Judged by OKS; whoever is mostly outside the picture need not be found, and may be."""
    at: dict[int, list[tuple[int, NDArray[np.float32]]]] = defaultdict(list)
    for track in scene.truth:
        for frame, xy in zip(track.frame.tolist(), track.xy, strict=True):
            at[frame].append((track.person, xy))

    def similarity(frame: int, xy: NDArray[np.float32]) -> Any:
        people = at[frame]
        wanted = np.array([np.isfinite(p[:, 0]).mean() >= INSIDE for _, p in people], bool)
        truth = np.stack([p for _, p in people]) if people else np.empty((0, 17, 2), np.float32)
        area = np.maximum(box_area(truth), 1.0).astype(np.float32)
        alike = np.nan_to_num(oks(xy[None], truth[:, None], area[:, None], COCO_17)).reshape(len(people), len(xy))
        aside = (alike[~wanted] >= MATCHED).any(0) & ~(alike[wanted] >= MATCHED).any(0)
        return [n for (n, _), w in zip(people, wanted, strict=True) if w], alike[wanted], aside

    return Scene(frames, similarity, scene.height_px)


def of_clip(annotation: dict[str, Any], frames: list[FramePoses], height_px: int) -> Scene:
    """Judged by where the middles of the boxes around keypoints are."""
    boxes = annotated_boxes(annotation)

    def similarity(frame: int, xy: NDArray[np.float32]) -> Any:
        people = boxes.get(frame, {})
        found = np.concatenate([np.nanmin(xy, 1), np.nanmax(xy, 1)], -1) if len(xy) else np.empty((0, 4))
        alike = np.stack([nearness(found, box) for box in people.values()]) if people else np.empty((0, len(xy)))
        return list(people), alike, np.zeros(len(xy), bool)

    return Scene(frames, similarity, height_px)


def annotated_boxes(annotation: dict[str, Any]) -> Boxes:
    """Boxes of every frame: straight lines in time between those that were annotated, stretch by stretch."""
    boxes: Boxes = defaultdict(dict)
    for number, person in enumerate(annotation["people"]):
        for stretch in person["stretches"]:
            known = np.array(stretch, np.float64)
            for frame in range(int(known[0, 0]), int(known[-1, 0]) + 1):
                boxes[frame][number] = np.array([np.interp(frame, known[:, 0], known[:, i]) for i in range(1, 5)])
    return dict(boxes)


def nearness(boxes: NDArray[np.floating], box: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, 4) boxes and one (4,) → (N,) 1 at the same middle, 0 from half of the box's longer side away.

    Boxes of keypoints change with every arm, and between annotated frames lies a straight line: an overlap would judge
    that, not who is who.
    """
    away = np.linalg.norm((boxes[:, :2] + boxes[:, 2:] - box[:2] - box[2:]) / 2, axis=-1)
    return np.asarray(np.maximum(1 - away / (box[2:] - box[:2]).max() * 2, 0.0))


def follow(scene: Scene, tracker: Following) -> tuple[tuple[PoseTrack, ...], list[float]]:
    """Tracks, and milliseconds of processor time that every frame took."""
    spent = []
    for each in scene.frames:
        started = time.process_time()
        tracker.update(each.frame, each.time_s, each.poses)
        spent.append(1000 * (time.process_time() - started))
    return tracker.tracks(), spent


def sequence(scene: Scene, tracks: Iterable[PoseTrack]) -> dict[str, Any]:
    """TrackEval's input: ids from 0 and similarity, frame by frame."""
    at: dict[int, list[tuple[int, NDArray[np.float32]]]] = defaultdict(list)
    for track in tracks:
        for frame, xy in zip(track.frame.tolist(), track.xy, strict=True):
            at[frame].append((track.person, xy))
    true_ids, found_ids, alike = [], [], []
    for each in scene.frames:
        people = at[each.frame]
        xy = np.stack([p for _, p in people]) if people else np.empty((0, 17, 2), np.float32)
        truth, matrix, aside = scene.similarity(each.frame, xy)
        true_ids.append(np.array(truth, int))
        found_ids.append(np.array([n for (n, _), a in zip(people, aside, strict=True) if not a], int))
        alike.append(matrix[:, ~aside])
    numbers = [{n: i for i, n in enumerate(sorted({int(x) for ids in s for x in ids}))} for s in (true_ids, found_ids)]
    ids = [
        [np.array([number[int(x)] for x in row], int) for row in rows]
        for number, rows in zip(numbers, (true_ids, found_ids), strict=True)
    ]
    return {
        "gt_ids": ids[0],
        "tracker_ids": ids[1],
        "similarity_scores": alike,
        "num_timesteps": len(scene.frames),
        "num_gt_ids": len(numbers[0]),
        "num_tracker_ids": len(numbers[1]),
        "num_gt_dets": sum(map(len, ids[0])),
        "num_tracker_dets": sum(map(len, ids[1])),
    }


def judged(sequences: Sequence[dict[str, Any]]) -> dict[str, float]:
    """HOTA, MOTA, IDF1 and the number of identity switches over several videos."""
    with contextlib.redirect_stdout(io.StringIO()):
        from trackeval.metrics import CLEAR, HOTA, Identity

        figures: dict[str, Any] = {}
        for metric in (HOTA(), CLEAR({"THRESHOLD": MATCHED}), Identity({"THRESHOLD": MATCHED})):
            each = {str(n): metric.eval_sequence(s) for n, s in enumerate(sequences)}
            figures |= metric.combine_sequences(each)
    return {
        "hota": round(float(np.mean(figures["HOTA"])), 4),
        "assa": round(float(np.mean(figures["AssA"])), 4),
        "mota": round(float(figures["MOTA"]), 4),
        "idf1": round(float(figures["IDF1"]), 4),
        "id_switches": int(figures["IDSW"]),
    }


class Online:
    """Our online tracker, with the poses that it numbered as tracks."""

    def __init__(self, params: TrackingParams) -> None:
        self._tracker = OnlineTracker(COCO_17, params)
        self._rows: dict[int, list[tuple[int, float, Pose]]] = defaultdict(list)

    def update(self, frame: int, time_s: float, poses: Sequence[Pose]) -> None:
        """Number the poses of a frame."""
        for number, pose in self._tracker.update(FramePoses(frame, time_s, list(poses))).items():
            self._rows[number].append((frame, time_s, pose))

    def tracks(self) -> tuple[PoseTrack, ...]:
        """Everybody who got a number."""
        return tuple(as_track(number, rows) for number, rows in self._rows.items())


def trackers() -> dict[str, Callable[[Scene], Following]]:
    """Name → what builds a tracker for a scene."""
    built: dict[str, Callable[[Scene], Following]] = {
        "before": lambda _: FrameByFrame(COCO_17, TrackingParams()),
        "posemill": lambda _: Tracker(COCO_17, TrackingParams()),
        "posemill online": lambda _: Online(TrackingParams()),
        "posemill online, tuned": lambda _: Online(TrackingParams(**ONLINE_TUNED)),
    }
    tuned = json.loads(TUNED.read_text())
    for name in installed():
        for suffix, settings in (("", DEFAULTS[name]), (", tuned", tuned[name])):
            built[name + suffix] = lambda s, n=name, v=settings: other(n, s.frames, s.fps, s.height_px, v)  # type: ignore[misc]
    return built


def measure(scenes: Sequence[Scene]) -> dict[str, dict[str, float]]:
    """Figures of every tracker on the same poses, and of ours with its gaps filled."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    spent: dict[str, list[float]] = defaultdict(list)
    for name, build in trackers().items():
        for scene in scenes:
            tracks, ms = follow(scene, build(scene))
            rows[name].append(sequence(scene, [found_only(t) for t in tracks]))
            spent[name] += ms
            if name == "posemill":
                rows["posemill, filled"].append(sequence(scene, tracks))
    times = {name: {"ms": round(float(np.mean(ms)), 3)} for name, ms in spent.items()}
    return {name: {**judged(each), **times.get(name, {})} for name, each in rows.items()}


def sets(args: argparse.Namespace) -> Iterator[tuple[str, list[Scene]]]:
    """Name and scenes of every set."""
    seeds = range(args.first_seed, args.first_seed + args.crossings)
    for name, make in SETS.items():
        made = [make(seed) for seed in seeds]
        yield name, [of_crossing(c, estimated(c, s)) for c, s in zip(made, seeds, strict=True)]
    if not args.rendered and not args.clips:
        return
    estimator = PoseEstimator(long_edge_px=args.long_edge)
    if args.rendered:
        with tempfile.TemporaryDirectory() as folder:
            made = [crossing(seed, people) for seed in seeds[: args.rendered] for people in (2, 3)]
            yield "rendered", [of_crossing(c, list(estimator.stream(c.write(Path(folder))))) for c in made]
    for path in sorted(ANNOTATIONS.glob("*.json")) if args.clips else ():
        annotation = json.loads(path.read_text())
        clip = args.clips / annotation["clip"]
        if clip.is_file():
            first, last = annotation["frames"]
            poses = list(estimator.stream(clip, FrameSpan(first, last + 1)))
            yield path.stem, [of_clip(annotation, poses, probe(clip).height_px)]


def main() -> None:
    """Measure and print a table; with --json the same as one flat JSON object in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crossings", type=int, default=20, help="scenes of every set")
    parser.add_argument("--first-seed", type=int, default=0, help="from 1000 on for tuning")
    parser.add_argument("--rendered", type=int, default=0, help="seeds whose crossings are rendered and labelled too")
    parser.add_argument("--clips", type=Path, help="folder of the annotated clips")
    parser.add_argument("--long-edge", type=int, default=LONG_EDGE_PX)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    print(f"{'':34} {'tracker':24} {'HOTA':>6} {'AssA':>6} {'MOTA':>6} {'IDF1':>6} switches ms/frame")
    line: dict[str, Any] = {"benchmark": "tracking"}
    for name, scenes in sets(args):
        for tracker, row in measure(scenes).items():
            print(
                f"{name:34} {tracker:24} {row['hota']:6.3f} {row['assa']:6.3f} {row['mota']:6.3f} {row['idf1']:6.3f} "
                f"{row['id_switches']:8} {format(row['ms'], '8.3f') if 'ms' in row else '-':>8}",
                flush=True,
            )
            key = f"{name}.{tracker.replace(', ', '_').replace(' ', '_')}"
            line |= {f"{key}.{figure}": value for figure, value in row.items()}
    if args.json:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
