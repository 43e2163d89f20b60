"""HTML report of an application's result: headline figures, timeline, events, measurements, and its limits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from posemill.applications.protocol import Detail, Event, Measurement, Severity
from posemill.applications.result import ApplicationResult
from posemill.report.page import Cell, Figure, Page, Tone
from posemill.report.plots import ACCENT, BAD, SECOND, axes, svg

TONES: dict[Severity, Tone] = {Severity.INFO: "plain", Severity.WARNING: "warn", Severity.ALARM: "bad"}
COLOURS = {Severity.INFO: ACCENT, Severity.WARNING: SECOND, Severity.ALARM: BAD}
CURVE_POINTS = 5  # from which measurements of one name are a curve rather than rows of a table
MOST_ROWS = 500
MOST_CURVES = 24


def application_page(result: ApplicationResult) -> Page:
    """Build the report."""
    page = Page(
        f"{result.title}: {result.source}",
        f"{result.duration_s:.1f} s, {result.frames} frames, {result.people} "
        f"{'person' if result.people == 1 else 'people'}, keypoints {result.skeleton}.",
        f"posemill application {result.application}",
    )
    page.figures(_figures(result.summary))
    if result.notice:
        page.banner(result.notice, "warn")
    _events(page, result)
    _measurements(page, result)
    page.section("Limits", "What this application cannot see or know.")
    for limit in result.limits:
        page.text(limit)
    page.section("Parameters")
    return page.table(("parameter", "value"), [(name, _text(value)) for name, value in result.params.items()])


def _figures(summary: Mapping[str, Detail]) -> list[Figure]:
    """A figure a name; `x_low` and `x_high` are the interval of `x`."""
    ends = {f"{name}_{end}" for name in summary for end in ("low", "high") if f"{name}_{end}" in summary}
    return [
        Figure(
            _words(name),
            _text(value),
            f"{_text(summary[f'{name}_low'])} to {_text(summary[f'{name}_high'])}" if f"{name}_low" in ends else "",
        )
        for name, value in summary.items()
        if name not in ends
    ]


def _events(page: Page, result: ApplicationResult) -> None:
    if result.measurements and not result.events:
        return  # an application that only measures
    page.section("Events", "" if result.events else "Nothing was reported.")
    if not result.events:
        return
    page.picture(_timeline(result), "Events along time, one row a kind and person")
    rows = [
        (
            f"{event.start_s:.2f}",
            "–" if event.end_s is None else f"{event.end_s:.2f}",
            _person(event.person),
            Cell(event.kind, TONES[event.severity]),
            event.message,
            _details(event.details),
        )
        for event in result.events[:MOST_ROWS]
    ]
    page.table(("start s", "end s", "person", "kind", "message", "details"), rows)
    if len(result.events) > MOST_ROWS:
        page.text(f"The first {MOST_ROWS} of {len(result.events)} are shown.")


def _timeline(result: ApplicationResult) -> str:
    lanes: dict[tuple[str, int | None], list[Event]] = defaultdict(list)
    for event in result.events:
        lanes[event.kind, event.person].append(event)
    figure, (ax,) = axes(8.0, 0.6 + 0.28 * len(lanes))
    for lane, events in enumerate(lanes.values()):
        for event in events:
            end_s = event.end_s if event.end_s is not None else result.duration_s
            width = max(end_s - event.start_s, 0.004 * result.duration_s)
            ax.barh(lane, width, left=event.start_s, height=0.6, color=COLOURS[event.severity], alpha=0.85)
    names = [kind if person is None else f"{kind}, {_person(person)}" for kind, person in lanes]
    ax.set_yticks(range(len(lanes)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, max(result.duration_s, 1e-3))
    ax.set_xlabel("seconds")
    return svg(figure)


def _measurements(page: Page, result: ApplicationResult) -> None:
    if not result.measurements:
        return
    page.section("Measurements")
    groups: dict[tuple[str, int | None, str], list[Measurement]] = defaultdict(list)
    for each in result.measurements:
        groups[each.name, each.person, each.unit].append(each)
    curves = {key: rows for key, rows in groups.items() if len(rows) >= CURVE_POINTS}
    if curves:
        _curves(page, curves)
    single = [each for key, rows in groups.items() if key not in curves for each in rows]
    if single:
        page.table(
            ("measurement", "person", "value", "95 % interval", "unit", "span s", "remark"), [_row(m) for m in single]
        )


def _curves(page: Page, curves: Mapping[tuple[str, int | None, str], Sequence[Measurement]]) -> None:
    shown = list(curves.items())[:MOST_CURVES]
    figure, plots = axes(8.0, 1.3 * len(shown), rows=len(shown))
    for ax, ((name, person, unit), rows) in zip(plots, shown, strict=True):
        times = [(each.start_s + each.end_s) / 2 for each in rows]
        ax.plot(times, [float("nan") if each.value is None else each.value for each in rows], color=ACCENT, lw=1.2)
        ax.set_title(f"{_words(name)}, {_person(person)} ({unit})")
    plots[-1].set_xlabel("seconds")
    page.picture(svg(figure), "Measurements over time")
    if len(curves) > MOST_CURVES:
        page.text(f"The first {MOST_CURVES} of {len(curves)} curves are shown.")


def _row(each: Measurement) -> tuple[str | Cell, ...]:
    value = Cell("not measured", "warn") if each.value is None else f"{each.value:.3g}"
    interval = "–" if each.low is None or each.high is None else f"{each.low:.3g} to {each.high:.3g}"
    span = f"{each.start_s:.1f} to {each.end_s:.1f}"
    return _words(each.name), _person(each.person), value, interval, each.unit, span, each.reason or ""


def _person(person: int | None) -> str:
    return "scene" if person is None else f"person {person}"


def _details(details: Mapping[str, Detail]) -> str:
    return ", ".join(f"{_words(name)} {_text(value)}" for name, value in details.items())


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
