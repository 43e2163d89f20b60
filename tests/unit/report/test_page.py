from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from posemill.report.page import Cell, Figure, Page, percent
from posemill.report.plots import axes, svg

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects tags and checks that they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: Page) -> Reader:
    reader = Reader()
    reader.feed(page.html())
    assert reader.open == []
    return reader


def example() -> Page:
    figure, (ax,) = axes(2, 1)
    ax.plot([0, 1], [0, 1])
    return (
        Page("A <title>", "lead & more")
        .figures([Figure("Clips", "12", "of 13", "good")])
        .banner("All is well.", "good")
        .section("First part", "says <this>")
        .table(["Name", "Count"], [("a<b", 3), (Cell("c", "bad"), 12)], "caption")
        .picture(svg(figure), "a line from 0 to 1", "below")
    )


def test_a_page_is_whole_and_refers_to_nothing_outside_itself() -> None:
    reader = read(example())
    sources = [a["src"] for t, a in reader.tags if t == "img"]
    assert sources
    assert all((s or "").startswith("data:image/svg+xml;base64,") for s in sources)
    assert not [t for t, _ in reader.tags if t in ("script", "link", "iframe")]
    assert [a["href"] for t, a in reader.tags if t == "a"] == ["#content", "#first-part"]


def test_text_is_escaped_everywhere() -> None:
    html = example().html()
    assert "<title>A &lt;title&gt;</title>" in html
    assert "says &lt;this&gt;" in html
    assert "a&lt;b" in html
    assert "lead &amp; more" in html


def test_it_can_be_read_on_a_phone_and_by_a_screen_reader() -> None:
    reader = read(example())
    assert ("html", {"lang": "en"}) in reader.tags
    assert any(a.get("name") == "viewport" for t, a in reader.tags if t == "meta")
    assert all(a.get("alt") for t, a in reader.tags if t == "img")
    assert all(a.get("scope") in ("row", "col") for t, a in reader.tags if t == "th")


def test_columns_of_figures_are_set_to_the_right() -> None:
    html = Page("t").section("s").table(["Name", "Count", "Share"], [("a", 3, "91.2 %"), ("b", 12, "–")]).html()
    assert '<th scope="col" class="number">Count</th>' in html
    assert '<td class="number">91.2 %</td>' in html
    assert '<th scope="row">a</th>' in html


def test_a_table_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 columns, a row has 1"):
        Page("t").section("s").table(["a", "b"], [("x",)])


def test_a_picture_needs_an_alternative_text_and_no_file() -> None:
    with pytest.raises(ValueError, match="alternative text"):
        Page("t").section("s").picture("data:image/png;base64,", "")
    with pytest.raises(ValueError, match="data: URI"):
        Page("t").section("s").picture("plot.png", "a plot")


def test_content_needs_a_section() -> None:
    with pytest.raises(ValueError, match="needs a section"):
        Page("t").text("lost")


def test_equal_pages_are_equal_bytes(tmp_path: Path) -> None:
    a, b = example().write(tmp_path / "a.html"), example().write(tmp_path / "b.html")
    assert a.read_bytes() == b.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_percent() -> None:
    assert percent(0.913) == "91\u202f%"
    assert percent(0.9128, 1) == "91.3\u202f%"
    assert percent(float("nan")) == "–"
