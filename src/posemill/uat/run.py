"""Runs scenarios against a service that answers, and writes the report."""

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
from posemill.serving.schemas.activity import Receipt
from posemill.uat import checks, evidence, report
from posemill.uat.clips import ClipFile, Clips
from posemill.uat.scenarios import Located


@dataclass(frozen=True, slots=True)
class Done:
    """A run: its report, and where report.json is."""

    report: report.Report
    path: Path


def run(
    client: Client,
    located: Sequence[Located],
    clips: Clips,
    out: Path,
    root: Path,
    step: Callable[[], object] = lambda: None,
) -> Done:
    """Send every scenario's clip, hold the answers against what is expected, write the report into `out`.

    root   scenario files are named relative to it.
    step   is called after each scenario.
    Errors: InputError when a clip is not to be found, before anything is asked; Unavailable when the service goes
    away. A clip that the service refuses is a scenario that failed.
    """
    found = clips.find(located)
    outcomes, pictures, receipts = [], dict[str, bytes](), list[Receipt]()
    for number, (each, clip) in enumerate(zip(located, found, strict=True)):
        outcome, picture, receipt = _one(client, each, clip, number, root)
        outcomes.append(outcome)
        if picture is not None and outcome.picture:
            pictures[outcome.picture] = picture
        receipts += [receipt] if receipt else []
        step()
    receipt = _same(receipts)
    files = {_place(f, root): report.digest_of_bytes(f.read_bytes()) for f in {each.file for each in located}}
    right, bento = sum(o.passed for o in outcomes), receipt.bento if receipt else None
    says = f"{right} of {len(outcomes)} scenarios are as expected of {bento or 'the service'}"
    told = report.Report(
        run=secrets.token_hex(8),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        posemill=version("posemill"),
        bento=bento,
        receipt=receipt,
        passed=right == len(outcomes),
        says=says,
        scenarios=tuple(outcomes),
        files=files,
    )
    path = report.write(out, told, pictures)
    return Done(report.read(path), path)


def folder(root: Path) -> Path:
    """A new folder for a report: build/uat/ and the time."""
    return root / "build" / "uat" / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def _one(
    client: Client, each: Located, clip: ClipFile, number: int, root: Path
) -> tuple[report.Outcome, bytes | None, Receipt | None]:
    scenario, started = each.scenario, time.monotonic()
    try:
        answer = clip.ask(client)
        judged = checks.judge(scenario, answer)
        picture = evidence.evidence(clip.path if clip.kind == "video" else None, answer, judged)
        receipt: Receipt | None = answer.receipt
    except PosemillError as exc:
        if exc.retryable:
            raise
        judged, picture, receipt = _refused(scenario.expect[0].activity, str(exc)), None, None
    failed = [f"{c.expected}: {c.says}" for c in judged.checks if not c.passed]
    says = "; ".join(failed) or "as expected"
    outcome = report.Outcome(
        name=scenario.name,
        file=_place(each.file, root),
        owner=scenario.owner,
        note=scenario.note,
        clip=clip.name,
        clip_digest=clip.digest,
        person=judged.person,
        passed=judged.passed,
        says=says,
        seconds=round(time.monotonic() - started, 2),
        checks=tuple(_row(c) for c in judged.checks),
        picture=None if picture is None else f"{report.PICTURES}/{number + 1:03d}.jpg",
        alt=evidence.captions(evidence.moments(judged)),
    )
    return outcome, picture, receipt


def _refused(expected: str, says: str) -> checks.Judged:
    return checks.Judged(None, (checks.Check(expected, False, says, 0.0, "nothing"),))


def _row(check: checks.Check) -> report.CheckRow:
    return report.CheckRow(
        expected=check.expected,
        passed=check.passed,
        says=check.says,
        moment_s=round(check.moment_s, 3),
        answered=check.answered,
    )


def _same(receipts: Sequence[Receipt]) -> Receipt | None:
    """The receipt of all answers. Errors: InputError when another bento took the service's place meanwhile."""
    if len({receipt.id for receipt in receipts}) > 1:
        names = ", ".join(sorted({str(receipt.bento) for receipt in receipts}))
        raise InputError(f"the answers are not of one service ({names}): run again when it is not being replaced")
    return receipts[0] if receipts else None


def _place(file: Path, root: Path) -> str:
    whole = file.resolve()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else file.name
