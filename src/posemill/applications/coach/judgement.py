"""Judge the form of one pose: every rule gives a fault, correct, or abstains with the reason.

A rule abstains where a keypoint that it needs is hidden, where the camera looks from elsewhere than the rule needs,
and where the limit lies within the error of the angle: projection error at the estimated view and keypoint error.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import erf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.applications.coach.measures import KEYPOINTS, Floats, Seen, by_name
from posemill.applications.coach.rules import Measure, Phase, Rule, RuleSet, rules_of
from posemill.applications.coach.views import References, View, references_of, sided
from posemill.pose.skeleton import Skeleton


class Verdict(StrEnum):
    """Verdict of a rule on a pose."""

    FAULT = "fault"
    CORRECT = "correct"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Certainty:
    """Certainty that a rule must reach before it answers.

    fault, correct    least probability of a fault to say fault, and of no fault to say correct.
    keypoint_error_m  standard error of a keypoint, in metres at the person.
    least_confidence  keypoints below it count as hidden.
    view_share        least probability that the camera looks from where the rule needs it.
    most_distance     poses further from every reference pose are not this exercise.
    """

    fault: float = 0.97
    correct: float = 0.7
    keypoint_error_m: float = 0.02
    least_confidence: float = 0.1
    view_share: float = 0.8
    most_distance: float = 0.06


@dataclass(frozen=True, slots=True)
class RuleJudgement:
    """Judgement of one pose by one rule.

    value, error   the measure in space and its standard error, in the measure's unit; None = not measured.
    excess         how far the value is outside the limit; negative = inside.
    fault_probability  0..1.
    keypoints      what it is about, to be highlighted.
    """

    rule: Rule
    verdict: Verdict
    reason: str = ""
    value: float | None = None
    error: float | None = None
    excess: float | None = None
    fault_probability: float | None = None
    keypoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PoseJudgement:
    """The form of one pose.

    in_position  the pose is one of the exercise; if not, no rule is judged.
    quarter_turns  counter-clockwise turns that bring the picture upright, as far as the pose shows it.
    rules        by name.
    """

    exercise: str
    in_position: bool
    view: View | None
    quarter_turns: int
    rules: dict[str, RuleJudgement]
    points: Floats | None = None

    @property
    def answered(self) -> bool:
        """True if a rule was judged."""
        return any(r.verdict is not Verdict.ABSTAIN for r in self.rules.values())

    @property
    def worst(self) -> RuleJudgement | None:
        """The fault to speak of first: the one of highest severity, then the surest; None without a fault."""
        faults = [r for r in self.rules.values() if r.verdict is Verdict.FAULT]
        order = ("info", "warning", "alarm")
        return max(faults, key=lambda r: (order.index(r.rule.severity), r.fault_probability or 0.0), default=None)

    @property
    def likeliest(self) -> str | None:
        """The answer without abstention: the likeliest fault's name, or `correct`; None where nothing was measured."""
        known = [r for r in self.rules.values() if r.fault_probability is not None]
        if not known:
            return None
        worst = max(known, key=lambda r: r.fault_probability or 0.0)
        return worst.rule.name if (worst.fault_probability or 0.0) > 0.5 else "correct"


def judge_pose(
    xy: NDArray[np.floating[Any]],
    confidence: NDArray[np.floating[Any]],
    skeleton: Skeleton,
    exercise: str | RuleSet,
    phase: Phase | None = None,
    certainty: Certainty | None = None,
) -> PoseJudgement:
    """Judge the form of one pose by the rules of an exercise.

    Args:
        xy: (K, 2) pixels, origin top-left, y down; NaN = not seen. The picture may lie on its side (quarter turns)
            for exercises with hands and feet on the floor.
        confidence: (K,) 0..1.
        skeleton: of the keypoints.
        exercise: `plank`, `squat`, `push_up`, `lunge`, or a rule set read by `read_rules`.
        phase: phase of the repetition; None = found from the pose itself. `Phase.REPETITION` says that this is the
            deepest frame of a repetition: rules of range of motion are judged only then.
        certainty: how sure a rule must be; None = the defaults.

    Errors: InputError for an unknown exercise.

    Examples:
        >>> from posemill.pose.skeleton import COCO_17
        >>> from posemill.synth.exercise_faults import perform
        >>> pose = perform("plank", "hips_low", seed=2).rig.keypoints()[0]
        >>> xy = 200 * (pose[:, [2, 1]] * (1, -1)) + (300, 400)  # seen exactly from a side
        >>> judge_pose(xy, np.ones(17), COCO_17, "plank").worst.rule.name
        'hips_too_low'
    """
    rules = rules_of(exercise) if isinstance(exercise, str) else exercise
    sure = certainty or Certainty()
    points = visible_points(xy, confidence, skeleton, sure.least_confidence)
    if np.isfinite(points[:, 0]).sum() < 6:
        return PoseJudgement(rules.exercise, False, None, 0, _abstained(rules, "too few keypoints are seen"))
    references = references_of(rules.reference)
    view, turns, points = _best_turn(references, points, rules.body == "level")
    if view.distance > sure.most_distance:
        return PoseJudgement(rules.exercise, False, view, turns, _abstained(rules, "not in position"), points)
    now = phase if phase is not None or rules.repetition is None else _phase_of(rules, points, view, sure)
    judged = {rule.name: _judge(rule, now, references, points, view, sure) for rule in rules.rules}
    return PoseJudgement(rules.exercise, True, view, turns, judged, points)


