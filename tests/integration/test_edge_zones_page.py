"""The page on which zones are drawn, in a real Chromium: what it says fits the configuration file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from chromium import chromium
from posemill.edge.config import parse
from posemill.edge.runtime import Runtime
from posemill.edge.server import HealthServer
from posemill.edge.stream import Shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
LONG = "hall-of-the-second-floor-of-the-northern-wing-by-the-lift"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The server of a runtime with two sources, the second without a picture."""
    image = np.random.default_rng(0).integers(0, 255, (180, 320, 3), np.uint8)
    streams = tuple(
        SimpleNamespace(config=SimpleNamespace(name=name), shown=shown)
        for name, shown in (("door", Shown(image, {}, {})), (LONG, None))
    )
    runtime = SimpleNamespace(streams=streams, health=lambda: {"sources": {"door": {}, LONG: {}}})
    with HealthServer(cast(Runtime, runtime), 0) as server:
        yield f"http://127.0.0.1:{server.port}/zones"


def opened(browser: Browser, address: str, width: int) -> tuple[Page, list[str]]:
    page, faults = browser.new_page(viewport={"width": width, "height": 844}), list[str]()
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    expect(page.locator("#source option")).to_have_count(2)
    return page, faults


def expect(of: Any) -> Any:
    from playwright.sync_api import expect

    return expect(of)


@pytest.mark.parametrize("width", [1280, 390])
def test_corners_become_a_zone_of_the_configuration(browser: Browser, address: str, width: int) -> None:
    page, faults = opened(browser, address, width)
    box = page.locator("#picture").bounding_box()
    assert box is not None
    corners = [(0.2, 0.25), (0.75, 0.25), (0.5, 0.9)]
    expect(page.locator("#copy")).to_be_disabled()
    for x, y in (*corners, (0.1, 0.1)):
        page.locator("#picture").click(position={"x": x * box["width"], "y": y * box["height"]})
    page.click("#undo")
    page.fill("#name", "bed")
    expect(page.locator("#copy")).to_be_enabled()
    lines = page.locator("#toml").inner_text()
    content = tomllib.loads('[[source]]\nurl = "0"\n' + lines)
    (zone,) = parse(content, "the page").source[0].zone
    assert zone.name == "bed"
    np.testing.assert_allclose(zone.polygon, corners, atol=0.005)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults == []
    page.close()


def test_without_a_picture_it_says_what_to_do(browser: Browser, address: str) -> None:
    page, _ = opened(browser, address, 390)
    expect(page.locator("#fault")).to_be_hidden()
    page.select_option("#source", LONG)
    expect(page.locator("#fault")).to_contain_text("There is no picture: previews are off: set http.preview = true")
    page.close()
