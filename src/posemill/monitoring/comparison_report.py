"""Report of a challenger beside the released model (report.html), for the decision whether to promote it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posemill.monitoring.comparison import SIDES, Comparison, ComparisonLimit, confidence_ks
from posemill.report import plots
from posemill.report.page import Cell, Figure, Page, percent


def page(compared: Comparison, limits: Sequence[ComparisonLimit], *, says: str, enough: bool) -> Page:
    """Build the report. `says`: one sentence that sums it up; `enough`: there were enough windows to judge."""
    made = Page(
        "Challenger against champion on live requests",
        "The champion answered; the challenger was asked afterwards, about at most eight windows of an answer. "
        "No client waited for it or saw what it said.",
        f"posemill shadow report · {compared.champion} · {compared.challenger}",
    )
    over = [limit for limit in limits if not limit.passed]
    made.banner(says, "warn" if not enough else "bad" if over else "good")
    made.figures(_figures(compared))
    _limits(made, limits)
    _by_activity(made, compared)
    _confusion(made, compared)
    _latency(made, compared)
    _confidence(made, compared)
    return made


def _figures(compared: Comparison) -> list[Figure]:
    dropped = compared.dropped / max(1, compared.compared + compared.dropped)
    span = f"{compared.first:%Y-%m-%d %H:%M} to {compared.last:%Y-%m-%d %H:%M}"
    return [
        Figure("Answers compared", str(compared.compared), span),
        Figure("Windows compared", str(compared.compared_windows), "at most eight an answer"),
        Figure("Agreement", percent(compared.agreement, 1) if compared.windows else "–", "of windows"),
        Figure("Not compared", str(compared.dropped), f"{percent(dropped, 1)} of answers: it was busy or away"),
        Figure("Failures", str(compared.failures), "crashes and time-outs of the challenger"),
    ]


def _limits(made: Page, limits: Sequence[ComparisonLimit]) -> None:
    made.section(
        "Limits",
        "Limits are in params.yaml, section shadow. Agreement is not accuracy: a better model disagrees where the "
        "champion errs. Whether it is better on labelled clips is what posemill models promote tests.",
    )
    rows: list[list[str | int | float | Cell]] = [
        [
            limit.figure,
            "not measured" if limit.value is None else f"{limit.value:.3g}",
            "none" if limit.limit is None else f"{'at least' if limit.at_least else 'at most'} {limit.limit:g}",
            Cell("within the limit", "good") if limit.passed else Cell("past it", "bad"),
        ]
        for limit in limits
    ]
    made.table(["figure", "measured", "limit", "verdict"], rows)


def _by_activity(made: Page, compared: Comparison) -> None:
    made.section("Agreement by activity", "Of the windows that the champion gives an activity.")
    shares = compared.agreement_by_activity()
    if not shares:
        made.text("Nothing was compared.")
        return
    drawn, (ax,) = plots.axes(8.0, 0.6 + 0.28 * len(shares), columns=1)
    values = [share for _, share in shares.values()]
    labels = [f"{percent(share)} of {count}" for count, share in shares.values()]
    plots.bars(ax, list(shares), values, labels, plots.ACCENT)
    made.picture(plots.svg(drawn), "share of windows with the same activity, by the champion's activity")


def _confusion(made: Page, compared: Comparison) -> None:
    made.section("Confusion matrix", "Windows by the champion's activity (rows) and the challenger's (columns).")
    names = sorted({*compared.mix(0), *compared.mix(1)})
    if not names:
        made.text("Nothing was compared.")
        return
    at = {name: place for place, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), np.int64)
    for (champion, challenger), count in compared.windows.items():
        counts[at[champion], at[challenger]] += count
    side = 2.0 + 0.42 * len(names)
    drawn, (ax,) = plots.axes(side + 0.6, side)
    plots.heat_map(ax, counts, names, rows="champion", columns="challenger")
    made.picture(
        plots.svg(drawn), "confusion matrix from the champion to the challenger; the table names where they differ"
    )
    differ = [(names[a], names[b], int(counts[a, b])) for a, b in np.argwhere(counts > 0).tolist() if a != b]
    if differ:
        made.table(["champion", "challenger", "windows"], sorted(differ, key=lambda row: -row[2])[:10])
    else:
        made.text("Both name every window alike.")


def _latency(made: Page, compared: Comparison) -> None:
    made.section(
        "Latency",
        "Runs of both models on the same windows, one after the other in the same process, at low priority: the ratio "
        "says what a promotion costs, the absolute times are not those of the service.",
    )
    rows: list[list[str | int | float | Cell]] = []
    for side in SIDES:
        times = compared.latency_ms[side]
        figures = [f"{value:.2f} ms" for value in np.quantile(times, (0.5, 0.95, 0.99))] if len(times) else ["–"] * 3
        rows.append([side, *figures])
    made.table(["model", "p50", "p95", "p99"], rows)


def _confidence(made: Page, compared: Comparison) -> None:
    distance = confidence_ks(compared)
    made.section(
        "Probability of answers",
        "The share of answers at or below a probability."
        + ("" if distance is None else f" Largest distance of the two (KS): {distance:.2f}."),
    )
    if distance is None:
        made.text("Nothing was compared.")
        return
    drawn, (ax,) = plots.axes(8.0, 2.6, columns=1)
    for side, color in zip(SIDES, (plots.SOFT, plots.ACCENT), strict=True):
        values = np.sort(compared.confidence[side])
        ax.step(values, np.linspace(0, 1, len(values)), where="post", label=side, color=color)
    ax.set_xlabel("probability")
    ax.legend(frameon=False, loc="best")
    made.picture(plots.svg(drawn), "distribution of the probability of answers of both models")
