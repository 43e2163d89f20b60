"""A document as one HTML page, in the style of posemill's reports."""

from __future__ import annotations

import base64
from pathlib import Path

from posemill.handover.documents.content import Bullets, Commands, Document, Heading, Paragraph, Picture, Table
from posemill.report.page import Cell, Figure, Page


def write_html(document: Document, path: Path, folder: Path) -> None:
    """Write the page: inline style and pictures, no script, nothing fetched.

    folder  of the bundle, one above the page's: table cells that are names of its files become links.
    """
    page = Page(document.title, document.lead, document.footer)
    page.figures([Figure(f.name, f.value, f.note) for f in document.figures])
    for section in document.sections:
        page.section(section.title)
        for block in section.blocks:
            match block:
                case Paragraph():
                    page.text(block.text)
                case Heading():
                    page.heading(block.text)
                case Bullets():
                    page.bullets(block.items)
                case Commands():
                    page.commands(block.lines)
                case Table():
                    page.table(
                        block.columns, [[_cell(cell, folder) for cell in row] for row in block.rows], block.caption
                    )
                case Picture():
                    source = "data:image/svg+xml;base64," + base64.b64encode(block.drawing.svg().encode()).decode()
                    page.picture(source, block.drawing.title, block.caption)
    page.write(path)


def _cell(text: str, folder: Path) -> Cell:
    return Cell(text, href=f"../{text}" if "/" in text and (folder / text).is_file() else "")
