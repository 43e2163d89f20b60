"""Plots of joint angles over time, with their uncertainty: a PNG and an HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from posemill.applications.mocap.capture import Capture
from posemill.atomic import atomic_path
from posemill.report import plots
from posemill.report.page import Figure, Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

COLUMNS = 2
_COLORS = {"left": plots.LEFT, "right": plots.RIGHT, "": plots.ACCENT}


def joints(capture: Capture) -> dict[str, dict[str, str]]:
    """Group the angles of a capture by joint: name of the plot → side (or "") → name of the angle."""
    grouped: dict[str, dict[str, str]] = {}
    for name in capture.angles:
        stem, _, side = name.rpartition("_")
        known = side in ("left", "right")
        grouped.setdefault(stem if known else name, {})[side if known else ""] = name
    return grouped


def draw_angles(capture: Capture) -> Drawing:
    """Draw every angle over time, left orange and right blue, with its 95 % band; standing feet are marked below."""
    grouped = joints(capture)
    rows = -(-len(grouped) // COLUMNS)
    # the layout that makes room for labels takes ten seconds for twenty axes
    height_in = 1.9 * rows
    figure, axes = plots.axes(10, height_in, rows, COLUMNS, labelled=False)
    figure.subplots_adjust(0.07, 0.55 / height_in, 0.99, 1 - 0.35 / height_in, wspace=0.16, hspace=0.55)
    for ax, (name, sides) in zip(axes, grouped.items(), strict=False):
        ax.set_title(name.replace("_", " "))
        ax.set_ylabel("degrees")
        for side, angle in sides.items():
            _band(ax, capture, angle, _COLORS[side], side)
        ax.axhline(0, color=plots.LINE, linewidth=0.8, zorder=0)
    for ax in axes[len(grouped) :]:
        ax.set_visible(False)
    for ax in axes[max(len(grouped) - COLUMNS, 0) : len(grouped)]:
        ax.set_xlabel("seconds")
    sided = [ax for ax, sides in zip(axes, grouped.values(), strict=False) if "left" in sides]
    for ax in sided[:1]:
        ax.legend(loc="upper right", fontsize=8, frameon=False)
    return figure


def write_plots(capture: Capture, path: Path) -> None:
    """Write the plot as PNG, and beside it an HTML page with the plot and the range of motion of every angle."""
    figure = draw_angles(capture)
    with atomic_path(path) as part:
        figure.savefig(part, dpi=110, format="png")
    _page(capture, figure).write(path.with_suffix(".html"))


def _band(ax: Axes, capture: Capture, angle: str, color: str, label: str) -> None:
    values, sd = capture.angles[angle], capture.angle_sd_deg[angle]
    ax.plot(capture.time_s, values, color=color, linewidth=1.2, label=label or None)
    half = 1.96 * np.nan_to_num(sd)
    ax.fill_between(capture.time_s, values - half, values + half, color=color, alpha=0.15, linewidth=0)


def _page(capture: Capture, figure: Drawing) -> Page:
    scale = f"{capture.height_m:.2f} m" + ("" if capture.scale_known else ", assumed")
    page = Page(
        f"Joint angles of person {capture.person}",
        "Angles over time from "
        + ("2-D keypoints, in the plane of the picture." if capture.planar else "3-D keypoints."),
        "The band holds 95 % of the random error; constant errors of the pose network are not in it.",
    )
    page.figures(
        [
            Figure(
                "Duration", f"{capture.time_s[-1] - capture.time_s[0]:.1f} s", f"{capture.rate_hz:.4g} frames a second"
            ),
            Figure("Standing height", scale, "scale of all lengths"),
        ]
    )
    page.section("Angles over time").picture(plots.svg(figure), "Joint angles over time, left orange, right blue")
    page.section("Range of motion").table(
        ("angle", "lowest, degrees", "highest, degrees", "uncertainty, degrees"), _rows(capture)
    )
    return page


def _rows(capture: Capture) -> list[list[str | float]]:
    rows: list[list[str | float]] = []
    for name, values in capture.angles.items():
        known, sd = values[np.isfinite(values)], capture.angle_sd_deg[name]
        doubt = f"{np.nanmedian(sd):.1f}" if np.isfinite(sd).any() else "–"
        rows.append([name, f"{known.min():.1f}", f"{known.max():.1f}", doubt])
    return rows
