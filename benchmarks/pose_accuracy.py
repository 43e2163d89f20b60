"""Pose accuracy on annotated photos: COCO's AP and AR, mean OKS and recall of a pose backend.

    python benchmarks/pose_accuracy.py --photos DIR [--backend posenet] [--long-edge 385] [--json]
    python benchmarks/pose_accuracy.py --photos DIR --long-edge 641 --scales 385 --flip --crop 257
    python benchmarks/pose_accuracy.py --photos DIR --backend movenet --rotations [--json]
    python benchmarks/pose_accuracy.py --photos DIR --plain [--json]

DIR holds photos and COCO-style JSON files (anywhere in it) whose category names the keypoints. Keypoints are compared
by name, so annotations of other skeletons count with those that they share with COCO. Crowds and people with fewer
than 3 known keypoints are ignored: neither missed nor wrongly found.

--rotations measures rotation instead: the photos rotated by 0, 90, 180 and 270 degrees, alone and beside somebody who
stands, and what it costs in a video. --plain measures beside it, in turn, the network alone: one input size for all
(label.small_people: null) and no second network (label.refine: null). Of the figures by group, --rotation-threshold 0
gives those without rotation.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import pose_rotations
from coco_keypoints import Photo, by_name, coco_figures
from posemill.estimation.accuracy import FOUND, best_pairs
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.registry import BACKENDS, find_backend
from posemill.estimation.types import Pose
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17

BOX_SHARE = 0.53  # of its box that a person fills, where the annotation gives no area
MIN_KEYPOINTS = 3
REPEATS = 3  # of which the quickest counts


def photos(folder: Path) -> Iterator[Photo]:
    """Every annotated photo once: with the annotation that has most keypoints of COCO."""
    best: dict[Path, Photo] = {}
    for path in sorted(folder.rglob("*.json")):
        for photo in annotated(folder, path, json.loads(path.read_text())):
            known = best.get(photo.path)
            if known is None or np.isfinite(photo.xy).sum() > np.isfinite(known.xy).sum():
                best[photo.path] = photo
    yield from best.values()


def annotated(folder: Path, source: Path, content: Any) -> Iterator[Photo]:
    """The photos of one JSON file; none where it is no list of annotated keypoints with names."""
    if not isinstance(content, dict) or not content.get("annotations"):
        return
    names = content["categories"][0].get("keypoints") or []
    if len(set(names) & set(COCO_17.keypoints)) < MIN_KEYPOINTS:
        return
    people, ignored = defaultdict(list), defaultdict(list)
    for annotation in content["annotations"]:
        crowd = bool(annotation.get("iscrowd"))
        xy, area = person(annotation, names)
        if not crowd and np.isfinite(xy[:, 0]).sum() >= MIN_KEYPOINTS:
            people[annotation["image_id"]].append((xy, area))
        elif annotation.get("bbox"):
            ignored[annotation["image_id"]].append((tuple(map(float, annotation["bbox"])), crowd))
    for image in content["images"]:
        found = people[image["id"]]
        path = locate(folder, source, image["file_name"])
        if found and path:
            xy, areas = np.stack([xy for xy, _ in found]), np.array([area for _, area in found], np.float32)
            yield Photo(path, path.relative_to(folder).parts[0], xy, areas, tuple(ignored[image["id"]]))


def person(annotation: dict[str, Any], names: list[str]) -> tuple[NDArray[np.float32], float]:
    """(17, 2) pixels by COCO's names, and the area. Human-Art names more keypoints than this list has."""
    points = np.array(annotation.get("keypoints", []), np.float32).reshape(-1, 3)
    xy = np.full((len(COCO_17), 2), np.nan, np.float32)
    for name, (x, y, visible) in zip(names, points, strict=False):
        if visible > 0 and name in COCO_17.keypoints:
            xy[COCO_17.index(name)] = x, y
    box = annotation.get("bbox")
    return xy, annotation.get("area") or (BOX_SHARE * box[2] * box[3] if box else float(box_area(xy)))


def locate(folder: Path, source: Path, name: str) -> Path | None:
    """The file that an annotation names: by the longest end of its path that exists beside the annotation or above."""
    parts = Path(name).parts
    for start in (source.parent, *source.parent.parents):
        for cut in range(len(parts)):
            if (path := start.joinpath(*parts[cut:])).is_file():
                return path
        if start == folder:
            return None
    return None


def measure(estimator: PoseEstimator, every: Sequence[Photo]) -> tuple[list[list[Pose]], list[float]]:
    """Poses and milliseconds of every photo."""
    found, spent = [], []
    for photo in every:
        image = read_picture(photo.path)
        estimator.predict([image])  # a new size is compiled once; that is not what is measured
        started = time.perf_counter()
        found.extend(estimator.predict([image]))
        spent.append(1000 * (time.perf_counter() - started))
    return found, spent


def beside_plain(args: argparse.Namespace, estimator: PoseEstimator, every: Sequence[Photo]) -> dict[str, Any]:
    """Measure the network alone too, a photo by one and then by the other; print its table, return its figures."""
    plain = chosen(args, refine=None, small_people=None)
    found, spent = measure(plain, every)
    times: dict[PoseEstimator, list[float]] = {plain: [], estimator: []}
    for photo in every:
        image = read_picture(photo.path)
        for each, of in times.items():
            runs = []
            for _ in range(REPEATS):
                started = time.process_time()
                each.predict([image])
                runs.append(time.process_time() - started)
            of.append(1000 * min(runs))
    rows = figures(plain, every, found, spent)
    plain_ms, ms = (float(np.mean(of)) for of in times.values())
    print("\nthe network alone:")
    show(rows)
    print(f"\nprocessor time, ms a photo: {ms:.1f}, of the network alone {plain_ms:.1f}: {ms / plain_ms:.2f} times")
    return {
        "plain_mean_oks": rows["all"]["mean_oks"],
        "cpu_ms": round(ms, 1),
        "plain_cpu_ms": round(plain_ms, 1),
        "ratio": round(ms / plain_ms, 3),
    }


