"""Accuracy of depth and of metric 3-D keypoints of the backend blazepose, on rendered people whose bodies are known.

    python benchmarks/rendered_depth.py [--checkpoint lite] [--subjects 3] [--json]

z is compared with the depth from the middle of the hips at the hips' distance (weak perspective), in shares of the
body's height; keypoints in metres with those of the rendered body from the same middle. Rendered bodies have their
joints where the renderer's skeleton has them, which is not quite where BlazePose was taught to see them.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.backends.blazepose.backend import BlazePoseBackend, load
from posemill.estimation.backends.blazepose.landmarks import Landmarks
from posemill.params.label import LabelParams
from posemill.pose.skeleton import BLAZEPOSE_33, COCO_17
from posemill.synth.corpus import SynthClip, generate

ACTIVITIES = ("squat", "jumping_jack", "walk", "fall", "push_up", "wave")
EVERY = 12  # frames
COMMON = [BLAZEPOSE_33.index(name) for name in COCO_17.keypoints]
HIPS = [COCO_17.index("left_hip"), COCO_17.index("right_hip")]


def errors(clip: SynthClip, frame: int, person: Landmarks) -> list[float]:
    """Error of z and of a flat body, in body heights; error of metric keypoints, and with the best scale, in mm."""
    scene = clip._scene
    seen = scene.camera.see(scene.rig.keypoints()[frame])
    truth = seen - seen[HIPS].mean(0)
    px_per_m = scene.camera.focal_px / seen[HIPS, 2].mean()
    z_m = _from_hips(person.z[COMMON, None])[:, 0] / px_per_m
    metres = _from_hips(person.world_m[COMMON])
    scale = (metres * truth).sum() / (metres**2).sum()
    apart = [np.linalg.norm(factor * metres - truth, axis=1).mean() * 1000 for factor in (1, scale)]
    height = scene.body.height
    return [np.abs(z_m - truth[:, 2]).mean() / height, np.abs(truth[:, 2]).mean() / height, *apart]


def _from_hips(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(values - values[HIPS].mean(0), np.float32)


def main() -> None:
    """Measure and print; with --json the figures as one flat JSON object in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="lite")
    parser.add_argument("--subjects", type=int, default=3)
    parser.add_argument("--seed", type=int, default=4242)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    backend = load(LabelParams(backend="blazepose", checkpoint=args.checkpoint, long_edge_px=225))
    assert isinstance(backend, BlazePoseBackend)
    rows, frames = [], 0
    for clip in generate(args.seed, args.subjects, ACTIVITIES):
        for frame, image in enumerate(clip.images()):
            if frame % EVERY == 0:
                frames += 1
                rows += [errors(clip, frame, person) for person in backend.people(image)[:1]]
    names = ("z_error_heights", "flat_error_heights", "error_mm", "error_scaled_mm")
    medians = dict(zip(names, np.median(rows, axis=0).round(3).tolist(), strict=True))
    counts = {"frames": frames, "found": len(rows)}
    figures = {"benchmark": "rendered_depth", "checkpoint": args.checkpoint, **counts, **medians}
    for name, value in figures.items():
        print(f"{name:20} {value}")
    if args.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
