"""Names and comments that would run as a script in a page that does not escape them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.uat import report as reports
from posemill.uat.report import Report
from tried_bento import PICTURE, Tried, report_on

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = (
    "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>"
    "'\"><svg onload=\"document.title='ran'\"></svg></title></style></script></text><b class=planted>"
)
SHORT = (  # a name of an activity has 64 characters at most
    '"><img src=x onerror="document.title=\'ran\'">',
    "</text><script>document.title='ran'</script>",
    "'><svg onload=\"document.title='ran'\"></svg>",
)


def hostile_report(tried: Tried, folder: Path, passed: bool = True) -> Path:
    """Write an acceptance report whose texts are all hostile; returns its folder."""
    made = report_on(tried, folder, passed=passed)
    fields = json.loads((made / reports.REPORT).read_text())
    shutil.rmtree(made)
    for scenario in fields["scenarios"]:
        scenario |= dict.fromkeys(("name", "owner", "note", "clip", "says", "alt"), HOSTILE)
        for check in scenario["checks"]:
            check |= dict.fromkeys(("expected", "says", "answered"), HOSTILE)
    report = Report.model_validate(fields | {"says": HOSTILE, "files": {}})
    return reports.write(folder, report, {PICTURE: b"a picture"}).parent


def require_nothing_ran(page: Page, what: object) -> None:
    """Fail where a text became an element, or ran."""
    assert page.title() != "ran", what
    assert page.locator("img[src=x], svg[onload], .planted").count() == 0, what
