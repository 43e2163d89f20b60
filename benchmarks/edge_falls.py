"""Fall alarm with the pose networks of the edge: rendered falls and everyday activities that alarm.

    python benchmarks/edge_falls.py [--people 2] [--seed 77] [--json]

Every kind of fall and ten other activities, 8 s each, posed about ten times a second as the edge does (no rotation of
pictures) and, for comparison, by the backend of `posemill app fall`. One clip counts once, whenever it alarms.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from posemill.applications.fall.alarm import FallAlarm
from posemill.applications.live import track_online
from posemill.applications.protocol import StreamFacts
from posemill.applications.run import run
from posemill.applications.sources import Stream
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.tracking import OnlineTracker
from posemill.estimation.types import FramePoses
from posemill.params.tracking import TrackingParams
from posemill.synth.corpus import plan, stage
from posemill.synth.falls import WAYS

EVERYDAY = ("walk", "squat", "sit", "wave", "jumping_jack", "push_up", "lunge", "idle", "plank", "sit_up")
DURATION_S, POSE_HZ = 8.0, 10.0
EDGE = {"posenet 385": ("posenet", 385), "posenet 257": ("posenet", 257), "movenet": ("movenet", 257)} | {
    "movenet-many 385": ("movenet-many", 385)
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=2)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    estimators = {
        name: PoseEstimator(backend, long_edge_px=edge, rotation_fallback_threshold=0.0, threads=1)
        for name, (backend, edge) in EDGE.items()
    } | {"posemill app fall": PoseEstimator(FallAlarm.backend, threads=1)}
    figures: dict[str, Any] = {}
    for what, activities in (("falls", tuple(WAYS)), ("everyday", EVERYDAY)):
        clips = plan(given.seed, given.people, activities, 1, DURATION_S)
        alarmed = dict.fromkeys(estimators, 0)
        for each in clips:
            clip = stage(each)
            images, step = list(clip.images()), max(1, round(clip.fps / POSE_HZ))
            for name, estimator in estimators.items():
                pose = estimator.live()
                frames = [FramePoses(n, n / clip.fps, pose(images[n])) for n in range(0, len(images), step)]
                tracked = track_online(frames, OnlineTracker(estimator.skeleton, TrackingParams()))
                facts = StreamFacts(estimator.skeleton, clip.width_px, clip.height_px)
                alarmed[name] += bool(run(FallAlarm(), Stream(facts, tracked)).events_of("fall"))
        figures[what] = {"clips": len(clips), "alarmed": alarmed}
        if not given.json:
            print(what, len(clips), alarmed, flush=True)
    if given.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
