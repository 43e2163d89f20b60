"""Self-contained Data Docs: as they are written, styles, scripts and pictures come from the internet.

Without them its index stays empty. The pages keep their text; the style is a small one of our own, the index a page of
posemill.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from posemill.quality.allowed_html import allowed_html
from posemill.report.page import Cell, Page

_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
_FETCHED_STYLE = re.compile(r"<link\b[^>]*\bhref=\"https?:[^>]*>", re.IGNORECASE)
_FETCHED_PICTURE = re.compile(r"<img\b[^>]*\bsrc=\"https?:[^>]*\balt=\"([^\"]*)\"[^>]*>", re.IGNORECASE)
_FETCHED_BACKGROUND = re.compile(r"url\(['\"]?https?:[^)]*\)")
_FOOTER = re.compile(r"<footer\b.*?</footer>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """One run of a suite: its name and level, the expectations that ran, and how many of them were not met."""

    name: str
    judged: int
    unmet: int


def make_self_contained(docs: Path, runs: Sequence[SuiteRun]) -> None:
    """Rewrite the Data Docs in this folder in place; index.html lists every validation and suite."""
    for page in sorted(docs.rglob("*.html")):
        page.write_text(self_contained(page.read_text(encoding="utf-8")), encoding="utf-8")
    _index(docs, runs).write(docs / "index.html")


def self_contained(html: str) -> str:
    """The page without scripts and without anything that a browser would fetch from elsewhere; links stay links."""
    style = files("posemill.quality").joinpath("data_docs.css").read_text(encoding="utf-8")
    for pattern, put in (
        (_SCRIPT, ""),
        (_FETCHED_STYLE, ""),
        (_FETCHED_PICTURE, r"\1"),
        (_FETCHED_BACKGROUND, "none"),
        (_FOOTER, ""),
    ):
        html = pattern.sub(put, html)
    html = "<!DOCTYPE html>" + allowed_html(html)
    return html.replace("</head>", f"<style>{style}</style></head>", 1)


def _index(docs: Path, runs: Sequence[SuiteRun]) -> Page:
    page = Page("Data Docs", "Expectations of the tables and their outcomes.", "posemill, by Great Expectations")
    page.section("Validations").table(
        ["Suite and level", "Outcome", "Expectations", "Not met"],
        [_validation(docs, run) for run in runs],
    )
    suites = sorted((docs / "expectations").rglob("*.html"))
    page.section("Suites", "Every expectation of each suite. Suites are files of expectations/.").table(
        ["Suite and level"], [[Cell(path.stem, href=path.relative_to(docs).as_posix())] for path in suites]
    )
    return page


def _validation(docs: Path, run: SuiteRun) -> list[Cell | int]:
    page = next(path for path in (docs / "validations" / run.name).rglob("*.html"))
    outcome = "met" if not run.unmet else "not met by some rows" if run.name.endswith("_row") else "not met"
    return [
        Cell(run.name, href=page.relative_to(docs).as_posix()),
        Cell(outcome, "warn" if run.unmet else "good"),
        run.judged,
        run.unmet,
    ]
