"""A run of scenarios as report.json and one page of HTML. What is signed is the digest of report.json, and report.json
has the digests of all else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from posemill.errors import InputError
from posemill.report.page import Cell, Figure, Page
from posemill.serving.schemas.activity import Receipt

REPORT, PAGE, PICTURES = "report.json", "report.html", "pictures"


Row = list[str | int | float | Cell]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CheckRow(_Strict):
    """See checks.Check."""

    expected: str
    passed: bool
    says: str
    moment_s: float
    answered: str


class Outcome(_Strict):
    """One scenario: whether every check passed, and the picture that shows the worst moment."""

    name: str
    file: str
    owner: str
    note: str | None
    clip: str
    clip_digest: str
    person: int | None
    passed: bool
    says: str
    seconds: float
    checks: tuple[CheckRow, ...]
    picture: str | None
    alt: str


class Report(_Strict):
    """A whole run. `files` has the SHA-256 of scenario files, page and pictures, by their place."""

    run: str
    at: str
    posemill: str
    bento: str | None
    receipt: Receipt | None
    passed: bool
    says: str
    scenarios: tuple[Outcome, ...]
    files: dict[str, str]


def write(folder: Path, report: Report, pictures: Mapping[str, bytes]) -> Path:
    """Write pictures, page and, last, report.json with the digests of them; returns the latter's path."""
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    for name, jpeg in pictures.items():
        (folder / name).write_bytes(jpeg)
    page(report, pictures).write(folder / PAGE)
    written = {name: digest_of_bytes((folder / name).read_bytes()) for name in (PAGE, *sorted(pictures))}
    whole = report.model_copy(update={"files": {**report.files, **written}})
    (folder / REPORT).write_text(whole.model_dump_json(indent=1) + "\n")
    return folder / REPORT


def read(path: Path) -> Report:
    """A report, from its folder or file. Errors: InputError for anything else."""
    file = path / REPORT if path.is_dir() else path
    try:
        return Report.model_validate_json(file.read_bytes())
    except OSError as exc:
        raise InputError(f"{file} cannot be read: give the folder or report.json of `posemill uat run`") from exc
    except ValidationError as exc:
        raise InputError(
            f"{file} is no report of `posemill uat run`, or was changed: {exc.errors()[0]['msg']}"
        ) from exc


def changed_files(path: Path) -> list[str]:
    """Names of page and pictures beside a report.json whose bytes are not those that it names, or are gone."""
    folder = path if path.is_dir() else path.parent
    named = {n: d for n, d in read(path).files.items() if n == PAGE or n.startswith(f"{PICTURES}/")}
    return [
        n for n, d in named.items() if not (folder / n).is_file() or digest_of_bytes((folder / n).read_bytes()) != d
    ]


def digest_of_bytes(content: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(content).hexdigest()


def page(report: Report, pictures: Mapping[str, bytes]) -> Page:
    """The report for people."""
    from posemill.uat.evidence import data_uri

    right = sum(s.passed for s in report.scenarios)
    lead = "What a service was asked, what it answered, and the moment of every clip that shows it at its worst."
    out = Page("Acceptance", lead, f"posemill {report.posemill}, run {report.run}, {report.at}")
    out.banner(report.says, "good" if report.passed else "bad")
    out.figures(
        [
            Figure("Scenarios", str(len(report.scenarios))),
            Figure("As expected", f"{right} of {len(report.scenarios)}", tone="good" if report.passed else "bad"),
        ]
    )
    asked: list[Row] = [["bento", report.bento or "none: the service was not served from one"]]
    asked += [["receipt", f"{report.receipt.id}, for `posemill trace`"]] if report.receipt else []
    out.section("What was asked").table(["what", "which"], [*asked, ["posemill", report.posemill], ["run", report.run]])
    out.section("Scenarios", "What every scenario expects, and what the service answered. Failed ones come first.")
    ordered = sorted(report.scenarios, key=lambda s: s.passed)
    rows: list[Row] = [[s.name, _verdict(s.passed), s.owner, s.clip, s.says] for s in ordered]
    out.table(["scenario", "outcome", "owner", "clip", "says"], rows, "Outcomes")
    for s in ordered:
        out.section(s.name, s.note or "")
        checks: list[Row] = [
            [c.expected, _verdict(c.passed), c.says, f"{c.moment_s:.2f} s", c.answered] for c in s.checks
        ]
        out.table(["expected", "outcome", "says", "worst moment", "answered there"], checks, f"Checks of {s.name}")
        if s.picture and s.picture in pictures:
            out.picture(data_uri(pictures[s.picture]), s.alt, f"{s.clip}, person {s.person}: {s.alt}")
    return out


def _verdict(passed: bool) -> Cell:
    return Cell("passed", "good") if passed else Cell("failed", "bad")
