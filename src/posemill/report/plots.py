"""Plots in one style, as SVG in a data: URI. matplotlib without its global state or a display."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE = "#1f2a37", "#5b6b7c", "#dfe5ea"
ACCENT, SECOND, BAD = "#0f766e", "#d97706", "#b42318"
LEFT, RIGHT, MIDDLE = "#d97706", "#2f6fb5", "#6b7a88"
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.color": INK,
    "axes.grid": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "posemill",
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


def axes(
    width_in: float = 8.0, height_in: float = 3.2, rows: int = 1, columns: int = 1, *, labelled: bool = True
) -> tuple[Figure, list[Axes]]:
    """Make a figure in posemill's style and its axes, row by row.

    labelled  False: no room for labels is looked for, which is much faster for many axes.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained" if labelled else None)
        grid = figure.subplots(rows, columns, squeeze=False)
    return figure, list(grid.flat)


def svg(figure: Figure) -> str:
    """Render the figure as a data: URI; equal figures give equal bytes."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


def bars(
    ax: Axes,
    names: Sequence[str],
    values: Sequence[float],
    texts: Sequence[str] | None = None,
    color: str | Sequence[str] = ACCENT,
) -> None:
    """Draw horizontal bars, first name on top, the figure written at the end of each."""
    positions = np.arange(len(names))
    ax.barh(positions, values, color=color, height=0.68)
    ax.set_yticks(positions, [_short(name) for name in names])
    ax.invert_yaxis()
    ax.spines[["bottom", "left"]].set_visible(False)
    ax.set_xticks([])
    top = max([*values, 1e-9])
    ax.set_xlim(0, top * 1.16)
    for y, (value, text) in enumerate(zip(values, texts or [f"{v:g}" for v in values], strict=True)):
        ax.text(value + top * 0.012, y, text, va="center", fontsize=9, color=SOFT)


def histogram(ax: Axes, values: NDArray[np.floating], title: str, unit: str, bins: int = 24) -> None:
    """Draw a histogram with the median marked. NaN is left out."""
    values = np.asarray(values)[np.isfinite(values)]
    ax.set_title(title)
    ax.set_xlabel(unit)
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    if not len(values):
        ax.text(0.5, 0.5, "nothing measured", ha="center", va="center", transform=ax.transAxes, color=SOFT)
        return
    low, high = float(values.min()), float(values.max())
    constant = high - low <= 1e-6 * max(abs(low), abs(high))  # rounding alone: no bins fit in between
    spread = (low - 0.5, high + 0.5) if constant else (low, high)
    ax.hist(values, bins=bins, range=spread, color=ACCENT, alpha=0.85)
    median = float(np.median(values))
    ax.axvline(median, color=SECOND, linewidth=1.4)
    ax.set_title(f"median {median:.3g}", loc="right", fontsize=9, color=SECOND)


def heat_map(
    ax: Axes,
    counts: NDArray[np.int64],
    names: Sequence[str],
    *,
    rows: str = "actual",
    columns: str = "predicted",
) -> None:
    """Draw a square matrix of counts, coloured by their share of the row. Zeros stay empty."""
    from matplotlib.colors import LinearSegmentedColormap

    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ax.imshow(share, cmap=LinearSegmentedColormap.from_list("posemill", ["#ffffff", ACCENT]), vmin=0, vmax=1)
    short = [_short(name) for name in names]
    ax.set_xticks(range(len(names)), short, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), short)
    ax.set_xlabel(columns)
    ax.set_ylabel(rows)
    ax.spines[:].set_visible(False)
    ax.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color=LINE, linewidth=0.8)
    ax.tick_params(which="minor", length=0)
    for row, column in np.argwhere(counts > 0).tolist():
        color = "#ffffff" if share[row, column] > 0.55 else INK if row == column else BAD
        ax.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=9)


def _short(name: str, limit: int = 22) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"
