"""Report of an acceptance run: report.json and one HTML page.

A signature covers the digest of report.json, which contains the digests of all other files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from posemill.atomic import write_bytes, write_text
from posemill.errors import InputError
from posemill.report.page import Cell, Figure, Page
from posemill.uat.checks import Check
from posemill.uat.provenance import Provenance

REPORT, PAGE, PICTURES = "report.json", "report.html", "pictures"

Row = list[str | int | float | Cell]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScenarioResult(_Strict):
    """Result of one scenario, with the picture of its worst moments."""

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
    checks: tuple[Check, ...]
    picture: str | None
    alt: str


class Report(_Strict):
    """Report of a run.

    files  SHA-256 of scenario files, page and pictures, by relative path.
    """

    run: str
    at: str
    posemill: str
    bento: str | None
    provenance: Provenance | None = Field(validation_alias=AliasChoices("provenance", "receipt"))  # former name
    passed: bool
    says: str
    scenarios: tuple[ScenarioResult, ...]
    files: dict[str, str]


def write(folder: Path, report: Report, pictures: Mapping[str, bytes]) -> Path:
    """Write pictures, page and, last, report.json with their digests; returns the path of report.json."""
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    for name, jpeg in pictures.items():
        write_bytes(folder / name, jpeg)
    page(report, pictures).write(folder / PAGE)
    written = {name: digest_of_bytes((folder / name).read_bytes()) for name in (PAGE, *sorted(pictures))}
    complete = report.model_copy(update={"files": {**report.files, **written}})
    write_text(folder / REPORT, complete.model_dump_json(indent=1) + "\n")
    return folder / REPORT


def read(path: Path) -> Report:
    """Read a report from its folder or report.json. Errors: InputError for anything else."""
    file = path / REPORT if path.is_dir() else path
    try:
        return Report.model_validate_json(file.read_bytes())
    except OSError as exc:
        raise InputError(f"{file} cannot be read: give the folder or report.json of `posemill uat run`") from exc
    except ValidationError as exc:
        raise InputError(
            f"{file} is not a report of `posemill uat run`, or was modified: {exc.errors()[0]['msg']}"
        ) from exc


def changed_files(path: Path) -> list[str]:
    """Names of page and pictures that are missing or differ from their digest in report.json."""
    folder = path if path.is_dir() else path.parent
    named = {n: d for n, d in read(path).files.items() if n == PAGE or n.startswith(f"{PICTURES}/")}
    return [
        n for n, d in named.items() if not (folder / n).is_file() or digest_of_bytes((folder / n).read_bytes()) != d
    ]


def digest_of_bytes(content: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(content).hexdigest()


def page(report: Report, pictures: Mapping[str, bytes]) -> Page:
    """Build the HTML report."""
    from posemill.uat.evidence import data_uri

    passed = sum(s.passed for s in report.scenarios)
    lead = "Scenarios run against a service: expected and answered activities, and the worst moment of every clip."
    out = Page("Acceptance report", lead, f"posemill {report.posemill}, run {report.run}, {report.at}")
    out.banner(report.says, "good" if report.passed else "bad")
    out.figures(
        [
            Figure("Scenarios", str(len(report.scenarios))),
            Figure("Passed", f"{passed} of {len(report.scenarios)}", tone="good" if report.passed else "bad"),
        ]
    )
    tested: list[Row] = [["bento", report.bento or "none: the service does not run from one"]]
    tested += [["provenance", f"{report.provenance.id}, for `posemill trace`"]] if report.provenance else []
    tested += [["posemill", report.posemill], ["run", report.run]]
    out.section("System under test").table(["field", "value"], tested)
    out.section("Scenarios", "Expectations and answers. Failed scenarios come first.")
    ordered = sorted(report.scenarios, key=lambda s: s.passed)
    rows: list[Row] = [[s.name, _verdict(s.passed), s.owner, s.clip, s.says] for s in ordered]
    out.table(["scenario", "outcome", "owner", "clip", "finding"], rows, "Outcomes")
    for s in ordered:
        out.section(s.name, s.note or "")
        checks: list[Row] = [
            [c.expected, _verdict(c.passed), c.says, f"{c.moment_s:.2f} s", c.answered] for c in s.checks
        ]
        out.table(["expected", "outcome", "finding", "worst moment", "answer there"], checks, f"Checks of {s.name}")
        if s.picture and s.picture in pictures:
            out.picture(data_uri(pictures[s.picture]), s.alt, f"{s.clip}, person {s.person}: {s.alt}")
    return out


def _verdict(passed: bool) -> Cell:
    return Cell("passed", "good") if passed else Cell("failed", "bad")
