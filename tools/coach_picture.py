"""Draw the picture of docs/howto/coach.md: four rendered people with a form fault, and what the coach says of each.

python tools/coach_picture.py [--out docs/pictures/coach.jpg]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from posemill.applications.coach.coach import FormCoach
from posemill.applications.protocol import Annotation, Severity, StreamFacts, TrackedFrame, TrackedPose
from posemill.pose.skeleton import COCO_17
from posemill.synth.camera import View, around
from posemill.synth.exercise_faults import perform, pictures
from posemill.video.draw import draw_pose, write_jpeg

SCENES = (
    ("plank", "hips_high", 74, 21),
    ("squat", "knees_inward", 12, 13),
    ("push_up", "hips_low", -70, 22),
    ("lunge", "knee_over_toe", 68, 28),
)
WIDTH, HEIGHT = 480, 360
WARNING = (255, 60, 50)
Image = NDArray[np.uint8]


def coached(exercise: str, fault: str, azimuth: float, seed: int) -> Image:
    """Show one performance to the coach until it speaks; return that frame with the overlay."""
    done = perform(exercise, fault, seed, 6.0, 10.0)
    points = np.concatenate(list(done.rig.points.values()))
    camera = around(points, View(azimuth, 1.1, 50, 0.8, 0.0), (WIDTH, HEIGHT))
    xy = camera.project(done.rig.keypoints())[0].astype(np.float32)
    coach = FormCoach(exercise=exercise)
    coach.start(StreamFacts(COCO_17, WIDTH, HEIGHT))
    for number, (image, pose) in enumerate(zip(pictures(done, camera, seed), xy, strict=True)):
        coach.update(TrackedFrame(number, float(done.time_s[number]), {0: TrackedPose(pose, np.ones(17, np.float32))}))
        shown = coach.annotations()
        judgement = coach.judgement(0)
        if shown and shown[0].severity != Severity.INFO and judgement and judgement.worst:
            return _overlay(image, pose, shown[0], exercise)
    raise SystemExit(f"the coach says nothing of {exercise} with {fault}")


def _overlay(image: Image, pose: NDArray[np.float32], shown: Annotation, exercise: str) -> Image:
    drawn = draw_pose(image, pose, None, COCO_17)
    for name in shown.keypoints:
        centre = tuple(pose[COCO_17.index(name)].round().astype(int).tolist())
        cv2.circle(drawn, centre, 9, WARNING, 2, cv2.LINE_AA)
    cv2.rectangle(drawn, (0, 0), (WIDTH, 30), (25, 25, 25), -1)
    text = f"{exercise.replace('_', '-')}: {shown.text.replace('°', ' deg')}"
    cv2.putText(drawn, text, (10, 21), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA)
    return drawn


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs/pictures/coach.jpg")
    out = parser.parse_args().out
    cells = [coached(*scene) for scene in SCENES]
    write_jpeg(out, np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])]), 85)


if __name__ == "__main__":
    main()
