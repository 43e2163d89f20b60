"""Names and comments of strangers in reports, pages and tables: nothing of them runs, in a browser or a spreadsheet.

Slow: a real Chromium opens every report, since only a browser says whether it runs something. The service's own page is
tried in test_page.py.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chromium import chromium
from made_up_tracks import made_up
from posemill.applications.protocol import Event, Measurement, Severity
from posemill.applications.report import application_page
from posemill.applications.result import ApplicationResult
from posemill.backup.objects import shown_url
from posemill.cli.data import _changes
from posemill.errors import QualityError
from posemill.evaluation import artifacts
from posemill.handover.lineage import _safe
from posemill.monitoring import report as monitoring
from posemill.monitoring.drift import Drift
from posemill.monitoring.live import live
from posemill.monitoring.reference import reference
from posemill.operations.dataset_versions import Clip, Place, Version, steps
from posemill.operations.dataset_versions_page import versions_page
from posemill.quality import suite_runner
from posemill.report.notebook import activities_html, tracks_html
from posemill.report.page import Cell, Page
from posemill.video.camera import redacted_source
from quality_tables import good

EXPECTATIONS = Path(__file__).resolve().parents[2] / "expectations"
HOSTILE = (
    "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>"
    "'\"><svg onload=\"document.title='ran'\"></svg></title></style></script><b class=planted>"
)
FORMULAS = ("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0")


def general(folder: Path) -> Path:
    page = Page(HOSTILE, HOSTILE, HOSTILE).banner(HOSTILE, "bad").section(HOSTILE, HOSTILE)
    page.text(HOSTILE).text(f"`{HOSTILE}`").heading(HOSTILE).bullets([HOSTILE]).commands([HOSTILE])
    page.table([HOSTILE], [[HOSTILE], [Cell(HOSTILE, "bad")]], HOSTILE)
    page.picture("data:image/png;base64,", HOSTILE, HOSTILE)
    return page.write(folder / "page.html")


def application(folder: Path) -> Path:
    about = {"application": "fall", "person": 0, "time_s": 1.0, "start_s": 1.0}
    event = Event(**about, kind="fall", end_s=2.0, severity=Severity.ALARM, message=HOSTILE)
    measured = Measurement(
        application="fall", name=HOSTILE, person=0, start_s=0, end_s=1, value=None, unit=HOSTILE, reason=HOSTILE
    )
    result = ApplicationResult(
        application="fall",
        title=HOSTILE,
        source=HOSTILE,
        params={HOSTILE: HOSTILE},
        skeleton="coco-17",
        width_px=64,
        height_px=48,
        frames=10,
        duration_s=1.0,
        people=1,
        events=(event,),
        measurements=(measured,),
        summary={HOSTILE: 1},
        limits=(HOSTILE,),
        notice=HOSTILE,
    )
    return application_page(result).write(folder / "application.html")


def drift(folder: Path) -> Path:
    windows = np.random.default_rng(0).uniform(0, 300, (40, 2, 4, 3)).astype(np.float32)
    found = [Drift("body_px", 0.9, 0.4, 0.25, 0.3, HOSTILE, HOSTILE)]
    page = monitoring.page(reference(windows, [HOSTILE] * 40), live([]), found, says=HOSTILE, enough=True)
    return page.write(folder / "drift.html")


def versions(folder: Path) -> Path:
    return versions_page(hostile_steps(HOSTILE), HOSTILE).write(folder / "versions.html")


def hostile_steps(text: str) -> list:
    place, other = Place("a" * 64, 0, 4), Place("b" * 64, 0, 4)
    first = Version(datetime(2026, 3, 1, tzinfo=UTC), (text,), {place: Clip("wave", "ann")}, True)
    second = {place: Clip(text, text), other: Clip(text, text)}
    return steps([first, Version(datetime(2026, 3, 2, tzinfo=UTC), (text,), second, True)])


def notebook(folder: Path) -> Path:
    tracks = replace(made_up(1), medium=HOSTILE, labeller=HOSTILE)
    rows = [(HOSTILE, [(0.0, 1.0, HOSTILE, 0.5, False)])]
    path = folder / "notebook.html"
    path.write_text(f"<!doctype html><title>notebook</title>{tracks_html(tracks)}{activities_html(HOSTILE, rows, 2.0)}")
    return path


def data_docs(folder: Path) -> Path:
    """Great Expectations' own pages, with activities and subjects among the unexpected values."""
    (folder / "e" / "expectations").mkdir(parents=True)
    shutil.copy(EXPECTATIONS / "great_expectations.yml", folder / "e")
    about = {"level": "set", "says": HOSTILE, "advice": "mend it"}
    wanted = [
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": name, "value_set": ["x"]}, "meta": about}
        for name in ("activity", "subject")
    ]
    (folder / "e" / "expectations" / "windows.json").write_text(json.dumps({"name": "windows", "expectations": wanted}))
    table = good("windows")
    table["activity"] = table["subject"] = HOSTILE
    with pytest.raises(QualityError):
        suite_runner.check_windows(table, folder / "e", folder / "docs")
    (page,) = (folder / "docs" / "validations").rglob("*.html")
    return page


REPORTS: dict[str, Callable[[Path], Path]] = {
    "a page of every kind of text": general,
    "an application": application,
    "drift": drift,
    "dataset versions": versions,
    "a notebook": notebook,
    "Data Docs": data_docs,
}


@pytest.mark.slow
def test_no_report_runs_what_a_name_holds(tmp_path: Path) -> None:
    paths = {}
    for name, write in REPORTS.items():
        (tmp_path / name).mkdir()
        paths[name] = write(tmp_path / name)
    control = tmp_path / "control.html"
    control.write_text(f"<!doctype html><title>control</title>{HOSTILE}")
    with chromium() as browser:
        page = browser.new_page()
        page.goto(control.as_uri())
        page.wait_for_timeout(300)
        assert page.title() == "ran"  # else the following would show nothing
        for name, path in paths.items():
            page.goto(path.as_uri())
            page.wait_for_timeout(300)
            assert page.title() != "ran", name
            assert page.locator("img[src=x], svg[onload], .planted").count() == 0, name
            assert "onerror" in page.content(), name  # it is there, as a text


@pytest.mark.parametrize("formula", FORMULAS)
def test_tables_for_people_hold_no_formula(formula: str, tmp_path: Path) -> None:
    rows = list(csv.reader(io.StringIO(_changes(hostile_steps(formula)))))
    artifacts._csv(tmp_path / "plot.csv", ("actual", "share"), [(formula, -0.5)])
    rows += list(csv.reader(io.StringIO((tmp_path / "plot.csv").read_bytes().decode(), newline="")))
    lineage = _safe(pl.DataFrame({"activity": [formula, None], "start_s": [-1.0, 2.0]}))
    rows += [[str(cell) for cell in row] for row in lineage.rows()]
    cells = [cell for row in rows for cell in row]
    assert f"'{formula}" in cells
    assert formula not in cells
    assert "-0.5" in cells  # a number is no text


@pytest.mark.parametrize("shown", [redacted_source, shown_url])
def test_addresses_are_shown_without_their_secrets(shown: Callable[[str], str]) -> None:
    for secret in ("s3cret", "s3cret@s3cret"):
        address = shown(f"rtsp://ann:{secret}@camera.local:554/live?token=s3cret#s3cret")
        assert "camera.local" in address
        assert "s3cret" not in address
