"""Form coach on rendered pictures of people, whose keypoints a pose network finds; single frames, exact angles."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from coach_rendered import Truth, Verdicts
from posemill.applications.coach.judgement import Verdict, judge_pose
from posemill.applications.coach.rules import EXERCISES, rules_of
from posemill.estimation.estimator import PoseEstimator
from posemill.synth.camera import View, around
from posemill.synth.exercise_faults import FAULTS, perform, pictures

AZIMUTHS_DEG = (12, 65, 95, -25, -75, -100)
SIZE_PX = (640, 480)


def through_network(backend: str, takes: int) -> dict[str, Verdicts]:
    """Verdicts by `exercise rule`: every fault by turns from six azimuths, one picture in 1/3 s for 4 s."""
    estimator, found = PoseEstimator(backend), defaultdict[str, Verdicts](Verdicts)
    for exercise in EXERCISES:
        options = (None, *FAULTS[exercise])
        for i, azimuth in enumerate(AZIMUTHS_DEG * takes):
            _add_clip(found, estimator, exercise, options[i % len(options)], azimuth, 7000 + i)
    return found


def _add_clip(
    found: dict[str, Verdicts], estimator: PoseEstimator, exercise: str, fault: str | None, azimuth: int, seed: int
) -> None:
    done = perform(exercise, fault, seed, 4.0, 3.0)
    camera = around(np.concatenate(list(done.rig.points.values())), View(azimuth, 1.0, 50, 0.75, 0.0), SIZE_PX)
    truth = Truth(rules_of(exercise), done.rig.keypoints()[..., [2, 1, 0]], azimuth)
    for frame, image in enumerate(pictures(done, camera, seed)):
        poses = estimator.predict([image])[0]
        verdicts = {}
        if len(poses):
            pose = max(poses, key=lambda p: float(np.nansum(p.confidence)))
            judged = judge_pose(pose.xy, pose.confidence, estimator.skeleton, exercise)
            verdicts = {name: rule.verdict for name, rule in judged.rules.items()}
        for name in truth.rules:
            if truth.due(name, frame):
                verdict = verdicts.get(name, Verdict.ABSTAIN)
                _count(found[f"{exercise} {name}"], verdict, bool(truth.excess[name][frame] > 0))


def _count(counts: Verdicts, verdict: Verdict, faulty: bool) -> None:
    counts.due += 1
    counts.faulty += faulty
    counts.fault += verdict is Verdict.FAULT
    counts.fault_wrong += verdict is Verdict.FAULT and not faulty
    counts.correct += verdict is Verdict.CORRECT
    counts.correct_wrong += verdict is Verdict.CORRECT and faulty
