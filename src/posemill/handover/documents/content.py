"""Content of a document, whatever it is written as: sections of paragraphs, lists, tables, commands and drawings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from posemill.handover.documents.drawing import Drawing


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Heading:
    """A small heading within a section."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Commands:
    """Lines to type, as they are."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table; widths are shares of the page's width, for PDF."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    widths: tuple[float, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A drawing with a caption."""

    drawing: Drawing
    caption: str


Block = Paragraph | Heading | Bullets | Commands | Table | Picture


@dataclass(frozen=True)
class KeyFigure:
    """A figure for the first page, with a note how to read it."""

    name: str
    value: str
    note: str


@dataclass
class Section:
    """A section of a document."""

    title: str
    blocks: list[Block] = field(default_factory=list)

    def text(self, *paragraphs: str) -> Section:
        """Add paragraphs."""
        self.blocks += [Paragraph(text) for text in paragraphs]
        return self

    def heading(self, text: str) -> Section:
        """Add a small heading."""
        self.blocks.append(Heading(text))
        return self

    def bullets(self, items: Sequence[str]) -> Section:
        """Add a list."""
        self.blocks.append(Bullets(tuple(items)))
        return self

    def commands(self, *lines: str) -> Section:
        """Add lines to type."""
        self.blocks.append(Commands(lines))
        return self

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        caption: str = "",
        widths: Sequence[float] = (),
    ) -> Section:
        """Add a table."""
        self.blocks.append(Table(tuple(columns), tuple(map(tuple, rows)), caption, tuple(widths)))
        return self

    def picture(self, drawing: Drawing, caption: str) -> Section:
        """Add a drawing."""
        self.blocks.append(Picture(drawing, caption))
        return self


@dataclass(frozen=True)
class Document:
    """A document: title, lead (one or two sentences), key figures, sections, and where it comes from."""

    title: str
    lead: str
    figures: tuple[KeyFigure, ...]
    sections: tuple[Section, ...]
    footer: str
