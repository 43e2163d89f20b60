"""Form coach on real poses with labels: planks as OpenPose found them, planks and lunges as MediaPipe found them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posemill.applications.coach.judgement import Certainty, PoseJudgement, Verdict, judge_pose
from posemill.applications.coach.rules import Phase
from posemill.pose.skeleton import BLAZEPOSE_33, OPENPOSE_18

Table = NDArray[np.float64]
TOO_LOW, CORRECT, TOO_HIGH = 0, 1, 2
ASPECT = 16 / 9  # of the pictures behind the MediaPipe tables, which give shares of width and height only
EVERYTHING = Certainty(least_confidence=0.05, most_distance=1.0)  # no frame is left out for its posture
_OPENPOSE = {"shoulder": "sho", "elbow": "elb", "wrist": "wri", "hip": "hip", "knee": "kne", "ankle": "ank"}


@dataclass
class Planks:
    """Judged plank frames.

    session, label  (N,) session number; 0 too low, 1 correct, 2 too high.
    angle           (N,) estimated signed hip angle in degrees, NaN = not measured.
    answer          (N,) the coach's answer, -1 = abstained.
    clicked         (N,) hip angle from points clicked by people, for the size of errors only.
    """

    session: Table
    label: Table
    angle: Table
    answer: Table
    clicked: Table


def planks(path: Path, every: int = 1) -> Planks:
    """Judge the frames of plank.csv one by one, as OpenPose found them in the turned picture."""
    table = pd.read_csv(path).iloc[::every]
    columns = [_openpose(name) for name in OPENPOSE_18.keypoints]
    xy = table[[f"{c}_{axis}" for c in columns for axis in "xy"]].to_numpy(np.float64).reshape(len(table), -1, 2)
    confidence = np.nan_to_num(table[[f"{c}_s" for c in columns]].to_numpy(np.float64))
    judged = [judge_pose(p, c, OPENPOSE_18, "plank", certainty=EVERYTHING) for p, c in zip(xy, confidence, strict=True)]
    return Planks(
        session=table["session"].to_numpy(np.float64),
        label=table["label"].to_numpy(np.float64),
        angle=np.array([_angle(j) for j in judged]),
        answer=np.array([_answer(j) for j in judged]),
        clicked=table["angle_deg"].to_numpy(np.float64),
    )


def _openpose(name: str) -> str:
    side, _, part = name.partition("_")
    return side[0] + _OPENPOSE.get(part, part) if part else name


def _angle(judgement: PoseJudgement) -> float:
    value = judgement.rules["hips_too_high"].value
    return np.nan if value is None else value


def _answer(judgement: PoseJudgement) -> float:
    if judgement.rules["hips_too_high"].verdict is Verdict.FAULT:
        return TOO_HIGH
    if judgement.rules["hips_too_low"].verdict is Verdict.FAULT:
        return TOO_LOW
    both = all(r.verdict is Verdict.CORRECT for r in judgement.rules.values())
    return CORRECT if both else -1


def classified(angle: Table, low: float, high: float) -> Table:
    """The class of every angle without abstention; an angle that was not measured counts as correct."""
    return np.where(angle < low, TOO_LOW, np.where(angle > high, TOO_HIGH, CORRECT)).astype(float)


def fitted_limits(angle: Table, label: Table, session: Table) -> tuple[float, float]:
    """The two limits that divide the labels best, every session with the same weight (sessions under 10: less)."""
    _, index, count = np.unique(session, return_inverse=True, return_counts=True)
    weight = 1 / np.maximum(count[index], 10)
    low = _best(np.arange(155, 190, 0.25), lambda t: weight @ ((angle < t) == (label == TOO_LOW)))
    high = _best(np.arange(175, 205, 0.25), lambda t: weight @ ((angle > t) == (label == TOO_HIGH)))
    return low, high


def _best(candidates: Table, quality: object) -> float:
    values = np.array([quality(t) for t in candidates])  # type: ignore[operator]
    smooth = np.convolve(values, np.ones(13) / 13, "valid")
    return float(candidates[6:-6][smooth.argmax()])


def cross_validated(found: Planks, repeats: int = 5, folds: int = 10) -> list[float]:
    """Accuracy without abstention, limits fitted on other sessions; one figure a repeat of the division in folds."""
    sessions, accuracies = np.unique(found.session), []
    for repeat in range(repeats):
        order = np.random.default_rng(repeat).permutation(len(sessions))
        fold = (order % folds)[np.searchsorted(sessions, found.session)]
        said = np.zeros(len(fold))
        for number in range(folds):
            train = fold != number
            limits = fitted_limits(found.angle[train], found.label[train], found.session[train])
            said[~train] = classified(found.angle[~train], *limits)
        accuracies.append(float((said == found.label).mean()))
    return accuracies


def mediapipe(path: Path, exercise: str) -> pd.DataFrame:
    """Judge the frames of a MediaPipe table by the rules that come with posemill: label, likeliest, answer."""
    table = pd.read_csv(path)
    points, confidence = np.full((len(table), 33, 2), np.nan), np.zeros((len(table), 33))
    for i, name in enumerate(BLAZEPOSE_33.keypoints):
        if f"{name}_x" in table:
            points[:, i] = table[[f"{name}_x", f"{name}_y"]].to_numpy() * (1000 * ASPECT, 1000)
            confidence[:, i] = table[f"{name}_v"]
    phase = Phase.BOTTOM if exercise == "lunge" else None
    judged = [
        judge_pose(p, np.maximum(c, 0.3), BLAZEPOSE_33, exercise, phase, EVERYTHING)
        for p, c in zip(points, confidence, strict=True)
    ]
    return pd.DataFrame(
        {
            "part": table["part"],
            "label": table["label_name"],
            "likeliest": [_likeliest(j, exercise) for j in judged],
            "answer": [_said(j, exercise) for j in judged],
        }
    )


_NAMES = {"hips_too_high": "hips_high", "hips_too_low": "hips_low", "knee_over_toe": "knee_over_toe"}


def _likeliest(judgement: PoseJudgement, exercise: str) -> str:
    if exercise == "plank":
        return _NAMES.get(judgement.likeliest or "correct", "correct")
    return "knee_over_toe" if (judgement.rules["knee_over_toe"].fault_probability or 0) > 0.5 else "correct"


def _said(judgement: PoseJudgement, exercise: str) -> str:
    names = ("hips_too_high", "hips_too_low") if exercise == "plank" else ("knee_over_toe",)
    verdicts = {name: judgement.rules[name].verdict for name in names}
    faults = [name for name, verdict in verdicts.items() if verdict is Verdict.FAULT]
    if faults:
        return _NAMES[faults[0]]
    return "correct" if all(v is Verdict.CORRECT for v in verdicts.values()) else ""
