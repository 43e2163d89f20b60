"""A document as PDF (A4), with the fonts that matplotlib brings, so that names in most scripts are shown."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import InputError
from posemill.handover.documents.content import (
    Block,
    Bullets,
    Commands,
    Document,
    Heading,
    Paragraph,
    Picture,
    Table,
)
from posemill.handover.documents.drawing import ACCENT, INK, LINE, SOFT, Drawing, Rect, Text

if TYPE_CHECKING:
    from reportlab.graphics.shapes import Drawing as PdfDrawing

FONTS = {"posemill": "DejaVuSans.ttf", "posemill-bold": "DejaVuSans-Bold.ttf", "posemill-mono": "DejaVuSansMono.ttf"}
KEPT_ROWS = 10  # of a table that is not broken over pages
MARGIN, PADDING = 54.0, 6.0  # points; PADDING is that of reportlab's frames
BODY = 595.27 - 2 * (MARGIN + PADDING)  # A4 is 595.27 wide


def write_pdf(document: Document, path: Path) -> None:
    """Write the document; equal content gives equal bytes. Errors: InputError where reportlab is not installed."""
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.platypus import SimpleDocTemplate
    except ImportError as exc:
        raise InputError("the documentation as PDF needs reportlab: install posemill[handover]") from exc
    _register_fonts()
    template = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=document.title,
        author="posemill",
        subject=document.lead,
        invariant=1,
    )

    def footer(canvas: Any, _: Any) -> None:
        canvas.setFont("posemill", 7.5)
        canvas.setFillColor(SOFT)
        canvas.drawString(MARGIN + PADDING, 30, document.footer)
        canvas.drawRightString(MARGIN + PADDING + BODY, 30, str(canvas.getPageNumber()))

    template.build(_story(document), onFirstPage=footer, onLaterPages=footer)


def _story(document: Document) -> list[Any]:
    from reportlab.platypus import Paragraph as Text_
    from reportlab.platypus import Spacer

    styles = _styles()
    story: list[Any] = [Text_(escape(document.title), styles["title"]), Text_(escape(document.lead), styles["lead"])]
    story += [Spacer(1, 8), _key_figures(document, styles), Spacer(1, 4)]
    for section in document.sections:
        heading = Text_(escape(section.title), styles["h2"])
        parts = [_block(block, styles) for block in section.blocks]
        story += _kept(heading, parts)
    return story


def _kept(heading: Any, parts: list[Any]) -> list[Any]:
    """A heading stays with what follows; headings within a section do so by their style."""
    from reportlab.platypus import CondPageBreak

    flat = [item for part in parts for item in part]
    return [CondPageBreak(120), heading, *flat]


def _block(block: Block, styles: dict[str, Any]) -> list[Any]:
    from reportlab.platypus import KeepTogether, Preformatted, Spacer
    from reportlab.platypus import Paragraph as Text_

    match block:
        case Paragraph():
            return [Text_(_marked(block.text), styles["body"])]
        case Heading():
            return [Text_(escape(block.text), styles["h3"])]
        case Bullets():
            return [Text_(_marked(item), styles["bullet"], bulletText="•") for item in block.items]
        case Commands():
            return [Preformatted("\n".join(block.lines), styles["code"], maxLineLength=92, newLineChars="  ")]
        case Table():
            return _table(block, styles)
        case Picture():
            return [
                KeepTogether(
                    [
                        Spacer(1, 6),
                        drawn(block.drawing, BODY),
                        Text_(escape(block.caption), styles["caption"]),
                        Spacer(1, 6),
                    ]
                )
            ]


def _table(block: Table, styles: dict[str, Any]) -> list[Any]:
    from reportlab.platypus import CondPageBreak, KeepTogether, Spacer, TableStyle
    from reportlab.platypus import Paragraph as Text_
    from reportlab.platypus import Table as PdfTable

    head = [Text_(escape(name), styles["head"]) for name in block.columns]
    rows = [[Text_(_breakable(cell), styles["cell"]) for cell in row] for row in block.rows]
    widths = [share * BODY for share in block.widths] or [BODY / len(block.columns)] * len(block.columns)
    table = PdfTable([head, *rows], colWidths=widths, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, 0), 0.8, LINE),
                ("LINEBELOW", (0, 1), (-1, -1), 0.4, LINE),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    above = [Text_(escape(block.caption), styles["caption"])] if block.caption else []
    if len(rows) <= KEPT_ROWS:
        return [KeepTogether([*above, table]), Spacer(1, 8)]
    above.insert(0, CondPageBreak(70))  # so that a caption is not left behind
    return [*above, table, Spacer(1, 8)]


def _key_figures(document: Document, styles: dict[str, Any]) -> Any:
    from reportlab.platypus import Paragraph as Text_
    from reportlab.platypus import Table as PdfTable
    from reportlab.platypus import TableStyle

    cells = [
        [
            Text_(escape(f.name), styles["head"]),
            Text_(escape(f.value), styles["value"]),
            Text_(escape(f.note), styles["note"]),
        ]
        for f in document.figures
    ]
    table = PdfTable([cells], colWidths=[BODY / len(cells)] * len(cells))
    table.setStyle(
        TableStyle(
            [
                ("BOX", (0, 0), (-1, -1), 0.6, LINE),
                ("INNERGRID", (0, 0), (-1, -1), 0.6, LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 7),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
            ]
        )
    )
    return table


def drawn(drawing: Drawing, width: float) -> PdfDrawing:
    """Return a drawing for a PDF, scaled to a width in points; y grows upward there."""
    from reportlab.graphics import shapes
    from reportlab.lib.colors import HexColor

    scale, height = width / drawing.width, drawing.height
    group = shapes.Group(transform=(scale, 0, 0, scale, 0, 0))
    for shape in drawing.shapes:
        if isinstance(shape, Rect):
            rect = shapes.Rect(shape.x, height - shape.y - shape.height, shape.width, shape.height, shape.radius)
            rect.fillColor, rect.strokeColor, rect.strokeWidth = HexColor(shape.fill), HexColor(shape.stroke), 0.8
            group.add(rect)
        elif isinstance(shape, Text):
            text = shapes.String(shape.x, height - shape.y, shape.text, textAnchor=shape.anchor)
            text.fontName, text.fontSize = "posemill-bold" if shape.bold else "posemill", shape.size * 0.92
            text.fillColor = HexColor(shape.color)
            group.add(text)
        else:
            points = [number for x, y in shape.points for number in (x, height - y)]
            line = shapes.PolyLine(points, strokeColor=HexColor(shape.color), strokeWidth=shape.width)
            group.add(line)
            if shape.arrow:
                head = [number for x, y in shape.head for number in (x, height - y)]
                group.add(shapes.Polygon(head, fillColor=HexColor(shape.color), strokeColor=None))
    page = shapes.Drawing(width, height * scale)
    page.add(group)
    return page


def _register_fonts() -> None:
    from matplotlib import get_data_path
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(get_data_path()) / "fonts" / "ttf"
    for name, file in FONTS.items():
        pdfmetrics.registerFont(TTFont(name, str(folder / file)))


def _styles() -> dict[str, Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    def style(size: float, leading: float, color: str = INK, font: str = "posemill", **more: Any) -> ParagraphStyle:
        return ParagraphStyle("", fontName=font, fontSize=size, leading=leading, textColor=HexColor(color), **more)

    bold = "posemill-bold"
    return {
        "title": style(20, 25, font=bold, spaceAfter=4),
        "lead": style(10.5, 15, SOFT),
        "h2": style(13.5, 18, ACCENT, bold, spaceBefore=14, spaceAfter=5, keepWithNext=1),
        "h3": style(10, 14, font=bold, spaceBefore=6, spaceAfter=2, keepWithNext=1),
        "body": style(9, 13, spaceAfter=5),
        "bullet": style(9, 13, leftIndent=12, bulletIndent=2, spaceAfter=2),
        "code": style(
            7.6, 11, font="posemill-mono", leftIndent=8, spaceAfter=6, backColor=HexColor("#f5f7f8"), borderPadding=4
        ),
        "caption": style(8, 11, SOFT, spaceBefore=3, spaceAfter=3),
        "head": style(8, 11, SOFT),
        "cell": style(8, 11),
        "value": style(15, 20, font=bold),
        "note": style(7.4, 10, SOFT),
    }


def _marked(text: str) -> str:
    """Text with `code` set in a fixed-width font."""
    parts = escape(text).split("`")
    return "".join(
        f'<font name="posemill-mono" size="7.8">{part}</font>' if i % 2 else part for i, part in enumerate(parts)
    )


def _breakable(text: str) -> str:
    """Long digests may break anywhere."""
    if len(text) > 48 and " " not in text:
        return "<br/>".join(escape(text[i : i + 32]) for i in range(0, len(text), 32))
    return escape(text)
