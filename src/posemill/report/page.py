"""HTML report page in one file: inline style, inline pictures, no script, nothing fetched."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Literal

from posemill.atomic import write_text

Tone = Literal["plain", "good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A key figure at the top of the page. `note` says how to read it, in a few words."""

    name: str
    value: str
    note: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell that needs a tone or leads somewhere (`href`); other cells are plain strings and numbers."""

    text: str
    tone: Tone = "plain"
    href: str = ""


@dataclass(slots=True)
class Page:
    """Report page, built from top to bottom; every method returns the page. Texts are plain text and are escaped here.

    title  of page and tab; lead  one or two sentences below it; footer  where the page comes from.
    """

    title: str
    lead: str = ""
    footer: str = ""
    _head: list[str] = field(default_factory=list)
    _sections: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def figures(self, figures: Sequence[Figure]) -> Page:
        """Key figures, side by side under the title."""
        self._head.append(f'<dl class="figures">{"".join(map(_figure, figures))}</dl>')
        return self

    def banner(self, text: str, tone: Tone) -> Page:
        """One sentence that must not be missed."""
        self._head.append(f'<p class="banner {tone}" role="status">{escape(text)}</p>')
        return self

    def section(self, title: str, text: str = "") -> Page:
        """A new section; tables and pictures that follow go into it."""
        anchor = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or f"section-{len(self._sections)}"
        self._sections.append((title, anchor, [f"<p>{escape(text)}</p>"] if text else []))
        return self

    def text(self, text: str) -> Page:
        """A paragraph in the current section; what is between backticks is set as code."""
        return self._add(f"<p>{_coded(text)}</p>")

    def heading(self, text: str) -> Page:
        """A small heading in the current section, above what it names."""
        return self._add(f"<h3>{escape(text)}</h3>")

    def bullets(self, items: Sequence[str]) -> Page:
        """A list in the current section."""
        return self._add(f"<ul>{''.join(f'<li>{_coded(item)}</li>' for item in items)}</ul>")

    def commands(self, lines: Sequence[str]) -> Page:
        """Lines to type, in the current section."""
        return self._add(f'<pre tabindex="0"><code>{escape(chr(10).join(lines))}</code></pre>')

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str | int | float | Cell]], caption: str = ""
    ) -> Page:
        """A table in the current section. The first column heads its row; numbers are set to the right."""
        if wrong := [row for row in rows if len(row) != len(columns)]:
            raise ValueError(f"table {caption!r} has {len(columns)} columns, a row has {len(wrong[0])}: {wrong[0]}")
        return self._add(_table(columns, rows, caption))

    def picture(self, source: str, alt: str, caption: str = "") -> Page:
        """A picture in the current section. `source` is a data: URI (see plots.svg); `alt` says what it shows."""
        if not source.startswith("data:") or not alt:
            raise ValueError("a picture of a page is a data: URI with an alternative text, so that it needs no file")
        below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        return self._add(f'<figure><img src="{source}" alt="{escape(alt)}">{below}</figure>')

    def html(self) -> str:
        """The whole page."""
        links = "".join(f'<a href="#{anchor}">{escape(title)}</a>' for title, anchor, _ in self._sections)
        sections = "".join(
            f'<section id="{anchor}"><h2>{escape(title)}</h2>{"".join(parts)}</section>'
            for title, anchor, parts in self._sections
        )
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{_style()}</style></head><body>"
            '<a class="skip" href="#content">To the content</a>'
            f'<header><h1>{escape(self.title)}</h1><p class="lead">{escape(self.lead)}</p>{"".join(self._head)}'
            f'<nav aria-label="Sections">{links}</nav></header>'
            f'<main id="content">{sections}</main><footer><p>{escape(self.footer)}</p></footer></body></html>\n'
        )

    def write(self, path: Path) -> Path:
        """Write the page; the file is whole or not there."""
        write_text(path, self.html())
        return path

    def _add(self, html: str) -> Page:
        if not self._sections:
            raise ValueError("a page needs a section before its first table, text or picture")
        self._sections[-1][2].append(html)
        return self


def percent(share: float, digits: int = 0) -> str:
    """Format a share: 0.913 as `91 %`, which never breaks; a dash where nothing was measured."""
    return f"{100 * share:.{digits}f}\N{NARROW NO-BREAK SPACE}%" if math.isfinite(share) else "–"


def _coded(text: str) -> str:
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:  # a backtick that is none of a pair
        return escape(text)
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _style() -> str:
    return files("posemill.report").joinpath("page.css").read_text(encoding="utf-8")


def _figure(figure: Figure) -> str:
    note = f'<dd class="note">{escape(figure.note)}</dd>' if figure.note else ""
    value = f'<dd class="value">{escape(figure.value)}</dd>'
    return f'<div class="{figure.tone}"><dt>{escape(figure.name)}</dt>{value}{note}</div>'


def _table(columns: Sequence[str], rows: Sequence[Sequence[str | int | float | Cell]], caption: str) -> str:
    right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(columns))]
    head = "".join(f'<th scope="col"{_classes(right[i], "plain")}>{escape(c)}</th>' for i, c in enumerate(columns))
    body = "".join(
        "<tr>" + "".join(_cell(cell, right[i], i == 0) for i, cell in enumerate(row)) + "</tr>" for row in rows
    )
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    # a wide table scrolls in its own box, which the keyboard can reach too
    name = escape(caption or columns[0])
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">'
        f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(cell: str | int | float | Cell, right: bool, heads: bool) -> str:
    tone = cell.tone if isinstance(cell, Cell) else "plain"
    text = escape(_text(cell))
    if isinstance(cell, Cell) and cell.href:
        text = f'<a href="{escape(cell.href)}">{text}</a>'
    if heads:
        return f'<th scope="row"{_classes(right, tone)}>{text}</th>'
    return f"<td{_classes(right, tone)}>{text}</td>"


def _text(cell: str | int | float | Cell) -> str:
    if isinstance(cell, Cell):
        return cell.text
    if isinstance(cell, str):
        return cell
    return f"{cell:,}".replace(",", " ") if isinstance(cell, int) else f"{cell:.3g}"


def _classes(right: bool, tone: Tone) -> str:
    names = [name for name, on in (("number", right), (tone, tone != "plain")) if on]
    return f' class="{" ".join(names)}"' if names else ""


def _is_number(cell: str | int | float | Cell) -> bool:
    """True if the cell is a number, such as 12, 0.93, 91 % or 3 of 4."""
    return re.fullmatch(r"[-+−–]?[\d.,\s]+(%|s|px|fps)?|[\d.]+ (of|–) [\d.]+ ?%?|–", _text(cell).strip()) is not None
