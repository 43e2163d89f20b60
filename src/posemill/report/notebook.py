"""HTML views for notebooks: skeleton strips and timelines as inline SVG, without scripts or styles of their own."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.report.plots import ACCENT, BAD, INK, LEFT, LINE, MIDDLE, RIGHT, SECOND, SOFT
from posemill.report.skeletons import keypoint_colors, pick

if TYPE_CHECKING:
    from posemill.pose.skeleton import Skeleton
    from posemill.pose.track import MediumTracks, PoseTrack

Bar = tuple[float, float, str, str]  # start_s, end_s, colour, title
Activity = tuple[float, float, str, float, bool]  # start_s, end_s, activity, probability, abstained
POSES = 10  # of a strip
PEOPLE = 8  # shown; the others are counted
COLOURS = (ACCENT, SECOND, RIGHT, "#7c3aed", "#be185d", "#4d7c0f", BAD, MIDDLE)
_SIDES = f'<small><span style="color:{LEFT}">left</span> <span style="color:{RIGHT}">right</span></small>'
_HEIGHT, _WIDTH = 90.0, 560.0


def track_html(track: PoseTrack) -> str:
    """Render a track: its facts and a strip of poses."""
    return _box(f"<b>PoseTrack</b> {_facts(track)} {_SIDES}", [skeleton_strip(track.xy, track.skeleton)])


def tracks_html(tracks: MediumTracks) -> str:
    """Render the tracks of a medium: for every person a strip of poses and when the person was found."""
    title = (
        f"<b>MediumTracks</b> {escape(tracks.medium[:12])}, {tracks.width_px}×{tracks.height_px}, "
        f"{tracks.duration_s:.1f} s, {tracks.frames} frames, {escape(tracks.skeleton.name)}, "
        f"{len(tracks.tracks)} {'person' if len(tracks.tracks) == 1 else 'people'} {_SIDES}"
    )
    parts = []
    for track in tracks.tracks[:PEOPLE]:
        colour = COLOURS[track.person % len(COLOURS)]
        bars = [(start, end, colour, f"{start:.1f}–{end:.1f} s") for start, end in found_spans(track)]
        parts += [f"<div>{_facts(track)}</div>", skeleton_strip(track.xy, track.skeleton)]
        parts.append(timeline(bars, tracks.duration_s))
    if len(tracks.tracks) > PEOPLE:
        parts.append(f"<div>and {len(tracks.tracks) - PEOPLE} more</div>")
    return _box(title, parts)


def activities_html(title: str, rows: Sequence[tuple[str, Sequence[Activity]]], duration_s: float) -> str:
    """Render activities along time: a heading, and for every row a caption and a timeline. Texts are not HTML.

    Activities below the rejection threshold are grey.
    """
    names = sorted({activity for _, activities in rows for _, _, activity, _, _ in activities})
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    parts = []
    for caption, activities in rows:
        bars = [
            (start, end, MIDDLE if abstained else colours[name], f"{name} {sure:.2f}, {start:.1f}–{end:.1f} s")
            for start, end, name, sure, abstained in activities
        ]
        parts += [f"<div>{escape(caption)}</div>", timeline(bars, duration_s)]
    legend = " ".join(f'<small style="color:{colours[name]}">{escape(name)}</small>' for name in names)
    return _box(f"<b>{escape(title)}</b> {legend}", parts)


def skeleton_strip(xy: NDArray[np.float32], skeleton: Skeleton, poses: int = POSES) -> str:
    """Draw evenly spread poses side by side as an SVG element. xy: (T, K, 2) pixels, NaN = not seen."""
    count = (~np.isnan(xy[..., 0])).sum(1)
    if not count.any():
        return f'<div style="color:{SOFT}">no keypoint seen</div>'
    seen = np.flatnonzero(count >= count.max() / 2)  # a single keypoint shows nothing
    chosen = xy[seen[pick(len(seen), poses)]].astype(np.float64)
    low, high = np.nanmin(chosen, 1), np.nanmax(chosen, 1)
    wide, tall = np.maximum((high - low).max(0), 1.0)
    scale = min((_HEIGHT - 8) / tall, (_WIDTH / len(chosen) - 6) / wide)
    cell = wide * scale + 6
    offset = np.stack([np.arange(len(chosen)) * cell + cell / 2, np.full(len(chosen), 4.0)], -1)
    middle = np.stack([(low[:, 0] + high[:, 0]) / 2, np.full(len(chosen), low[:, 1].min())], -1)
    placed = (chosen - middle[:, None]) * scale + offset[:, None]
    height = float(np.nanmax(placed[..., 1])) + 4
    return _svg(cell * len(chosen), min(height, 3 * _HEIGHT), "".join(_pose(pose, skeleton) for pose in placed))


def timeline(bars: Sequence[Bar], duration_s: float) -> str:
    """Draw intervals of a medium as an SVG element, with the seconds at both ends."""
    scale = _WIDTH / max(duration_s, 1e-6)
    body = [f'<rect x="0" y="0" width="{_WIDTH:g}" height="12" fill="{LINE}"/>']
    for start, end, colour, title in bars:
        place = f'x="{start * scale:.1f}" y="0" width="{max((end - start) * scale, 1):.1f}" height="12"'
        body.append(f'<rect {place} fill="{colour}"><title>{escape(title)}</title></rect>')
    text = f'y="24" font-size="10" font-family="sans-serif" fill="{SOFT}"'
    body.append(f'<text x="0" {text}>0 s</text>')
    body.append(f'<text x="{_WIDTH:g}" text-anchor="end" {text}>{duration_s:.1f} s</text>')
    return _svg(_WIDTH, 27, "".join(body))


def found_spans(track: PoseTrack) -> list[tuple[float, float]]:
    """Return the intervals (seconds) in which the person was found without a break of half a second."""
    if not len(track):
        return []
    cuts = np.flatnonzero(np.diff(track.time_s) > 0.5) + 1
    return [(float(part[0]), float(part[-1])) for part in np.split(track.time_s, cuts)]


def _facts(track: PoseTrack) -> str:
    when = f", {track.time_s[0]:.1f}–{track.time_s[-1]:.1f} s" if len(track) else ""
    sure = track.confidence[track.confidence > 0]
    mean = f", mean confidence {sure.mean():.2f}" if len(sure) else ""
    return f"person {track.person}: {len(track)} poses{when}{mean}, {escape(track.skeleton.name)}"


def _pose(xy: NDArray[np.float64], skeleton: Skeleton) -> str:
    colours = keypoint_colors(skeleton)
    lines = []
    for a, b in skeleton.edge_index.tolist():
        if not np.isnan(xy[[a, b]]).any():
            colour = colours[b] if colours[a] == colours[b] else MIDDLE
            ends = f'x1="{xy[a, 0]:.1f}" y1="{xy[a, 1]:.1f}" x2="{xy[b, 0]:.1f}" y2="{xy[b, 1]:.1f}"'
            lines.append(f'<line {ends} stroke="{colour}" stroke-width="1.5" stroke-linecap="round"/>')
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.3" fill="{colour}"/>'
        for (x, y), colour in zip(xy, colours, strict=True)
        if not np.isnan(x)
    ]
    return "".join(lines + dots)


def _svg(width: float, height: float, body: str) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="max-width:100%;display:block">{body}</svg>'


def _box(title: str, parts: Sequence[str]) -> str:
    style = f"font-family:sans-serif;font-size:13px;color:{INK};background:#fff;padding:6px"
    return f'<div style="{style}"><div>{title}</div>{"".join(parts)}</div>'
