"""Parity of the backend blazepose with MediaPipe's own Python package, on the same pictures and networks.

    python benchmarks/blazepose_parity.py reference PICTURES landmarks.json --complexity 0   (with mediapipe)
    python benchmarks/blazepose_parity.py compare landmarks.json [--json]                    (with posemill)

The first command needs `mediapipe==0.10.21` with `numpy<2`, in an environment of its own. The package brings the full
landmarks alone: put pose_landmark_lite.tflite and _heavy.tflite of the npm package beside them (mediapipe/modules/
pose_landmark). MediaPipe poses the most confident person; that one is compared, in pixels of the network's square of
256, without posemill's windows (long edge 225).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

CHECKPOINTS = ("lite", "full", "heavy")
SQUARE_PX = 256


def read_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB."""
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1], np.uint8)


def reference(pictures: Path, target: Path, complexity: int) -> None:
    """Write MediaPipe's landmarks of every picture in a folder: x, y (pixels), visibility, and x, y, z in metres."""
    from mediapipe import solutions

    found: dict[str, Any] = {}
    for path in sorted(p for p in pictures.rglob("*") if p.suffix in (".jpg", ".png")):
        image = read_picture(path)
        height, width = image.shape[:2]
        with solutions.pose.Pose(static_image_mode=True, model_complexity=complexity) as pose:
            answer = pose.process(image)
        if answer.pose_landmarks is None:
            found[str(path)] = None
            continue
        there = [[p.x * width, p.y * height, p.visibility] for p in answer.pose_landmarks.landmark]
        metres = [[p.x, p.y, p.z] for p in answer.pose_world_landmarks.landmark]
        found[str(path)] = np.round(np.concatenate([there, metres], 1), 4).tolist()
    target.write_text(json.dumps({"checkpoint": CHECKPOINTS[complexity], "landmarks": found}))


def compare(source: Path) -> dict[str, Any]:
    """Compare posemill's most confident person with MediaPipe's, picture by picture."""
    from posemill.estimation.backends.blazepose.backend import BlazePoseBackend
    from posemill.estimation.backends.blazepose.load import load
    from posemill.params.label import LabelParams

    said = json.loads(source.read_text())
    params = LabelParams(backend="blazepose", checkpoint=said["checkpoint"], long_edge_px=225)
    backend = load(params)
    assert isinstance(backend, BlazePoseBackend)
    pixels, visibility, metres, disagree = [], [], [], 0
    for name, rows in said["landmarks"].items():
        people = backend.people(read_picture(Path(name)))
        if rows is None or not people:
            disagree += (rows is None) != (not people)
            continue
        theirs, ours = np.array(rows), people[0]
        scale = SQUARE_PX / ours.square.side_px
        pixels.append(np.linalg.norm(ours.xy - theirs[:, :2], axis=1) * scale)
        visibility.append(np.abs(ours.visibility - theirs[:, 2]))
        metres.append(np.linalg.norm(ours.world_m - theirs[:, 3:], axis=1))
    return {
        "benchmark": "blazepose_parity",
        "checkpoint": said["checkpoint"],
        "pictures": len(said["landmarks"]),
        "compared": len(pixels),
        "found_by_one_only": disagree,
        "mean_px": round(float(np.mean(pixels)), 3),
        "median_px": round(float(np.median(pixels)), 3),
        "worst_picture_px": round(float(np.mean(pixels, axis=1).max()), 3),
        "visibility": round(float(np.mean(visibility)), 4),
        "mean_mm": round(1000 * float(np.mean(metres)), 2),
    }


def main() -> None:
    """Write the reference, or compare with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("reference")
    first.add_argument("pictures", type=Path)
    first.add_argument("target", type=Path)
    first.add_argument("--complexity", type=int, choices=(0, 1, 2), default=0, help="lite, full, heavy")
    second = commands.add_parser("compare")
    second.add_argument("source", type=Path)
    second.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.command == "reference":
        reference(args.pictures, args.target, args.complexity)
        return
    figures = compare(args.source)
    for name, value in figures.items():
        print(f"{name:18} {value}")
    if args.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
