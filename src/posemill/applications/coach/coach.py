"""Form coach: an application that says what is wrong with an exercise, one thing at a time, as a coach would.

Every frame is judged by the rules of the exercise. A fault is spoken of when it has been seen for a while, and taken
back when it has been gone for a while; of several the most severe is spoken of first, and the next one only when that
is corrected. Where no rule can be judged the coach is silent and says why.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from posemill.applications.coach.evidence import Evidence
from posemill.applications.coach.judgement import (
    Certainty,
    PoseJudgement,
    RuleJudgement,
    Verdict,
    judge_deepest,
    judge_pose,
    repetition_angle,
)
from posemill.applications.coach.phases import Repeated, RepetitionPhases, Stage
from posemill.applications.coach.posture import ExerciseGuess
from posemill.applications.coach.rules import Phase, RuleSet, read_rules, rules_of
from posemill.applications.params import AppParams
from posemill.applications.protocol import (
    Annotation,
    Application,
    Detail,
    Event,
    Output,
    Severity,
    StreamFacts,
    TrackedFrame,
    TrackedPose,
)
from posemill.errors import InputError

_FORGET_S = 2.0  # a person unseen for longer starts anew


class CoachParams(AppParams):
    """Parameters of the form coach.

    exercise          `plank`, `squat`, `push_up`, `lunge`, or `auto`: found from the posture.
    rules             path of your own rule file in place of those of the exercise.
    onset_s           a fault is spoken of when it was seen for this long.
    clear_s           it is taken back when it was gone for this long.
    repeat_fault_s    frames of a fault this far apart still belong together (it is judged at the bottom only).
    correct_s         good form is confirmed when it was seen for this long.
    fault_confidence, correct_confidence  least probability to say fault, or correct.
    keypoint_error_m  standard error of the pose network's keypoints, metres at the person.
    least_confidence  keypoints below it count as hidden.
    smoothing_s       keypoints are averaged over this long before they are judged; 0 = not at all.
    """

    local_files: ClassVar[tuple[str, ...]] = ("rules",)

    exercise: Literal["plank", "squat", "push_up", "lunge", "auto"] = "auto"
    rules: Path | None = None
    onset_s: float = Field(0.5, ge=0)
    clear_s: float = Field(0.7, ge=0)
    repeat_fault_s: float = Field(5.0, gt=0)
    correct_s: float = Field(1.0, ge=0)
    fault_confidence: float = Field(0.97, gt=0.5, lt=1)
    correct_confidence: float = Field(0.7, gt=0.5, lt=1)
    keypoint_error_m: float = Field(0.02, gt=0, lt=0.2)
    least_confidence: float = Field(0.1, ge=0, le=1)
    smoothing_s: float = Field(0.2, ge=0, le=1)

    @property
    def certainty(self) -> Certainty:
        """Certainty that every rule must reach."""
        return Certainty(self.fault_confidence, self.correct_confidence, self.keypoint_error_m, self.least_confidence)


@dataclass(slots=True)
class _Person:
    """State of one person."""

    rules: RuleSet | None = None
    phases: RepetitionPhases | None = None
    evidence: dict[str, Evidence] = field(default_factory=dict)
    deepest: dict[str, RuleJudgement] = field(default_factory=dict)
    guess: ExerciseGuess = field(default_factory=ExerciseGuess)
    corrected: str | None = None  # rule of the correction that is open
    good_s: float = 0.0
    praised: bool = False
    time_s: float = 0.0
    recent: deque[tuple[float, TrackedPose]] = field(default_factory=deque)
    judgement: PoseJudgement | None = None


class FormCoach(Application[CoachParams]):
    """Form coach for plank, squat, push-up and lunge.

    Events: `correction` (start_s = since when; details: rule, excess, unit, value, first_frame, last_frame, frames),
    `corrected` (the fault is gone; from when until when, worst excess) or `correction_ended` (it was no longer seen),
    `correct` (good form was seen for a while) and `repetition` (number, least angle).

    Errors: InputError for a wrong parameter or rule file.

    Examples:
        >>> coach = FormCoach(exercise="plank")
        >>> coach.params.onset_s
        0.5
    """

    name = "coach"
    title = "Form coach"
    limits = (
        "Angles that the camera's view does not show are not judged: planks, push-ups and lunges need a view from a "
        "side, knees that fall inward one from the front.",
        "The shape of the back is not seen: pose networks give no keypoint between shoulders and hips; only the "
        "inclination of the trunk and the line from shoulders over hips to ankles are judged.",
        "Pose networks place the hip up to 5 degrees of the hip angle off, the same way for a person's whole session: "
        "near the limits of a plank a correction, or its absence, may be wrong.",
        "The exercise itself, its load and its risk for this person are not judged.",
    )
    notice = (
        "This is no medical device and no substitute for a physiotherapist: it gives hints on exercise form for "
        "healthy people. Stop when it hurts."
    )

    def __init__(self, params: CoachParams | None = None, **settings: object) -> None:
        super().__init__(params, **settings)
        self._own = read_rules(self.params.rules) if self.params.rules is not None else None
        self._people: dict[int, _Person] = {}
        self._totals: Counter[str] = Counter()
        self._stream: StreamFacts | None = None
        self._frame = 0

    @classmethod
    def params_model(cls) -> type[CoachParams]:
        """See Application."""
        return CoachParams

    def start(self, stream: StreamFacts) -> None:
        """Begin a stream. Errors: InputError where the skeleton lacks shoulders, hips, knees or ankles."""
        needed = [f"{s}_{p}" for s in ("left", "right") for p in ("shoulder", "hip", "knee", "ankle")]
        lacking = [name for name in needed if name not in stream.skeleton.keypoints]
        if lacking:
            raise InputError(f"skeleton {stream.skeleton.name} has no {', '.join(lacking)}: the coach needs them")
        self._stream, self._people, self._totals = stream, {}, Counter()

    def update(self, frame: TrackedFrame) -> Sequence[Output]:
        """Judge everybody in a frame."""
        self._frame = frame.frame
        outputs: list[Output] = []
        for number, pose in frame.people.items():
            outputs += self._update_person(number, pose, frame)
        for number in [n for n, p in self._people.items() if frame.time_s - p.time_s > _FORGET_S]:
            outputs += self._end(number, self._people[number].time_s)
            del self._people[number]
        return outputs

    def finish(self) -> Sequence[Output]:
        """End open corrections."""
        return [event for number, person in self._people.items() for event in self._end(number, person.time_s)]

    def judgement(self, person: int) -> PoseJudgement | None:
        """Return how the newest frame of a person was judged; None where it was not."""
        known = self._people.get(person)
        return known.judgement if known else None

    def annotations(self) -> Sequence[Annotation]:
        """Show the open correction with its keypoints, or that the form is correct, or why nothing is judged."""
        shown = (self._annotation(number, person) for number, person in self._people.items())
        return [annotation for annotation in shown if annotation is not None]

    def summary(self) -> dict[str, Detail]:
        """Frames by verdict, share answered, corrections and repetitions so far."""
        total = sum(self._totals[k] for k in ("frames_fault", "frames_correct", "frames_abstained"))
        answered = total - self._totals["frames_abstained"]
        share = round(answered / total, 3) if total else None
        return {**dict(sorted(self._totals.items())), "answered_share": share}

    def _rules(self, person: _Person, pose: TrackedPose, time_s: float) -> RuleSet | None:
        if self._own is not None or self.params.exercise != "auto":
            return self._own or rules_of(self.params.exercise)
        assert self._stream is not None
        exercise = person.guess.update(time_s, pose.xy, pose.confidence, self._stream.skeleton)
        return rules_of(exercise) if exercise else None

    def _update_person(self, number: int, pose: TrackedPose, frame: TrackedFrame) -> list[Output]:
        if self._stream is None:
            raise InputError("the coach has not been started: call start(StreamFacts) before update")
        person = self._people.setdefault(number, _Person(time_s=frame.time_s))
        step_s = min(frame.time_s - person.time_s, 0.5)
        person.time_s = frame.time_s
        rules = self._rules(person, pose, frame.time_s)
        outputs: list[Output] = []
        if rules is not person.rules:
            outputs += self._end(number, frame.time_s)
            person.rules = rules
            person.phases = RepetitionPhases(rules.repetition) if rules and rules.repetition else None
            person.evidence = {rule.name: Evidence() for rule in rules.rules} if rules else {}
            person.deepest = {}
        if rules is None:
            person.judgement = None
            self._totals["frames_abstained"] += 1
            return outputs
        smooth = self._smoothed(person, pose, frame.time_s)
        judgement = judge_pose(
            smooth.xy, smooth.confidence, self._stream.skeleton, rules, certainty=self.params.certainty
        )
        person.judgement = judgement
        repeated = self._follow(person, judgement, frame.time_s)
        if repeated is not None:
            outputs.append(self._repetition(number, person, repeated, frame.time_s))
        self._weigh(person, judgement, repeated, frame, step_s)
        return outputs + self._speak(number, person, judgement, frame, step_s)

    def _smoothed(self, person: _Person, pose: TrackedPose, time_s: float) -> TrackedPose:
        """Mean of the keypoints over the last moments, each over the frames in which it was seen."""
        person.recent.append((time_s, pose))
        while time_s - person.recent[0][0] >= self.params.smoothing_s and len(person.recent) > 1:
            person.recent.popleft()
        xy = np.stack([p.xy for _, p in person.recent])
        confidence = np.stack([p.confidence for _, p in person.recent])
        weight = np.where(np.isfinite(xy[..., 0]) & (confidence >= self.params.least_confidence), 1.0, 0.0)
        count = weight.sum(0)
        mean = np.where(weight[..., None] > 0, xy, 0.0).sum(0) / np.maximum(count, 1)[:, None]
        seen = (count > 0) & np.isfinite(pose.xy[:, 0])
        return TrackedPose(np.where(seen[:, None], mean, np.nan).astype(np.float32), pose.confidence)

    def _follow(self, person: _Person, judgement: PoseJudgement, time_s: float) -> Repeated | None:
        """Follow the phases and keep how the deepest frame of the repetition was judged."""
        if person.phases is None or not judgement.in_position or judgement.points is None or judgement.view is None:
            return None
        assert person.rules is not None
        angle = repetition_angle(person.rules, judgement.points, judgement.view, self.params.keypoint_error_m)
        repeated = person.phases.update(time_s, angle)
        if person.phases.deepest:
            person.deepest = judge_deepest(person.rules, judgement, self.params.certainty)
        return repeated

    def _repetition(self, number: int, person: _Person, repeated: Repeated, time_s: float) -> Event:
        self._totals["repetitions"] += 1
        assert person.rules is not None
        return Event(
            application=self.name,
            kind="repetition",
            person=number,
            time_s=time_s,
            start_s=repeated.start_s,
            end_s=repeated.end_s,
            message=f"{person.rules.title}: repetition {repeated.number}",
            details={
                "exercise": person.rules.exercise,
                "number": repeated.number,
                "least_deg": round(repeated.least_deg, 1),
                "deepest_s": repeated.deepest_s,
            },
        )

    def _weigh(
        self, person: _Person, judgement: PoseJudgement, repeated: Repeated | None, frame: TrackedFrame, step_s: float
    ) -> None:
        """Add a frame to the evidence of every rule; to that of a range of motion when a repetition has ended."""
        for name, judged in judgement.rules.items():
            if judged.rule.phase is not Phase.REPETITION:
                person.evidence[name].add(judged, step_s, frame.time_s, frame.frame)
            elif repeated is not None and name in person.deepest:
                enough_s = max(self.params.onset_s, self.params.clear_s)  # one repetition is enough
                person.evidence[name].add(person.deepest[name], enough_s, frame.time_s, frame.frame, repeated.start_s)
        if repeated is not None:
            person.deepest = {}

    def _speak(
        self, number: int, person: _Person, judgement: PoseJudgement, frame: TrackedFrame, step_s: float
    ) -> list[Output]:
        outputs: list[Output] = []
        for name, evidence in person.evidence.items():
            stale = frame.time_s - evidence.last_s > self.params.repeat_fault_s
            gone = evidence.gone_s >= self.params.clear_s
            if evidence.frames and (gone or stale):
                if name == person.corrected:
                    outputs.append(self._close(number, person, frame.time_s, gone))
                evidence.forget()
        if person.corrected is None:
            outputs += self._correct_next(number, person, frame.time_s)
        return outputs + self._praise(number, person, judgement, frame.time_s, step_s)

    def _correct_next(self, number: int, person: _Person, time_s: float) -> list[Output]:
        """Speak of the most severe fault that was seen for long enough."""
        ready = [(n, e) for n, e in person.evidence.items() if e.worst and e.fault_s >= self.params.onset_s - 1e-9]
        if not ready:
            return []
        name, evidence = max(ready, key=lambda pair: pair[1].urgency)
        person.corrected, person.good_s, person.praised = name, 0.0, False
        self._totals["corrections"] += 1
        return [self._event("correction", number, person, evidence, time_s, None)]

    def _close(self, number: int, person: _Person, time_s: float, gone: bool) -> Event:
        """End the open correction. gone: the fault was seen to be gone."""
        assert person.corrected is not None
        evidence = person.evidence[person.corrected]
        kind = "corrected" if gone else "correction_ended"
        event = self._event(kind, number, person, evidence, time_s, evidence.last_s)
        person.corrected = None
        return event

    def _event(
        self, kind: str, number: int, person: _Person, evidence: Evidence, time_s: float, end_s: float | None
    ) -> Event:
        worst = evidence.worst
        assert worst is not None
        assert person.rules is not None
        rule, unit = worst.rule, worst.rule.measure.unit
        message = {
            "correction": rule.say,
            "corrected": f"Corrected: {rule.name.replace('_', ' ')}.",
            "correction_ended": f"Seen until then, not seen to be corrected: {rule.name.replace('_', ' ')}.",
        }[kind]
        return Event(
            application=self.name,
            kind=kind,
            person=number,
            time_s=time_s,
            start_s=evidence.first_s,
            end_s=end_s,
            severity=rule.severity if kind == "correction" else Severity.INFO,
            message=message,
            details={
                "exercise": person.rules.exercise,
                "rule": rule.name,
                f"excess_{unit}": round(worst.excess or 0.0, 3),
                f"value_{unit}": round(worst.value or 0.0, 3),
                f"error_{unit}": round(worst.error or 0.0, 3),
                f"limit_{unit}": rule.limit,
                "first_frame": evidence.first_frame,
                "last_frame": evidence.last_frame,
                "frames": evidence.frames,
                "keypoints": " ".join(worst.keypoints),
            },
        )

    def _praise(
        self, number: int, person: _Person, judgement: PoseJudgement, time_s: float, step_s: float
    ) -> list[Output]:
        """Count the frame by its answer; say once that the form is correct when it has been for a while."""
        fault = judgement.worst is not None
        answered = judgement.answered
        self._totals[f"frames_{'fault' if fault else 'correct' if answered else 'abstained'}"] += 1
        if fault or person.corrected is not None:
            person.good_s, person.praised = 0.0, False
        elif answered:
            person.good_s += step_s
        if person.good_s < self.params.correct_s or person.praised or person.rules is None:
            return []
        person.praised = True
        judged = [n for n, r in judgement.rules.items() if r.verdict is Verdict.CORRECT]
        return [
            Event(
                application=self.name,
                kind="correct",
                person=number,
                time_s=time_s,
                start_s=max(0.0, time_s - person.good_s),
                message=f"{person.rules.title}: good form as far as it is seen.",
                details={"exercise": person.rules.exercise, "judged": " ".join(judged)},
            )
        ]

    def _end(self, number: int, time_s: float) -> list[Output]:
        person = self._people.get(number)
        if person is None or person.corrected is None:
            return []
        return [self._close(number, person, time_s, gone=False)]

    def _annotation(self, number: int, person: _Person) -> Annotation | None:
        if person.corrected is not None:
            worst = person.evidence[person.corrected].worst
            assert worst is not None
            excess = f"{worst.excess:.0f}°" if worst.rule.measure.unit == "deg" else f"{worst.excess:.2f}"
            text = f"{worst.rule.name.replace('_', ' ')} ({excess})"
            return Annotation(number, text, worst.rule.severity, worst.keypoints)
        if person.judgement is None or person.rules is None:
            return None
        if not person.judgement.in_position:
            return Annotation(number, f"{person.rules.title.lower()}: not in position")
        count = f" · {person.phases.count}" if person.phases else ""
        worst = person.judgement.worst
        if worst is not None:  # seen, not spoken of yet
            return Annotation(number, f"{person.rules.title.lower()}{count}", keypoints=worst.keypoints)
        state = "correct" if person.judgement.answered else self._silent(person)
        return Annotation(number, f"{person.rules.title.lower()}: {state}{count}")

    @staticmethod
    def _silent(person: _Person) -> str:
        assert person.judgement is not None
        reasons = Counter(r.reason for r in person.judgement.rules.values())
        moving = person.phases is not None and person.phases.stage is not Stage.TOP
        return "moving" if moving and set(reasons) == {"not in this phase"} else reasons.most_common(1)[0][0]
