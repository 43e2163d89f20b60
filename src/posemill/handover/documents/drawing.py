"""Drawings of boxes, arrows, bars and texts, with one description for SVG and PDF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

INK, SOFT, LINE, PAPER = "#1f2a37", "#5b6b7c", "#c3ccd4", "#ffffff"
ACCENT, PALE, WARM = "#0f766e", "#e6f2f0", "#fdf3e2"
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Rect:
    """A box; origin top-left, points."""

    x: float
    y: float
    width: float
    height: float
    fill: str = PAPER
    stroke: str = LINE
    radius: float = 6


@dataclass(frozen=True)
class Text:
    """A line of text; y is its baseline."""

    x: float
    y: float
    text: str
    size: float = 11
    color: str = INK
    anchor: Anchor = "start"
    bold: bool = False


@dataclass(frozen=True)
class Line:
    """A line through points, with an arrow at its end if asked for."""

    points: tuple[tuple[float, float], ...]
    color: str = SOFT
    width: float = 1.2
    arrow: bool = False

    @property
    def head(self) -> tuple[tuple[float, float], ...]:
        """The triangle of the arrow."""
        (x0, y0), (x1, y1) = self.points[-2:]
        length = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-6)
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        back = (x1 - 7 * dx, y1 - 7 * dy)
        return (x1, y1), (back[0] - 3.5 * dy, back[1] + 3.5 * dx), (back[0] + 3.5 * dy, back[1] - 3.5 * dx)


@dataclass
class Drawing:
    """A drawing of a size in points; `title` says what it shows, for those who do not see it."""

    width: float
    height: float
    title: str
    shapes: list[Rect | Text | Line] = field(default_factory=list)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        lines: Sequence[str],
        fill: str = PAPER,
        stroke: str = LINE,
    ) -> Drawing:
        """A box with centred lines of text, the first one bold."""
        self.shapes.append(Rect(x, y, width, height, fill, stroke))
        top = y + height / 2 - (len(lines) - 1) * 7 + 4
        for i, line in enumerate(lines):
            size, color = (10.8, INK) if i == 0 else (9.5, SOFT)
            self.shapes.append(Text(x + width / 2, top + 14 * i, line, size, color, "middle", i == 0))
        return self

    def arrow(self, *points: tuple[float, float]) -> Drawing:
        """An arrow through these points."""
        self.shapes.append(Line(points, arrow=True))
        return self

    def text(
        self, x: float, y: float, text: str, size: float = 10, color: str = SOFT, anchor: Anchor = "start"
    ) -> Drawing:
        """A line of text."""
        self.shapes.append(Text(x, y, text, size, color, anchor))
        return self

    def svg(self) -> str:
        """The drawing as an SVG file."""
        body = "\n".join(map(_shape, self.shapes))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:g}" height="{self.height:g}" '
            f'viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f"font-family=\"system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif\">\n"
            f"<title>{escape(self.title)}</title>\n{body}\n</svg>\n"
        )


def _shape(shape: Rect | Text | Line) -> str:
    match shape:
        case Rect():
            return (
                f'<rect x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" height="{shape.height:g}" '
                f'rx="{shape.radius:g}" fill="{shape.fill}" stroke="{shape.stroke}"/>'
            )
        case Text():
            weight = ' font-weight="600"' if shape.bold else ""
            return (
                f'<text x="{shape.x:g}" y="{shape.y:g}" font-size="{shape.size:g}" fill="{shape.color}" '
                f'text-anchor="{shape.anchor}"{weight}>{escape(shape.text)}</text>'
            )
        case Line():
            path = " ".join(f"{x:g},{y:g}" for x, y in shape.points)
            line = f'<polyline points="{path}" fill="none" stroke="{shape.color}" stroke-width="{shape.width:g}"/>'
            if not shape.arrow:
                return line
            head = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.head)
            return f'{line}<polygon points="{head}" fill="{shape.color}"/>'
