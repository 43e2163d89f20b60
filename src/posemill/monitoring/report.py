"""Drift report (report.html), for the decision whether to label and train again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.monitoring.drift import WORDS, Drift
from posemill.monitoring.live import Live
from posemill.monitoring.reference import FIGURES, Reference
from posemill.report import plots
from posemill.report.page import Cell, Figure, Page, percent

_UNITS = {"body_px": "pixels", "missing": "share of keypoints", "keypoint_confidence": "confidence"}
_TELLS = {
    "body_px": "If people are smaller: a camera further away, or a lower resolution; the labeller errs more on small "
    "people. If they are larger: a camera that is nearer, or a higher resolution.",
    "missing": "If more is missing: people are cut off, hidden, or seen from where training never saw them.",
    "keypoint_confidence": "If it is less: darkness, blur, clothes or views that the labeller does not know.",
}


def page(trained: Reference, seen: Live, drifts: Sequence[Drift], *, says: str, enough: bool) -> Page:
    """Build the report. `says`: one sentence that sums it up; `enough`: there were enough windows to compare."""
    made = Page(
        "Data drift: live data against training data",
        "Answers of the service against the train split of its model. Of every answer at most eight windows are kept "
        "in summary; no pictures and no keypoints.",
        f"posemill monitor · {', '.join(seen.bentos) or 'no answers'}",
    )
    over = [drift for drift in drifts if not drift.passed]
    made.banner(says, "warn" if not enough else "bad" if over else "good")
    made.figures(_figures(seen))
    _table(made, drifts)
    for figure in FIGURES:
        _figure(made, figure, np.array(trained.values[figure]), seen.values[figure])
    _activities(made, trained, seen)
    _sources(made, seen)
    return made


def _figures(seen: Live) -> list[Figure]:
    known = seen.latency_ms[np.isfinite(seen.latency_ms)]
    confidence = seen.confidence[np.isfinite(seen.confidence)]
    span = f"{seen.first:%Y-%m-%d %H:%M} to {seen.last:%Y-%m-%d %H:%M}" if seen.first and seen.last else ""
    return [
        Figure("Answers", str(seen.answers), span),
        Figure("Windows sampled", str(seen.windows), "at most eight an answer"),
        Figure("Probability of answers", percent(float(np.median(confidence))) if len(confidence) else "–", "median"),
        Figure(
            "Time to answer",
            f"{np.median(known):.0f} ms" if len(known) else "–",
            f"median; 95 % within {np.quantile(known, 0.95):.0f} ms" if len(known) else "",
        ),
    ]


def _table(made: Page, drifts: Sequence[Drift]) -> None:
    made.section(
        "Limits",
        "PSI: population stability index; of many people, below 0.1 little has changed, above 0.25 much has. KS: the "
        "largest distance of the two cumulative distributions. Limits are in params.yaml, section monitor.",
    )
    rows: list[list[str | int | float | Cell]] = [
        [
            WORDS[d.figure],
            d.trained,
            d.seen,
            _measured(d.psi, d.max_psi),
            _measured(d.ks, d.max_ks),
            Cell("within limits", "good") if d.passed else Cell("changed", "bad"),
        ]
        for d in drifts
    ]
    made.table(["figure", "in training", "live", "PSI (limit)", "KS (limit)", "verdict"], rows)


def _measured(value: float | None, limit: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.2f}" + ("" if limit is None else f" ({limit:g})")


def _figure(made: Page, figure: str, trained: NDArray[np.float64], seen: NDArray[np.float64]) -> None:
    made.section(WORDS[figure].capitalize(), _TELLS[figure])
    seen = seen[np.isfinite(seen)]
    both = np.concatenate([trained, seen])
    if not len(both):
        made.text("Nothing was measured.")
        return
    low, high = float(both.min()), float(both.max())
    edges = np.linspace(low, high if high > low else low + 1, 31)
    drawn, (left, right) = plots.axes(8.0, 2.6, columns=2)
    for values, name, color in ((trained, "training", plots.SOFT), (seen, "live", plots.ACCENT)):
        if len(values):
            left.hist(
                values,
                edges.tolist(),
                weights=np.full(len(values), 1 / len(values)),
                label=name,
                color=color,
                alpha=0.6,
            )
            right.step(np.sort(values), np.linspace(0, 1, len(values)), where="post", label=name, color=color)
    left.set_title("share of windows")
    right.set_title("share at or below")
    for ax in (left, right):
        ax.set_xlabel(_UNITS[figure])
    right.legend(frameon=False, loc="best")
    made.picture(plots.svg(drawn), f"distribution of {WORDS[figure]} in training and live")


def _activities(made: Page, trained: Reference, seen: Live) -> None:
    made.section(
        "Activities",
        "Labels of the training windows against what the service says. A mix that changes may be the clients' choice; "
        "an activity that swallows the others is not.",
    )
    names = sorted({*trained.activities, *seen.activities}, key=lambda n: -trained.activities.get(n, 0))
    a, b = max(sum(trained.activities.values()), 1), max(seen.windows, 1)
    shares = [(trained.activities.get(name, 0) / a, seen.activities.count(name) / b) for name in names]
    drawn, (left, right) = plots.axes(8.0, 0.6 + 0.28 * len(names), columns=2)
    for ax, column, color, title in ((left, 0, plots.SOFT, "training"), (right, 1, plots.ACCENT, "live")):
        values = [share[column] for share in shares]
        plots.bars(ax, names, values, [percent(v) for v in values], color)
        ax.set_title(title)
    made.picture(plots.svg(drawn), "share of every activity in training and live")


def _sources(made: Page, seen: Live) -> None:
    made.section("Sources of requests")
    for title, counts in (("endpoint", seen.endpoints), ("client", seen.clients), ("bento", seen.bentos)):
        made.table([title, "answers"], [[name, count] for name, count in counts.items()])
