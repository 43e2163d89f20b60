"""Checks of a service's answer against an acceptance scenario, each with its most telling moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from posemill.serving.schemas.activity import Person, Segment, Verdict, VideoAnswer
from posemill.uat.scenarios import Expected, Scenario

BRIEF_S = 0.1  # a shorter piece of a clip shows nothing, such as its end after the last pose


class Check(BaseModel):
    """Outcome of one expectation, as a report keeps it.

    moment_s  the worst moment of the clip, where `answered` was the service's answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    expected: str
    passed: bool
    says: str
    moment_s: float
    answered: str


@dataclass(frozen=True, slots=True)
class ScenarioChecks:
    """All checks of a scenario for one person; `person` is None if nobody was found."""

    person: int | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True if every check passed."""
        return all(check.passed for check in self.checks)


def check_scenario(scenario: Scenario, answer: VideoAnswer) -> ScenarioChecks:
    """Check an answer against a scenario. With `person: any`, the person with most passed checks counts."""
    people = _people(scenario, answer)
    if not people:
        missing = "nobody" if not answer.people else f"no person {scenario.person}"
        says, middle_s = f"{missing} was found in the clip", answer.video.duration_s / 2
        return ScenarioChecks(None, tuple(_check(e.activity, False, says, middle_s, "-") for e in scenario.expect))
    outcomes = [_check_person(scenario, person, answer) for person in people]
    return max(outcomes, key=lambda outcome: sum(check.passed for check in outcome.checks))


def failed(expected: str, says: str) -> ScenarioChecks:
    """Checks of a clip that the service refused."""
    return ScenarioChecks(None, (_check(expected, False, says, 0.0, "nothing"),))


def _check(expected: str, passed: bool, says: str, moment_s: float, answered: str) -> Check:
    return Check(expected=expected, passed=passed, says=says, moment_s=round(moment_s, 3), answered=answered)


def _people(scenario: Scenario, answer: VideoAnswer) -> list[Person]:
    if scenario.person == "any":
        return answer.people
    number = answer.main_subject if scenario.person == "main_subject" else scenario.person
    return [p for p in answer.people if p.person == number]


def _check_person(scenario: Scenario, person: Person, answer: VideoAnswer) -> ScenarioChecks:
    duration_s = answer.video.duration_s
    verdict = answer.verdict if person.person == answer.main_subject else person.verdict
    expected = [
        _check_verdict(scenario, e, verdict, person.segments, duration_s)
        if e.whole
        else _check_interval(scenario, e, person.segments, duration_s)
        for e in scenario.expect
    ]
    never = [_check_never(scenario, activity, person.segments) for activity in scenario.never]
    return ScenarioChecks(person.person, (*expected, *never))


def _check_verdict(
    scenario: Scenario, expected: Expected, verdict: Verdict | None, segments: Sequence[Segment], duration_s: float
) -> Check:
    """Check the verdict over the whole clip."""
    moment_s, answered = _worst_moment(segments, expected.activity, 0.0, duration_s)
    if verdict is None:
        return _check(expected.activity, False, "no verdict: too few poses were found", moment_s, answered)
    says = f"verdict {verdict.activity} with {verdict.probability:.2f}"
    passed = verdict.activity == expected.activity and not _abstained(verdict)
    if _abstained(verdict):
        says += ", abstained"
    if passed and verdict.probability < scenario.min_probability:
        passed, says = False, f"{says}, {scenario.min_probability:.2f} required"
    return _check(expected.activity, passed, says, moment_s, answered)


def _check_interval(scenario: Scenario, expected: Expected, segments: Sequence[Segment], duration_s: float) -> Check:
    """Check an activity in an interval: overlap, mean probability, start and end."""
    start_s = expected.start_s or 0.0
    end_s = max(start_s, duration_s if expected.end_s is None else expected.end_s)
    parts = [s for s in segments if s.activity == expected.activity and not _abstained(s)]
    parts = [s for s in parts if _overlap(s, start_s, end_s) > 0]
    seconds = [_overlap(s, start_s, end_s) for s in parts]
    share = sum(seconds) / (end_s - start_s) if end_s > start_s else 0.0
    faults = []
    if share < scenario.min_overlap:
        faults.append(f"covers {share:.0%} of {start_s:g} to {end_s:g} s, {scenario.min_overlap:.0%} required")
    if parts:
        probability = sum(t * s.probability for t, s in zip(seconds, parts, strict=True)) / sum(seconds)
        if probability < scenario.min_probability:
            faults.append(f"mean probability {probability:.2f}, {scenario.min_probability:.2f} required")
        faults += _shifts(scenario, expected, parts)
    moment_s, answered = _worst_moment(segments, expected.activity, start_s, end_s)
    says = "; ".join(faults) or f"covers {share:.0%} of {start_s:g} to {end_s:g} s"
    return _check(f"{expected.activity} {start_s:g}-{end_s:g} s", not faults, says, moment_s, answered)


def _shifts(scenario: Scenario, expected: Expected, parts: Sequence[Segment]) -> list[str]:
    """Start and end that are off by more than the scenario's tolerance."""
    if scenario.tolerance_s is None:
        return []
    ends = (
        ("begins", expected.start_s, min(s.start_s for s in parts)),
        ("ends", expected.end_s, max(s.end_s for s in parts)),
    )
    return [
        f"{verb} at {answered_s:.2f} s, {abs(answered_s - expected_s):.2f} s "
        f"{'late' if answered_s > expected_s else 'early'} ({scenario.tolerance_s:g} s allowed)"
        for verb, expected_s, answered_s in ends
        if expected_s is not None and abs(answered_s - expected_s) > scenario.tolerance_s
    ]


def _check_never(scenario: Scenario, activity: str, segments: Sequence[Segment]) -> Check:
    """Check that an activity does not occur for longer than the tolerance."""
    hits = [s for s in segments if s.activity == activity and not _abstained(s)]
    hits = [s for s in hits if s.end_s - s.start_s > (scenario.tolerance_s or 0.0)]
    if not hits:
        first = segments[0] if segments else None
        middle_s = (first.start_s + first.end_s) / 2 if first else 0.0
        return _check(f"never {activity}", True, "not found", middle_s, first.activity if first else "-")
    worst = max(hits, key=lambda s: (s.end_s - s.start_s) * s.probability)
    says = f"found from {worst.start_s:.2f} to {worst.end_s:.2f} s with {worst.probability:.2f}"
    return _check(f"never {activity}", False, says, (worst.start_s + worst.end_s) / 2, _answered(worst))


def _worst_moment(segments: Sequence[Segment], activity: str, start_s: float, end_s: float) -> tuple[float, str]:
    """Time of the worst moment of an interval, and the answer there.

    The middle of the longest piece with another answer or none; without such a piece, of the least probable one.
    """
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


def _abstained(answered: Segment | Verdict) -> bool:
    return bool(getattr(answered, "abstained", False))  # services without a rejection threshold lack the field


def _overlap(segment: Segment, start_s: float, end_s: float) -> float:
    return max(0.0, min(segment.end_s, end_s) - max(segment.start_s, start_s))
