"""An answer against a scenario: what was expected, what came, and the moment that shows it best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from posemill.serving.schemas.activity import Person, Segment, Verdict, VideoAnswer
from posemill.uat.scenarios import Expected, Scenario

BRIEF_S = 0.1  # a piece of a clip that is shorter shows nothing, such as its end after the last pose


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation, held against an answer. `moment_s` is the worst moment in the clip, `answered` what was
    answered there."""

    expected: str
    passed: bool
    says: str
    moment_s: float
    answered: str


@dataclass(frozen=True, slots=True)
class Judged:
    """All checks of a scenario, for the person that it speaks of; None where there is nobody."""

    person: int | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check is."""
        return all(check.passed for check in self.checks)


def judge(scenario: Scenario, answer: VideoAnswer) -> Judged:
    """Hold an answer against a scenario. With `person: any` the person counts for whom most is as expected."""
    people = _people(scenario, answer)
    if not people:
        who = "nobody" if not answer.people else f"no person {scenario.person}"
        says = f"{who} was found in the clip"
        return Judged(
            None, tuple(Check(e.activity, False, says, answer.video.duration_s / 2, "-") for e in scenario.expect)
        )
    judged = [_judge(scenario, person, answer) for person in people]
    return max(judged, key=lambda j: sum(check.passed for check in j.checks))


def _people(scenario: Scenario, answer: VideoAnswer) -> list[Person]:
    if scenario.person == "any":
        return answer.people
    number = answer.main_subject if scenario.person == "acting" else scenario.person
    return [p for p in answer.people if p.person == number]


def _judge(scenario: Scenario, person: Person, answer: VideoAnswer) -> Judged:
    duration_s = answer.video.duration_s
    whole = answer.verdict if person.person == answer.main_subject else person.verdict
    checks = [
        _verdict(scenario, e, whole, person.segments, duration_s)
        if e.whole
        else _stretch(scenario, e, person.segments, duration_s)
        for e in scenario.expect
    ]
    return Judged(person.person, (*checks, *(_never(scenario, name, person.segments) for name in scenario.never)))


def _verdict(
    scenario: Scenario, expected: Expected, verdict: Verdict | None, segments: Sequence[Segment], duration_s: float
) -> Check:
    """The verdict over the whole clip."""
    moment_s, answered = _worst(segments, expected.activity, 0.0, duration_s)
    if verdict is None:
        return Check(expected.activity, False, "there is no verdict: too little was seen", moment_s, answered)
    says = f"the verdict is {verdict.activity} with {verdict.probability:.2f}"
    passed = verdict.activity == expected.activity and not _abstained(verdict)
    if _abstained(verdict):
        says += ", and the service abstains"
    if passed and verdict.probability < scenario.min_probability:
        passed, says = False, f"{says}, {scenario.min_probability:.2f} needed"
    return Check(expected.activity, passed, says, moment_s, answered)


def _stretch(scenario: Scenario, expected: Expected, segments: Sequence[Segment], duration_s: float) -> Check:
    """An activity at a time: enough of it, sure enough, and neither early nor late."""
    start_s = expected.start_s or 0.0
    end_s = max(start_s, duration_s if expected.end_s is None else expected.end_s)
    parts = [s for s in segments if s.activity == expected.activity and not _abstained(s)]
    parts = [s for s in parts if _overlap(s, start_s, end_s) > 0]
    seconds = [_overlap(s, start_s, end_s) for s in parts]
    share = sum(seconds) / (end_s - start_s) if end_s > start_s else 0.0
    faults = []
    if share < scenario.min_overlap:
        faults.append(f"{share:.0%} of {start_s:g} to {end_s:g} s is answered so, {scenario.min_overlap:.0%} needed")
    if parts:
        probability = sum(t * s.probability for t, s in zip(seconds, parts, strict=True)) / sum(seconds)
        if probability < scenario.min_probability:
            faults.append(f"its probability is {probability:.2f}, {scenario.min_probability:.2f} needed")
        faults += _shifts(scenario, expected, parts)
    moment_s, answered = _worst(segments, expected.activity, start_s, end_s)
    says = "; ".join(faults) or f"{share:.0%} of {start_s:g} to {end_s:g} s is answered so"
    named = f"{expected.activity} {start_s:g}-{end_s:g} s"
    return Check(named, not faults, says, moment_s, answered)


def _shifts(scenario: Scenario, expected: Expected, parts: Sequence[Segment]) -> list[str]:
    """Start and end that are further off than they may be, where the scenario names them."""
    if scenario.tolerance_s is None:
        return []
    named = (
        ("begins", expected.start_s, min(s.start_s for s in parts)),
        ("ends", expected.end_s, max(s.end_s for s in parts)),
    )
    return [
        f"it {verb} at {came:.2f} s, {abs(came - wanted):.2f} s {'late' if came > wanted else 'early'} "
        f"({scenario.tolerance_s:g} s allowed)"
        for verb, wanted, came in named
        if wanted is not None and abs(came - wanted) > scenario.tolerance_s
    ]


def _never(scenario: Scenario, activity: str, segments: Sequence[Segment]) -> Check:
    """An activity that should not be found."""
    found = [s for s in segments if s.activity == activity and not _abstained(s)]
    found = [s for s in found if s.end_s - s.start_s > (scenario.tolerance_s or 0.0)]
    if not found:
        where = segments[0] if segments else None
        middle = (where.start_s + where.end_s) / 2 if where else 0.0
        return Check(f"never {activity}", True, "it was not found", middle, where.activity if where else "-")
    worst = max(found, key=lambda s: (s.end_s - s.start_s) * s.probability)
    says = f"found from {worst.start_s:.2f} to {worst.end_s:.2f} s with {worst.probability:.2f}"
    return Check(f"never {activity}", False, says, (worst.start_s + worst.end_s) / 2, _answered(worst))


def _worst(segments: Sequence[Segment], activity: str, start_s: float, end_s: float) -> tuple[float, str]:
    """The middle of the longest piece of a stretch that is answered otherwise or not at all; where there is none, of
    the piece that is least sure. And what was answered there."""
    inside = [s for s in segments if _overlap(s, start_s, end_s) > 0]
    edges = sorted({start_s, end_s, *(t for s in inside for t in (s.start_s, s.end_s) if start_s < t < end_s)})
    pieces = [(a, b, _at(inside, (a + b) / 2)) for a, b in pairwise(edges)]
    if not pieces:
        return start_s, "-"
    pieces = [p for p in pieces if p[1] - p[0] > BRIEF_S] or pieces
    other = [p for p in pieces if p[2] is None or p[2].activity != activity or _abstained(p[2])]
    if other:
        a, b, segment = max(other, key=lambda p: p[1] - p[0])
    else:
        a, b, segment = min(pieces, key=lambda p: p[2].probability if p[2] else 0.0)
    return (a + b) / 2, _answered(segment)


def _at(segments: Sequence[Segment], time_s: float) -> Segment | None:
    return next((s for s in segments if s.start_s <= time_s <= s.end_s), None)


def _answered(segment: Segment | None) -> str:
    if segment is None:
        return "nothing"
    return f"{segment.activity} {segment.probability:.2f}{', abstained' if _abstained(segment) else ''}"


def _abstained(said: Segment | Verdict) -> bool:
    return bool(getattr(said, "abstained", False))  # services before calibration.json had a limit do not say


def _overlap(segment: Segment, start_s: float, end_s: float) -> float:
    return max(0.0, min(segment.end_s, end_s) - max(segment.start_s, start_s))
