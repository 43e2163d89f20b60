"""Acceptance run: sends every scenario's clip to a service, checks the answers and writes the report."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from posemill.errors import InputError, PosemillError
from posemill.serving.client import Client
from posemill.uat import checks, evidence, report
from posemill.uat.application_checks import check_application
from posemill.uat.clips import ClipFile, find_clips
from posemill.uat.provenance import Provenance, provenance_of
from posemill.uat.scenarios import LocatedScenario, Scenario
from posemill.uat.served import client_of
from posemill.uat.settings import AcceptanceSettings


@dataclass(frozen=True, slots=True)
class AcceptanceRun:
    """A finished run: its report and the path of report.json."""

    report: report.Report
    path: Path


@dataclass(frozen=True, slots=True)
class _Answered:
    """A scenario's result with its picture and the provenance of the answer; both None if the clip was refused."""

    result: report.ScenarioResult
    picture: bytes | None
    provenance: Provenance | None


def run(acceptance: AcceptanceSettings, on_scenario: Callable[[], object] = lambda: None) -> AcceptanceRun:
    """Run scenarios against a service and write the report.

    on_scenario  called after each scenario.
    A clip that the service refuses is a failed scenario.
    Errors: InputError if a scenario or clip cannot be found, before anything is sent; Unavailable if the service
    cannot be reached.
    """
    clips = find_clips(acceptance)
    answered = []
    with client_of(acceptance) as client:
        for number, (located, clip) in enumerate(zip(acceptance.located, clips, strict=True), 1):
            answered.append(_run_scenario(acceptance, client, located, clip, number))
            on_scenario()
    pictures = {a.result.picture: a.picture for a in answered if a.result.picture and a.picture is not None}
    path = report.write(acceptance.report_folder, _report(acceptance, answered), pictures)
    return AcceptanceRun(report.read(path), path)


def _report(acceptance: AcceptanceSettings, answered: Sequence[_Answered]) -> report.Report:
    provenance = _common_provenance([a.provenance for a in answered if a.provenance])
    bento = provenance.bento if provenance else None
    passed = sum(a.result.passed for a in answered)
    files = {located.file for located in acceptance.located}
    return report.Report(
        run=secrets.token_hex(8),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        posemill=version("posemill"),
        bento=bento,
        provenance=provenance,
        passed=passed == len(answered),
        says=f"{passed} of {len(answered)} scenarios passed on {bento or 'the service'}",
        scenarios=tuple(a.result for a in answered),
        files={acceptance.relative(file): report.digest_of_bytes(file.read_bytes()) for file in files},
    )


def _run_scenario(
    acceptance: AcceptanceSettings, client: Client, located: LocatedScenario, clip: ClipFile, number: int
) -> _Answered:
    scenario, started = located.scenario, time.monotonic()
    picture, provenance = None, None
    try:
        outcome, picture, provenance = _answered(client, scenario, clip)
    except PosemillError as exc:
        if exc.retryable:
            raise
        expected = scenario.application or scenario.expect[0].activity
        outcome = checks.failed(expected, str(exc))
    failed = [f"{c.expected}: {c.says}" for c in outcome.checks if not c.passed]
    result = report.ScenarioResult(
        name=scenario.name,
        file=acceptance.relative(located.file),
        owner=scenario.owner,
        note=scenario.note,
        clip=clip.name,
        clip_digest=clip.digest,
        person=outcome.person,
        passed=outcome.passed,
        says="; ".join(failed) or "as expected",
        seconds=round(time.monotonic() - started, 2),
        checks=outcome.checks,
        picture=None if picture is None else f"{report.PICTURES}/{number:03d}.jpg",
        alt=evidence.alt_text(evidence.moments(outcome)),
    )
    return _Answered(result, picture, provenance)


def _answered(
    client: Client, scenario: Scenario, clip: ClipFile
) -> tuple[checks.ScenarioChecks, bytes | None, Provenance]:
    """Ask the service for activities or for an application, and check what it says."""
    video = clip.path if clip.kind == "video" else None
    if scenario.application is not None:
        said = clip.run_application(client, scenario)
        outcome = check_application(scenario, said)
        return outcome, None if video is None else evidence.frames(video, outcome), provenance_of(said)
    answer = clip.analyse(client)
    outcome = checks.check_scenario(scenario, answer)
    return outcome, evidence.evidence(video, answer, outcome), provenance_of(answer)


def _common_provenance(provenances: Sequence[Provenance]) -> Provenance | None:
    """Provenance of all answers. Errors: InputError if the service was replaced during the run."""
    if len({provenance.id for provenance in provenances}) > 1:
        names = ", ".join(sorted({str(provenance.bento) for provenance in provenances}))
        raise InputError(f"the service was replaced during the run ({names}): run again when it is stable")
    return provenances[0] if provenances else None