def read_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path} is no picture that OpenCV reads")
    return np.ascontiguousarray(picture[:, :, ::-1], np.uint8)


def figures(
    estimator: PoseEstimator, every: Sequence[Photo], found: Sequence[Sequence[Pose]], spent: Sequence[float]
) -> dict[str, dict[str, float]]:
    """The row of every group, and of all photos."""
    rows = {}
    for group in (*sorted({photo.group for photo in every}), "all"):
        of = [i for i, photo in enumerate(every) if group in (photo.group, "all")]
        photos_, poses = [every[i] for i in of], [found[i] for i in of]
        oks = np.concatenate([_oks(photo, each, estimator) for photo, each in zip(photos_, poses, strict=True)])
        rows[group] = {
            "photos": len(of),
            "people": len(oks),
            "found": sum(map(len, poses)),
            "mean_oks": round(float(oks.mean()), 4),
            "recall_50": round(float((oks >= FOUND).mean()), 4),
            **coco_figures(photos_, poses, estimator.skeleton),
            "ms": round(float(np.mean([spent[i] for i in of])), 1),
        }
    return rows


def _oks(photo: Photo, poses: Sequence[Pose], estimator: PoseEstimator) -> NDArray[np.float64]:
    found = [by_name(pose, estimator.skeleton) for pose in poses]
    xy = np.stack(found) if found else np.empty((0, 17, 2), np.float32)
    return best_pairs(xy, photo.xy, photo.area_px2, COCO_17)[0]


def chosen(args: argparse.Namespace, **label: Any) -> PoseEstimator:
    """The estimator with the test-time augmentation asked for."""
    entry = find_backend(args.backend)
    common = {
        "checkpoint": args.checkpoint or entry.checkpoint,
        "runtime": args.runtime,
        "instance_threshold": args.instance_threshold,
        "seed_threshold": args.seed_threshold,
        "force_complete": not args.no_force_complete,
        "rotation_fallback_threshold": args.rotation_threshold,
    }
    tta = {"scales_px": args.scales, "flip": args.flip, "crop_px": args.crop}
    return PoseEstimator(args.backend, long_edge_px=args.long_edge, tta=tta, **common, **label)


def main() -> None:
    """Measure and print a table; with --json the figures as one flat JSON object in the last line."""
    usual = LabelParams()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--backend", default=usual.backend, choices=list(BACKENDS))
    parser.add_argument("--checkpoint", help="default: the backend's own")
    parser.add_argument("--long-edge", type=int, default=usual.long_edge_px)
    parser.add_argument("--scales", type=int, nargs="*", default=[], help="further long edges (test-time augmentation)")
    parser.add_argument("--flip", action="store_true", help="flip augmentation")
    parser.add_argument("--crop", type=int, help="long edge of a crop around everybody found")
    parser.add_argument("--runtime", default=usual.runtime)
    parser.add_argument("--instance-threshold", type=float, default=usual.instance_threshold)
    parser.add_argument("--seed-threshold", type=float, default=usual.seed_threshold)
    parser.add_argument("--no-force-complete", action="store_true")
    parser.add_argument("--rotations", action="store_true", help="accuracy by orientation, and what rotation costs")
    parser.add_argument("--rotation-threshold", type=float, default=usual.rotation_fallback_threshold)
    parser.add_argument("--no-videos", action="store_true", help="with --rotations: accuracy only")
    parser.add_argument("--plain", action="store_true", help="measure the network alone beside it")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    every, estimator = list(photos(args.photos)), chosen(args)
    if not every:
        raise SystemExit(f"{args.photos} has no photo with annotated keypoints of people")
    if args.rotations:
        measure_rotations(args, estimator, every)
        return
    rows = figures(estimator, every, *measure(estimator, every))
    show(rows)
    beside = beside_plain(args, estimator, every) if args.plain else {}
    if args.json:
        said = {"benchmark": "pose_accuracy", "backend": args.backend, "long_edge_px": args.long_edge}
        scales = " ".join(map(str, args.scales)) or None
        said |= {"scales_px": scales, "flip": args.flip, "crop_px": args.crop}
        coco = {f"coco_{name}": value for name, value in rows.get("coco", {}).items()}
        print(json.dumps(said | rows["all"] | coco | beside))


def measure_rotations(args: argparse.Namespace, rotating: PoseEstimator, every: Sequence[Photo]) -> None:
    """The tables of --rotations."""
    args.rotation_threshold = 0.0
    plain, pictures = chosen(args), [(photo, read_picture(photo.path)) for photo in every]
    rows = pose_rotations.accuracy(plain, rotating, pictures)
    times = [] if args.no_videos else pose_rotations.paces(plain, rotating)
    pose_rotations.show(rows, times)
    if args.json:
        said = {"benchmark": "pose_rotations", "backend": args.backend, "long_edge_px": args.long_edge}
        print(json.dumps(said | pose_rotations.flat(rows, times)))


def show(rows: dict[str, dict[str, float]]) -> None:
    """The table."""
    print(f"{'':12} photos people found mean OKS recall@.5     AP  AP@.5     AR ms/photo")
    for group, row in rows.items():
        print(
            f"{group:12} {row['photos']:6} {row['people']:6} {row['found']:5} {row['mean_oks']:8.3f} "
            f"{row['recall_50']:9.3f} {row['ap']:6.3f} {row['ap_50']:6.3f} {row['ar']:6.3f} {row['ms']:8.1f}"
        )


if __name__ == "__main__":
    main()
