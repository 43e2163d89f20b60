"""Verdicts of approvers on the page of a service: real keys, a real PostgreSQL, a real browser.

Slow (database and browser): who may say that a model is accepted, and on which bytes, is what a release stands on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from chromium import PATIENCE_MS, chromium
from hostile_texts import HOSTILE, hostile_report, require_nothing_ran
from posemill.cli.main import cli
from posemill.serving.app import create_app
from posemill.serving.middleware.guard import GuardMiddleware
from posemill.serving.middleware.key_cache import from_database
from posemill.serving.middleware.limits import Limits
from posemill.serving.routers import acceptance, feedback, gallery, operations, page
from posemill.settings import Settings
from posemill.store.api_keys import create_key
from posemill.uat.release import promote_bento
from stand_in_service import serving
from tried_bento import Tried, report_on, tried_bento

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow


@pytest.fixture
def tried(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Tried:
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    for name, value in (
        ("WORKSPACE", settings.workspace),
        ("HOME", settings.home),
        ("DATABASE_URL", settings.database_url),
    ):
        monkeypatch.setenv(f"POSEMILL_{name}", str(value))
    with engine.begin() as connection:
        return tried_bento(connection, settings, "first")


@pytest.fixture
def keys(engine: Engine) -> dict[str, str]:
    with engine.begin() as connection:
        return {r: create_key(connection, f"anna-{r}", role=r, added_by="test") for r in ("annotator", "approver")}


@pytest.fixture
def address(tried: Tried, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A service of this bento, behind the guard, with keys of the database; without a model."""
    service = SimpleNamespace(provenance=tried.provenance, version="1", licence="Apache-2.0", bento_service=None)
    for module in (acceptance, operations):
        monkeypatch.setattr(module, "current_service", lambda: service)
    monkeypatch.setattr(operations, "paths", lambda app: ["/analyse_video", "/acceptance"])
    feedback.engine.cache_clear()
    url = str(settings.database_url)
    app = create_app("test", [page.router, gallery.router, acceptance.router, operations.router])
    with serving(GuardMiddleware(app, Limits(require_keys=True), from_database(url))) as address:
        yield address
    feedback.engine(url).dispose()
    feedback.engine.cache_clear()


def submit(folder: Path) -> None:
    done = CliRunner().invoke(cli, ["uat", "submit", str(folder), "--json"])
    assert done.exit_code == 0, done.output


def asked(address: str, key: str, verdict: dict[str, Any] | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    if verdict is None:
        return httpx.get(f"{address}/acceptance", headers=headers)
    return httpx.post(f"{address}/verdicts", json=verdict, headers=headers)


def test_an_approver_signs_the_report_that_was_submitted(
    address: str, keys: dict[str, str], tried: Tried, engine: Engine, settings: Settings
) -> None:
    assert asked(address, keys["approver"]).json() == {
        "bento": tried.tag,
        "report": None,
        "verdict": None,
        "may_sign": True,
    }
    lost = {"report": "0" * 64, "accepted": True}
    assert (told := asked(address, keys["approver"], lost)).status_code == 404
    assert "posemill uat submit" in told.json()["error"]
    submit(report_on(tried, settings.workspace / "1", run="a" * 16))
    submit(report_on(tried, settings.workspace / "2", run="b" * 16, passed=False))
    said = asked(address, keys["annotator"]).json()
    assert (said["report"]["run"], said["may_sign"]) == ("b" * 16, False)
    verdict = {"report": said["report"]["digest"], "accepted": True}
    assert asked(address, keys["annotator"], verdict).status_code == 403
    assert asked(address, keys["approver"], lost).status_code == 409
    assert "accept it under conditions" in asked(address, keys["approver"], verdict).json()["error"]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM acceptance")) == 0
    stored = asked(address, keys["approver"], {**verdict, "conditions": " not for children "})
    assert stored.status_code == 200, stored.text
    given = asked(address, keys["annotator"]).json()["verdict"]
    assert (given["accepted"], given["by"], given["conditions"]) == (True, "anna-approver", "not for children")
    assert promote_bento(settings, tried.tag)["version"] == tried.version
    with engine.connect() as connection:
        by, actor = connection.execute(
            text("SELECT a.added_by, t.actor FROM acceptance a JOIN audit t ON t.object = 'acceptance'")
        ).one()
    assert by.startswith("service, key ")
    assert actor == "client anna-approver"


def test_a_service_without_keys_takes_no_verdict(
    address: str, tried: Tried, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(report_on(tried, settings.workspace / "1"))
    app = create_app("test", [acceptance.router])
    with serving(GuardMiddleware(app, Limits(), from_database(str(settings.database_url)))) as there:
        report = httpx.get(f"{there}/acceptance").json()
        assert report["may_sign"] is False
        told = httpx.post(f"{there}/verdicts", json={"report": report["report"]["digest"], "accepted": True})
    assert told.status_code == 403
    assert "key of an approver" in told.json()["error"]


def test_no_name_and_no_condition_runs_on_the_page(
    address: str, engine: Engine, tried: Tried, settings: Settings
) -> None:
    """Names and pictures' descriptions of a report, what an approver wrote, and the approver's own name."""
    with engine.begin() as connection:
        key = create_key(connection, HOSTILE, role="approver", added_by="test")
    submit(hostile_report(tried, settings.workspace / "1"))
    with chromium() as browser:
        page: Page = browser.new_page()
        page.context.add_cookies([{"name": "posemill_key", "value": key, "url": address}])
        page.goto(f"{address}/uat", wait_until="networkidle")
        assert "onerror" in page.locator("#acceptance").inner_text()
        require_nothing_ran(page, "report")
        digest = asked(address, key).json()["report"]["digest"]
        signed = asked(address, key, {"report": digest, "accepted": True, "conditions": HOSTILE})
        assert signed.status_code == 200, signed.text
        page.reload(wait_until="networkidle")
        assert "Nobody has signed" not in page.locator("#acceptance").inner_text()
        require_nothing_ran(page, "verdict")


def test_the_page_shows_the_report_and_takes_the_verdict(
    address: str, keys: dict[str, str], tried: Tried, settings: Settings
) -> None:
    from playwright.sync_api import expect

    submit(report_on(tried, settings.workspace / "1", passed=False))
    with chromium() as browser:
        page: Page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.context.add_cookies([{"name": "posemill_key", "value": keys["approver"], "url": address}])
        page.goto(f"{address}/uat", wait_until="networkidle")
        card = page.locator("#acceptance")
        expect(card).to_contain_text("squats")
        expect(card).to_contain_text("Nobody has signed a verdict yet.")
        card.get_by_role("button", name="Accept").click()
        expect(card.locator(".problem")).to_have_text("Scenarios failed: say under which conditions you accept.")
        card.get_by_role("button", name="Reject").click()
        expect(card.locator(".problem")).to_have_text("Say why you reject.")
        card.get_by_label("Conditions or reasons").fill("<b>falls</b> are missed")
        card.get_by_role("button", name="Reject").click()
        expect(card.locator(".kept.bad")).to_contain_text("Rejected by anna-approver on")
        expect(card.locator(".kept.bad")).to_contain_text(": <b>falls</b> are missed")
        page.context.clear_cookies()
        page.context.add_cookies([{"name": "posemill_key", "value": keys["annotator"], "url": address}])
        page.reload(wait_until="networkidle")
        expect(card.locator(".kept.bad")).to_be_visible()
        expect(card.get_by_role("button", name="Accept")).to_have_count(0)
        assert faults == []