def judge_deepest(rules: RuleSet, judgement: PoseJudgement, certainty: Certainty) -> dict[str, RuleJudgement]:
    """Judge an already judged pose as the deepest frame of a repetition: also the rules of range of motion."""
    if judgement.view is None or judgement.points is None:
        return {}
    references = references_of(rules.reference)
    return {
        rule.name: _judge(rule, Phase.REPETITION, references, judgement.points, judgement.view, certainty)
        for rule in rules.rules
        if rule.phase is Phase.REPETITION
    }


def visible_points(
    xy: NDArray[np.floating[Any]], confidence: NDArray[np.floating[Any]], skeleton: Skeleton, least: float
) -> Floats:
    """Return (17, 2) the keypoints of `KEYPOINTS`, x to the right and y up; NaN where hidden or below `least`."""
    hidden = ~(np.asarray(confidence) >= least)
    shown = np.where(hidden[:, None], np.nan, np.asarray(xy, np.float64))
    return by_name(shown, skeleton) * (1.0, -1.0)


def _best_turn(references: References, points: Floats, level: bool) -> tuple[View, int, Floats]:
    """The view of a pose; a body that should be level but stands in the picture is tried turned to both sides."""
    if not level or not _upright(points):
        return references.view(points), 0, points
    turned = [(0, points), *((turns, points[:, ::-1] * sign) for turns, sign in ((1, (-1.0, 1.0)), (3, (1.0, -1.0))))]
    views = [(references.view(p), turns, p) for turns, p in turned]
    return min(views, key=lambda v: v[0].distance)


def _upright(points: Floats) -> bool:
    """True if the line from shoulders to hips is more vertical than level."""
    middles = [np.nanmean(p, 0) for p in (points[5:7], points[11:13]) if np.isfinite(p).any()]
    if len(middles) < 2:
        return False
    off = np.abs(middles[0] - middles[1])
    return bool(off[1] > 1.2 * off[0])


def repetition_angle(rules: RuleSet, points: Floats, view: View, error_m: float) -> float | None:
    """Return the angle that tells the phase, in space, degrees; None where it is not seen."""
    if rules.repetition is None:
        return None
    measure = Measure(kind="angle", points=rules.repetition.angle)
    estimate = references_of(rules.reference).estimate(points, view, measure, error_m)
    return None if estimate is None else estimate.value


def _phase_of(rules: RuleSet, points: Floats, view: View, sure: Certainty) -> Phase | None:
    angle = repetition_angle(rules, points, view, sure.keypoint_error_m)
    if angle is None or rules.repetition is None:
        return None
    if angle >= rules.repetition.top_deg:
        return Phase.TOP
    return Phase.BOTTOM if angle <= rules.repetition.bottom_deg else None


def _judge(
    rule: Rule, phase: Phase | None, references: References, points: Floats, view: View, sure: Certainty
) -> RuleJudgement:
    if not _in_phase(rule.phase, phase):
        return RuleJudgement(rule, Verdict.ABSTAIN, "not in this phase")
    shown = {"side": view.side, "front": view.front, "any": 1.0}[rule.view]
    estimate = references.estimate(points, view, rule.measure, sure.keypoint_error_m)
    if estimate is None:
        return RuleJudgement(rule, Verdict.ABSTAIN, "a keypoint is hidden")
    excess = rule.excess(estimate.value)
    fault = _normal(excess / max(estimate.error, 1e-9))
    verdict = (
        Verdict.FAULT if fault >= sure.fault else Verdict.CORRECT if 1 - fault >= sure.correct else Verdict.ABSTAIN
    )
    reason = "" if verdict is not Verdict.ABSTAIN else "within the error of the limit"
    if shown < sure.view_share:
        verdict, reason = Verdict.ABSTAIN, f"not seen from {'a side' if rule.view == 'side' else 'the front'}"
    names = _keypoints(rule, points, view)
    return RuleJudgement(rule, verdict, reason, estimate.value, estimate.error, excess, fault, names)


def _in_phase(needed: Phase, phase: Phase | None) -> bool:
    return needed is Phase.ANY or needed is phase or (needed is Phase.BOTTOM and phase is Phase.REPETITION)


def _keypoints(rule: Rule, points: Floats, view: View) -> tuple[str, ...]:
    left = np.array(view.near_left >= 0.5)
    seen = Seen(sided(points, left), left)
    return tuple(dict.fromkeys(name for point in rule.measure.points for name in seen.names(point)))


def _abstained(rules: RuleSet, reason: str) -> dict[str, RuleJudgement]:
    return {rule.name: RuleJudgement(rule, Verdict.ABSTAIN, reason) for rule in rules.rules}


def _normal(z: float) -> float:
    return 0.5 * (1 + erf(z / sqrt(2)))


assert len(KEYPOINTS) == 17
