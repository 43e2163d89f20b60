"""Checks of an application's result against an acceptance scenario."""

from __future__ import annotations

from posemill.applications.protocol import Event
from posemill.applications.result import ApplicationResult
from posemill.uat.checks import Check, ScenarioChecks
from posemill.uat.scenarios import ExpectedEvent, Range, Scenario


def check_application(scenario: Scenario, result: ApplicationResult) -> ScenarioChecks:
    """Check events and headline figures. With a number as `person`, the events of that person count, else of all."""
    events = [e for e in result.events if not isinstance(scenario.person, int) or e.person == scenario.person]
    checks = [
        *(_check_expected(scenario, expected, events, result) for expected in scenario.expect_events),
        *(_check_never(kind, events, result) for kind in scenario.never_events),
        *(_check_figure(name, limits, result) for name, limits in scenario.expect_summary.items()),
    ]
    person = scenario.person if isinstance(scenario.person, int) else None
    return ScenarioChecks(person, tuple(checks))


def _check_expected(
    scenario: Scenario, expected: ExpectedEvent, events: list[Event], result: ApplicationResult
) -> Check:
    of_kind = [event for event in events if event.kind == expected.kind]
    counted = of_kind
    if expected.start_s is not None and scenario.tolerance_s is not None:
        counted = [e for e in of_kind if abs(e.start_s - expected.start_s) <= scenario.tolerance_s]
    most = float("inf") if expected.at_most is None else expected.at_most
    passed = expected.at_least <= len(counted) <= most
    says = f"{len(counted)} of {len(of_kind)} {expected.kind} count" if of_kind else f"no {expected.kind} was reported"
    shown = next(iter(counted or of_kind), None)
    moment_s = shown.start_s if shown else expected.start_s if expected.start_s is not None else _middle(result)
    return _check(str(expected), passed, says, moment_s, shown)


def _check_never(kind: str, events: list[Event], result: ApplicationResult) -> Check:
    found = [event for event in events if event.kind == kind]
    says = f"found {len(found)} times, first at {found[0].start_s:.2f} s" if found else "not found"
    first = found[0] if found else None
    return _check(f"never {kind}", not found, says, first.start_s if first else _middle(result), first)


def _check_figure(name: str, limits: Range, result: ApplicationResult) -> Check:
    value = result.summary.get(name)
    low, high = ("any" if limit is None else f"{limit:g}" for limit in (limits.low, limits.high))
    wanted = f"{name} from {low} to {high}"
    if name not in result.summary:
        return _check(wanted, False, f"there is no figure {name}; there are {', '.join(result.summary)}", 0.0, None)
    passed = isinstance(value, int | float) and (limits.low is None or value >= limits.low)
    passed = passed and (limits.high is None or float(value or 0) <= limits.high)
    return _check(wanted, passed, f"{name} is {value}", _middle(result), None)


def _middle(result: ApplicationResult) -> float:
    return result.duration_s / 2


def _check(expected: str, passed: bool, says: str, moment_s: float, event: Event | None) -> Check:
    answered = event.message if event else "nothing"
    return Check(expected=expected, passed=passed, says=says, moment_s=round(moment_s, 3), answered=answered)
