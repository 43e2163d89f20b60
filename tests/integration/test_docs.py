"""The documentation builds without a warning and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


class Loaded(HTMLParser):
    """Addresses that a browser loads for a page by itself; links that one clicks are none."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}
        self.addresses += [value for name, value in attrs if name == wanted.get(tag) and value]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with warnings as errors."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(out / "trees")]
    done = subprocess.run([*command, "docs", str(out / "html")], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / "html"


@pytest.mark.slow
def test_the_site_stands_alone(site: Path) -> None:
    """Slow: it imports every room of the reference. No page and no style sheet loads anything from another host."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 100
    for page in pages:
        outside = [a for a in Loaded(page.read_text()).addresses if re.match(r"(https?:)?//", a)]
        assert outside == [], page.name
    for style in site.rglob("*.css"):
        text = re.sub(r"url\((['\"]?)data:.*?\1\)", "", style.read_text())
        assert not re.search(r"(url\(['\"]?|@import\s+['\"])(https?:)?//", text), style.name


@pytest.mark.slow
def test_the_reference_has_the_public_names_and_their_examples(site: Path) -> None:
    """Slow: see above."""
    import posemill

    page = (site / "api" / "index.html").read_text()
    for name in posemill.__all__:
        assert name == "__version__" or re.search(rf'id="(module-)?posemill\.{name}"', page), name
    assert "PoseTrack.from_numpy" in page
    assert (site / "api" / "generated" / "posemill.formats.registry.html").is_file()
    assert (site / "howto" / "formats.html").is_file()
