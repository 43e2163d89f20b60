from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from posemill.errors import QualityError
from posemill.quality import suite_runner, suites
from posemill.quality.outcomes import QualityReport, SuiteOutcome
from quality_tables import good

FOLDER = Path(__file__).resolve().parents[3] / "expectations"


def folder_with(tmp_path: Path, *expectations: dict[str, Any]) -> Path:
    """A context whose suite `windows` has these expectations."""
    (tmp_path / "e" / "expectations").mkdir(parents=True)
    shutil.copy(FOLDER / "great_expectations.yml", tmp_path / "e")
    suite = {"name": "windows", "expectations": list(expectations)}
    (tmp_path / "e" / "expectations" / "windows.json").write_text(json.dumps(suite))
    return tmp_path / "e"


def expectation(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs, "meta": {"level": "set", "says": "it is so", "advice": "mend it"}}


def check(folder: Path, tmp_path: Path, table: pd.DataFrame | None = None) -> QualityReport:
    return suite_runner.check_windows(good("windows") if table is None else table, folder, tmp_path / "docs")


def digest(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_good_windows_pass_and_data_docs_are_written_elsewhere(tmp_path: Path) -> None:
    before = digest(FOLDER)
    report = check(FOLDER, tmp_path)
    assert report.passed
    assert report.expectations == len(suites.load(FOLDER, "windows").expectations)
    assert "windows_set" in (tmp_path / "docs" / "index.html").read_text()
    assert list((tmp_path / "docs" / "validations").rglob("*.html"))
    assert digest(FOLDER) == before


def test_data_docs_fetch_nothing_and_every_link_of_the_index_leads_somewhere(tmp_path: Path) -> None:
    check(FOLDER, tmp_path)
    docs = tmp_path / "docs"
    pages = list(docs.rglob("*.html"))
    fetched = re.compile(r"<(script|img|link|iframe)[^>]*(src|href)=.?https?:|url\(.?https?:")
    assert [page.name for page in pages if fetched.search(page.read_text())] == []
    links = re.findall(r'<a href="([^"#]+)"', (docs / "index.html").read_text())
    assert len(links) == 2
    assert all((docs / link).is_file() for link in links)


def test_a_person_in_two_splits_is_named(tmp_path: Path) -> None:
    table = good("windows").drop(columns=["subject_splits"])
    table.loc[11, "subject"] = "s0"
    with pytest.raises(
        QualityError, match=r"no subject is in more than one split, observed 2 for subject s0, allowed at most 1"
    ):
        check(FOLDER, tmp_path, table)


def test_the_activity_without_test_windows_is_named_with_what_to_do(tmp_path: Path) -> None:
    table = good("windows")
    table = table[~((table["activity"] == "wave") & (table["split"] == "test"))]
    with pytest.raises(QualityError, match=r"observed 0 for activity wave, allowed at least 1 .*; the test would say"):
        check(FOLDER, tmp_path, table)


def test_an_expectation_that_does_not_exist_is_refused_with_the_nearest(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, expectation("expect_column_values_to_not_be_nul", column="clip"))
    with pytest.raises(QualityError, match="does not have; did you mean expect_column_values_to_not_be_null"):
        check(folder, tmp_path)


def test_a_suite_without_expectations_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(QualityError, match="has no expectation"):
        check(folder_with(tmp_path), tmp_path)


def test_a_misspelt_argument_is_a_failure(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, expectation("expect_column_max_to_be_between", column="clip", max_valeu=3))
    with pytest.raises(QualityError, match="max_valeu"):
        check(folder, tmp_path)


def test_a_column_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, expectation("expect_column_max_to_be_between", column="klip", max_value=3))
    with pytest.raises(QualityError, match=r'could not be judged: .*"klip"'):
        check(folder, tmp_path)


@pytest.mark.parametrize(
    ("meta", "fault"), [({"level": "group", "says": "x"}, "level"), ({"level": "set"}, "says"), ({}, "level")]
)
def test_an_expectation_must_say_what_it_is(tmp_path: Path, meta: dict[str, str], fault: str) -> None:
    folder = folder_with(tmp_path, expectation("expect_column_to_exist", column="clip") | {"meta": meta})
    with pytest.raises(QualityError, match=rf"meta\.{fault}"):
        check(folder, tmp_path)


def test_a_missing_suite_is_named(tmp_path: Path) -> None:
    with pytest.raises(QualityError, match=r"no suite .*/clips\.json"):
        suites.load(tmp_path, "clips")


@pytest.mark.parametrize("suites_", [[], [SuiteOutcome(suite="clips", rows=3, rejected=0, outcomes=[])]])
def test_when_nothing_was_judged_the_run_stops(suites_: list[SuiteOutcome]) -> None:
    with pytest.raises(QualityError, match="no expectation ran"):
        suite_runner.require(QualityReport(suites=suites_))
