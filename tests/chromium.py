"""The system's Chromium for tests of the page: no browser is downloaded, and it reaches loopback only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

MISSING = "no Chromium on this machine: install it as root (Debian: apt-get install chromium)"
PATIENCE_MS = 30_000  # of an expectation: tests run side by side, and a busy machine is slow, not wrong
REQUIRED = "CHROMIUM_REQUIRED"  # set by .ci/run: there a skipped test would hide a broken page
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--autoplay-policy=no-user-gesture-required",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """A running browser; the test is skipped where there is none, or fails where there must be one."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(MISSING)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


def comes_true(of: Locator, condition: str) -> None:
    """Wait until a JavaScript function of an element is true: for what comes a frame or a load after its cause."""
    of.page.wait_for_function(f"of => ({condition})(of)", arg=of.element_handle(), timeout=PATIENCE_MS)


def comes(page: Page, condition: Callable[[], bool]) -> None:
    """Wait until what the page has sent off has come, where it does not say so itself."""
    for _ in range(PATIENCE_MS // 50):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"it did not come within {PATIENCE_MS / 1000:.0f} s")


def playable(video: Locator) -> None:
    """Wait until a video knows its length and size, which its element does not when it appears."""
    comes_true(video, "v => v.readyState >= HTMLMediaElement.HAVE_METADATA")
