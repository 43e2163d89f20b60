"""Skeleton drawings: strips of one person over time and contact sheets of many, as vectors, without any picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import Skeleton
from posemill.report import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """Some poses of one person, in the order of time.

    xy       (T, K, 2) float, pixels, y downwards; NaN = not seen.
    caption  one short line.
    """

    xy: NDArray[np.float32]
    skeleton: Skeleton
    caption: str


def pick(length: int, count: int) -> NDArray[np.int64]:
    """Pick at most `count` positions, evenly spread over `length`, each once."""
    return np.unique(np.linspace(0, max(length - 1, 0), min(count, length)).round().astype(np.int64))


def sheet(strips: Sequence[Strip], columns: int = 2) -> str:
    """Draw a contact sheet of strips as one SVG data: URI; the person's left is orange, the right blue."""
    rows = -(-len(strips) // columns)
    figure, cells = plots.axes(4.2 * columns, 1.55 * rows, rows, columns, labelled=False)
    figure.subplots_adjust(0.005, 0.01, 0.995, 1 - 0.2 / (1.55 * rows), 0.03, 0.25)
    for cell, strip in zip(cells, strips, strict=False):
        _draw(cell, strip)
    for cell in cells:
        cell.set_axis_off()
    return plots.svg(figure)


def _draw(ax: Axes, strip: Strip) -> None:
    ax.set_title(strip.caption, fontsize=8.5, color=plots.SOFT)
    ax.set_aspect("equal")
    ax.invert_yaxis()
    if not np.isfinite(strip.xy).any():
        ax.text(0.5, 0.5, "nobody seen", ha="center", va="center", transform=ax.transAxes, color=plots.SOFT)
        return
    placed = _side_by_side(strip.xy)
    _poses(ax, placed, strip.skeleton)
    low, high = np.nanmin(placed, (0, 1)), np.nanmax(placed, (0, 1))
    pad = 0.06 * max(high - low)
    ax.set_xlim(low[0] - pad, high[0] + pad)
    ax.set_ylim(high[1] + pad, low[1] - pad)


def _side_by_side(xy: NDArray[np.float32]) -> NDArray[np.float64]:
    """The poses moved apart, each in a cell as wide as the widest; heights are kept, so a fall is seen. Same shape."""
    seen = np.asarray(np.isfinite(xy).all(-1))
    visible = seen.any(1)
    low = np.where(seen[..., None], xy, np.inf).min(1)[visible]
    high = np.where(seen[..., None], xy, -np.inf).max(1)[visible]
    wide, tall = (high - low).max(0)
    cell = 1.15 * max(float(wide), 0.45 * float(tall), 1.0)
    moved = xy.astype(np.float64)
    moved[visible, :, 0] += (np.flatnonzero(visible) * cell - (low + high)[:, 0] / 2)[:, None]
    return moved


def _poses(ax: Axes, xy: NDArray[np.float64], skeleton: Skeleton) -> None:
    """All poses (T, K, 2) in two artists, since drawing time goes by artists."""
    from matplotlib.collections import LineCollection

    colors = np.array(keypoint_colors(skeleton))
    edges = skeleton.edge_index
    of_edge = np.where(colors[edges[:, 0]] == colors[edges[:, 1]], colors[edges[:, 1]], plots.MIDDLE)
    lines = xy[:, edges]
    drawn = np.asarray(np.isfinite(lines).all((2, 3)))
    line_colors = np.broadcast_to(of_edge, drawn.shape)[drawn].tolist()
    ax.add_collection(LineCollection(list(lines[drawn]), colors=line_colors, linewidths=1.5, capstyle="round"))
    seen = np.asarray(np.isfinite(xy).all(-1))
    point_colors = np.broadcast_to(colors, seen.shape)[seen].tolist()
    ax.scatter(xy[seen][:, 0], xy[seen][:, 1], s=3, color=point_colors, zorder=3)


def keypoint_colors(skeleton: Skeleton) -> list[str]:
    """Colour of every keypoint, by its side."""
    sides = dict.fromkeys(skeleton.keypoints, plots.MIDDLE)
    for left, right in skeleton.pairs:
        sides[left], sides[right] = plots.LEFT, plots.RIGHT
    return list(sides.values())
