"""The acceptance page before the real analysis service, which all tests of videos share.

Slow: that the canned answers of the other tests are those of the service is shown here, once, from a file to the
overlay that plays, the probabilities at a moment and feedback.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chromium import chromium, playable
from packaged import CLASSES
from posemill.serving.client import Client

pytestmark = [
    pytest.mark.slow,
    # OpenPifPaf's own plots, at its import, use what matplotlib will take away
    pytest.mark.filterwarnings("ignore:The set_(bad|over|under) function:PendingDeprecationWarning"),
]
WAIT_MS = 180_000
PERCENT = re.compile(r"^\d+\s%$")
VERDICT = re.compile(rf"^({'|'.join(CLASSES)}) \d+\s%$")


def test_a_clip_goes_through_the_page(analysis_client: Client, waving_person: Path) -> None:
    from playwright.sync_api import expect

    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{analysis_client.url}/", wait_until="networkidle")
        assert page.url == f"{analysis_client.url}/uat"
        page.set_input_files("#file", waving_person)
        expect(page.locator("#outcome-title")).to_have_text(VERDICT, timeout=WAIT_MS)
        expect(page.locator(".screen")).to_have_attribute("data-source", "overlay")
        video = page.locator(".screen video")
        playable(video)
        duration = video.evaluate("v => v.duration")
        slider = page.get_by_role("slider")
        assert duration == pytest.approx(float(slider.get_attribute("aria-valuemax") or 0), abs=0.2)
        slider.press("Shift+ArrowRight")  # a second from the start
        expect(page.locator(".bars .figure")).to_have_text([PERCENT] * len(CLASSES))
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        page.locator(".button.right").first.click()
        expect(page.locator(".problem")).to_contain_text("Not kept. feedback cannot be kept: the service has no")
        job = page.url.split("#job=")[1]
    analysis_client.cancel(job)


def test_a_page_of_another_site_sends_nothing(analysis_client: Client) -> None:
    to = f"{analysis_client.url}/jobs"
    form = f'<form method="post" enctype="text/plain" action="{to}"><input name="x" value="1"></form>'
    with chromium() as browser:
        page = browser.new_page()
        page.route("http://other.test/", lambda route: route.fulfill(body=form, content_type="text/html"))
        page.goto("http://other.test/")
        with page.expect_navigation() as sent:
            page.evaluate("document.forms[0].submit()")
        assert sent.value.request.method == "POST"
        assert sent.value.status == 403
        assert "another site" in sent.value.text()
