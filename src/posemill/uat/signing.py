"""Signed verdicts: signing an acceptance report, and verifying that report and bento are unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping

from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store.acceptances import record_verdict, require_acceptable, submit_report, verdicts
from posemill.store.media import MediaStore, digest_of
from posemill.uat import report as reports
from posemill.uat.bentos import bento_digest, find_bento
from posemill.uat.provenance import resolve


@dataclass(frozen=True, slots=True)
class Signed:
    """A recorded verdict."""

    number: int
    bento: str
    bento_digest: str
    report_digest: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A verdict with the state of its bento and report: `unchanged`, `changed: …` or `missing: …`."""

    verdict: int
    by: str
    at: datetime
    passed: bool
    bento_tag: str
    bento: str
    report: str

    @property
    def good(self) -> bool:
        """True if bento and report are unchanged; a missing one counts as changed."""
        return self.bento == self.report == "unchanged"


def sign(
    connection: Connection,
    settings: Settings,
    path: Path,
    *,
    by: str,
    reject: bool,
    conditions: str | None,
    added_by: str,
) -> Signed:
    """Record a verdict on a report and its bento; report.json and page are copied into the store.

    by          who gives the verdict; `added_by` who records it.
    conditions  conditions of the acceptance, or reasons of the rejection.
    Errors: InputError if the report was modified after its run, if its bento is not in the store, or if a report with
    failed scenarios is accepted without conditions.
    """
    found = _read(connection, settings, path)
    require_acceptable(found.row, reject=reject, conditions=conditions)
    number = record_verdict(
        connection,
        version=found.version,
        passed=not reject,
        by=by,
        bento_digest=found.bento_digest,
        report_digest=found.report_digest,
        report=found.row,
        conditions=conditions,
        added_by=added_by,
    )
    return Signed(number, found.bento, found.bento_digest, found.report_digest)


def submit(connection: Connection, settings: Settings, path: Path, *, added_by: str) -> Signed:
    """Submit a report for a verdict on the page of the service; returns the number of the submission.

    An approver of the service signs it there. Errors: as sign.
    """
    found = _read(connection, settings, path)
    number = submit_report(
        connection,
        version=found.version,
        bento_tag=found.bento,
        bento_digest=found.bento_digest,
        report_digest=found.report_digest,
        report=found.row,
        added_by=added_by,
    )
    return Signed(number, found.bento, found.bento_digest, found.report_digest)


@dataclass(frozen=True, slots=True)
class _Read:
    """A report that was not modified, of a bento that is in the store; `row` as the database keeps the report."""

    version: int
    bento: str
    bento_digest: str
    report_digest: str
    row: dict[str, Any]


def _read(connection: Connection, settings: Settings, path: Path) -> _Read:
    """Read a report and copy it into the store, with its page."""
    file = path / reports.REPORT if path.is_dir() else path
    report = reports.read(file)
    if changed := reports.changed_files(file):
        raise InputError(f"{', '.join(changed)} beside {file} changed after the run: run `posemill uat run` again")
    if report.bento is None or report.provenance is None:
        raise InputError(f"{file} is about a service that does not run from a bento: there is nothing to release")
    resolved = resolve(connection, settings, report.provenance.model_dump_json())
    store = MediaStore(settings.store_url)
    report_digest, signed_digest = store.put(file), bento_digest(find_bento(settings, report.bento))
    store.put(file.parent / reports.PAGE)
    absolute = file.resolve()
    inside = absolute.is_relative_to(settings.workspace)
    stored_path = absolute.relative_to(settings.workspace) if inside else absolute
    row = {**report.model_dump(mode="json"), "path": str(stored_path)}
    return _Read(resolved.version["id"], report.bento, signed_digest, report_digest, row)


def verify(
    connection: Connection, settings: Settings, *, path: Path | None = None, bento: str | None = None
) -> list[Verified]:
    """Verify signed verdicts, newest first.

    path   a report: only verdicts on its run, compared with these files.
    bento  bento tag: only verdicts on it.
    Errors: InputError if no verdict on that report exists.
    """
    rows = verdicts(connection, bento=bento)
    if path is None:
        return list(_verify(settings, rows, None))
    file = path / reports.REPORT if path.is_dir() else path
    run = _run_number(file)
    matches = [row for row in rows if row["report"].get("run") == run or row["report_digest"] == digest_of(file)]
    matches = matches or [row for row in rows if row["report"].get("path") and _same_file(settings, row, file)]
    if not matches:
        raise InputError(f"{file} was never signed: `posemill uat sign --by NAME {path}`")
    return list(_verify(settings, matches, file))


def _verify(settings: Settings, rows: list[RowMapping], file: Path | None) -> Iterator[Verified]:
    for row in rows:
        tag = row["report"]["bento"]
        yield Verified(
            row["id"],
            row["client"],
            row["added_at"],
            row["passed"],
            tag,
            _bento_state(settings, tag, row["bento_digest"]),
            _report_state(settings, row, file),
        )


def _bento_state(settings: Settings, tag: str, digest: str) -> str:
    try:
        current = bento_digest(find_bento(settings, tag))
    except InputError:
        return "missing: the store has no such bento"
    return "unchanged" if current == digest else "changed: its files differ from the signed ones"


def _report_state(settings: Settings, row: RowMapping, file: Path | None) -> str:
    path = file or settings.workspace / row["report"]["path"]
    if not path.is_file():
        kept = MediaStore(settings.store_url).has(row["report_digest"])
        return f"missing: no {path}" + (f"; the store has a copy, {row['report_digest'][:12]}" if kept else "")
    if digest_of(path) != row["report_digest"]:
        return f"changed: {path} differs from the signed report"
    changed = reports.changed_files(path)
    return f"changed: {', '.join(changed)}" if changed else "unchanged"


def _run_number(file: Path) -> str | None:
    """Run number of a report, even if the report was modified and is no longer valid."""
    import re

    if not file.is_file():
        raise InputError(f"{file} cannot be read: give the folder or report.json of `posemill uat run`")
    match = re.search(r'"run":\s*"([0-9a-f]{16})"', file.read_text(errors="replace"))
    return match[1] if match else None


def _same_file(settings: Settings, row: RowMapping, file: Path) -> bool:
    return bool((settings.workspace / row["report"]["path"]).resolve() == file.resolve())
