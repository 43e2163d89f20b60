"""How well the pose backend agrees with annotated photos: mean OKS and recall, by folder.

    python benchmarks/pose_accuracy.py --photos DIR [--long-edge 385] [--checkpoint posenet] [--json]

DIR holds photos and COCO-style JSON files (anywhere in it) whose category names the keypoints. Keypoints are compared
by name, so annotations of other skeletons count with those that they share with COCO.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posemill.labelling.accuracy import FOUND, best_pairs
from posemill.labelling.base import PoseBackend, load_backend
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17

BOX_SHARE = 0.53  # of its box that a person fills, where the annotation gives no area
MIN_KEYPOINTS = 3


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture with its people: xy (M, 17, 2) pixels, NaN = not annotated; area_px2 (M,)."""

    path: Path
    group: str
    xy: NDArray[np.float32]
    area_px2: NDArray[np.float32]


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
    people = defaultdict(list)
    for annotation in content["annotations"]:
        if annotation.get("keypoints") and not annotation.get("iscrowd"):
            people[annotation["image_id"]].append(person(annotation, names))
    for image in content["images"]:
        found = [p for p in people[image["id"]] if np.isfinite(p[0][:, 0]).sum() >= MIN_KEYPOINTS]
        path = locate(folder, source, image["file_name"])
        if found and path:
            areas = np.array([a for _, a in found], np.float32)
            yield Photo(path, path.relative_to(folder).parts[0], np.stack([xy for xy, _ in found]), areas)


def person(annotation: dict[str, Any], names: list[str]) -> tuple[NDArray[np.float32], float]:
    """(17, 2) pixels by COCO's names, and the area. Human-Art names more keypoints than this list has."""
    points = np.array(annotation["keypoints"], np.float32).reshape(-1, 3)
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


def measure(backend: PoseBackend, every: list[Photo]) -> dict[str, dict[str, float]]:
    """Per group and for all: photos, people, people found, mean OKS, recall at OKS 0.5, ms a photo."""
    similarity: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    counts: dict[str, list[int]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    for photo in every:
        image = read_picture(photo.path)
        backend.poses([image])  # a new size is compiled once; that is not what is measured
        started = time.perf_counter()
        (poses,) = backend.poses([image])
        spent = time.perf_counter() - started
        found = np.stack([p.xy for p in poses]) if poses else np.empty((0, 17, 2), np.float32)
        oks, _ = best_pairs(found, photo.xy, photo.area_px2, COCO_17)
        for group in (photo.group, "all"):
            similarity[group].append(oks)
            counts[group].append(len(poses))
            seconds[group] += spent
    return {group: figures(np.concatenate(oks), counts[group], seconds[group]) for group, oks in similarity.items()}


def read_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path} is no picture that OpenCV reads")
    return np.ascontiguousarray(picture[:, :, ::-1], np.uint8)


def figures(oks: NDArray[np.float64], counts: list[int], seconds: float) -> dict[str, float]:
    """The row of one group."""
    return {
        "photos": len(counts),
        "people": len(oks),
        "found": sum(counts),
        "mean_oks": round(float(oks.mean()), 4),
        "recall_50": round(float((oks >= FOUND).mean()), 4),
        "ms": round(1000 * seconds / len(counts), 1),
    }


def main() -> None:
    """Measure and print a table; with --json the same as one JSON object in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--long-edge", type=int, default=LabelParams().long_edge_px)
    parser.add_argument("--checkpoint", default=LabelParams().checkpoint)
    parser.add_argument("--runtime", default=LabelParams().runtime)
    parser.add_argument("--instance-threshold", type=float, default=LabelParams().instance_threshold)
    parser.add_argument("--seed-threshold", type=float, default=LabelParams().seed_threshold)
    parser.add_argument("--no-force-complete", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    params = LabelParams(
        checkpoint=args.checkpoint, runtime=args.runtime, long_edge_px=args.long_edge,
        instance_threshold=args.instance_threshold, seed_threshold=args.seed_threshold,
        force_complete=not args.no_force_complete,
    )  # fmt: skip
    rows = measure(load_backend(params.backend, params), list(photos(args.photos)))
    print(f"{'':14} photos people found mean OKS recall@.5 ms/photo")
    for group, row in sorted(rows.items(), key=lambda item: (item[0] == "all", item[0])):
        print(
            f"{group:14} {row['photos']:6} {row['people']:6} {row['found']:5} {row['mean_oks']:8.3f} "
            f"{row['recall_50']:9.3f} {row['ms']:8.1f}"
        )
    if args.json:
        print(json.dumps({"benchmark": "pose_accuracy", "long_edge_px": params.long_edge_px, "groups": rows}))


if __name__ == "__main__":
    main()
