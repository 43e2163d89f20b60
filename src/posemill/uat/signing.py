"""Signing a report, and telling whether what was signed is still what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, RowMapping

from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store.acceptances import record_verdict, verdicts
from posemill.store.media import MediaStore, digest_of
from posemill.uat import report as reports
from posemill.uat.bentos import bento_digest, find_bento
from posemill.uat.receipts import resolve


@dataclass(frozen=True, slots=True)
class Signed:
    """A verdict that was recorded."""

    number: int
    bento: str
    bento_digest: str
    report_digest: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A verdict, and whether bento and report are what was signed: `unchanged`, `changed: …` or `gone: …`."""

    verdict: int
    by: str
    at: datetime
    passed: bool
    bento_tag: str
    bento: str
    report: str

    @property
    def good(self) -> bool:
        """Whether nothing was changed. What is gone cannot be told from what was changed by anyone else."""
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
    """Record a verdict on a report and the bento that it is of; a copy of both report files goes into the store.

    Errors: InputError for a report that was changed after its run, whose bento is not here, or that is accepted in
    spite of failed scenarios without conditions.
    """
    file = path / reports.REPORT if path.is_dir() else path
    told = reports.read(file)
    if changed := reports.changed_files(file):
        raise InputError(f"{', '.join(changed)} beside {file} changed after the run: run `posemill uat run` again")
    if told.bento is None or told.receipt is None:
        raise InputError(f"{file} is of a service that was not served from a bento: there is nothing to release")
    if not (told.passed or reject or conditions):
        raise InputError(f"{told.says}: say under which --conditions it is accepted all the same, or --reject it")
    answered = resolve(connection, settings.home, told.receipt.model_dump_json())
    store = MediaStore(settings.store_url)
    digest, whole = store.put(file), bento_digest(find_bento(settings.home, told.bento))
    store.put(file.parent / reports.PAGE)
    where = file.resolve()
    place = where.relative_to(settings.workspace) if where.is_relative_to(settings.workspace) else where
    number = record_verdict(
        connection,
        version=answered.version["id"],
        passed=not reject,
        by=by,
        bento_digest=whole,
        report_digest=digest,
        report={**told.model_dump(mode="json"), "path": str(place)},
        conditions=conditions,
        added_by=added_by,
    )
    return Signed(number, told.bento, whole, digest)


def verify(
    connection: Connection, settings: Settings, *, path: Path | None = None, bento: str | None = None
) -> list[Verified]:
    """Every signed verdict, newest first, with what became of its bento and report.

    path   a report: only the verdicts on its run, and these very files are looked at.
    bento  only verdicts on the bento of this tag.
    Errors: InputError for a report of a run that nobody signed.
    """
    rows = verdicts(connection, bento=bento)
    if path is None:
        return list(_each(settings, rows, None))
    file = path / reports.REPORT if path.is_dir() else path
    run = _run(file)
    mine = [row for row in rows if row["report"].get("run") == run or row["report_digest"] == digest_of(file)]
    mine = mine or [row for row in rows if row["report"].get("path") and _same_place(settings, row, file)]
    if not mine:
        raise InputError(f"{file} was never signed: `posemill uat sign --by NAME {path}`")
    return list(_each(settings, mine, file))


def _each(settings: Settings, rows: list[RowMapping], file: Path | None) -> Iterator[Verified]:
    for row in rows:
        tag = row["report"]["bento"]
        yield Verified(
            row["id"],
            row["client"],
            row["added_at"],
            row["passed"],
            tag,
            _bento(settings.home, tag, row["bento_digest"]),
            _report(settings, row, file),
        )


def _bento(home: Path, tag: str, digest: str) -> str:
    try:
        found = bento_digest(find_bento(home, tag))
    except InputError:
        return "gone: the store has no such bento"
    return "unchanged" if found == digest else "changed: its files are not those that were signed"


def _report(settings: Settings, row: RowMapping, file: Path | None) -> str:
    path = file or settings.workspace / row["report"]["path"]
    if not path.is_file():
        kept = MediaStore(settings.store_url).has(row["report_digest"])
        return f"gone: no {path}" + (f"; the store keeps a copy, {row['report_digest'][:12]}" if kept else "")
    if digest_of(path) != row["report_digest"]:
        return f"changed: {path} is not what was signed"
    changed = reports.changed_files(path)
    return f"changed: {', '.join(changed)}" if changed else "unchanged"


def _run(file: Path) -> str | None:
    """The number of the run of a report, also of one that was changed so that it is none any more."""
    import re

    if not file.is_file():
        raise InputError(f"{file} cannot be read: give the folder or report.json of `posemill uat run`")
    found = re.search(r'"run":\s*"([0-9a-f]{16})"', file.read_text(errors="replace"))
    return found[1] if found else None


def _same_place(settings: Settings, row: RowMapping, file: Path) -> bool:
    return bool((settings.workspace / row["report"]["path"]).resolve() == file.resolve())
