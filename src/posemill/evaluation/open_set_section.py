"""Section of report.html on open-set recognition."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation.evaluation_results import EvaluationResults
from posemill.evaluation.open_set import COVERAGES
from posemill.report import plots
from posemill.report.page import Page, percent

SHOWN = (-12.0, 12.0)  # margins, nats
_NO_SCORE = (
    "This network has no open-set score: it names one of its activities whatever a person does. Ensembles have none, "
    "and so it is where evaluate.accept_known is null, or with fewer than four validation clips."
)


def open_set_section(page: Page, results: EvaluationResults) -> None:
    """Add AUROC of known against unknown clips, risk at coverage, and the distribution of the margin."""
    title = "Open-set recognition"
    if results.open_set is None:
        page.section(title, _NO_SCORE)
        return
    metrics = results.open_set.metrics()
    unknown = "prepare.unknown names no activity, so that nothing was asked that the model was not taught."
    if metrics["unknown_clips"]:
        unknown = (
            f"Of {metrics['unknown_clips']} clips of activities that it was not taught, "
            f"{percent(metrics['unknown_rejected'], 1)} are none of these; AUROC {metrics['auroc_unknown']:.3f} "
            f"(95 % interval {metrics['auroc_unknown_low']:.3f} to {metrics['auroc_unknown_high']:.3f})."
        )
    page.section(
        title,
        "Does the model say “none of these” of what it was not taught? The threshold is a score that most validation "
        f"clips exceed. Of the test clips {percent(metrics['known_accepted'], 1)} get an activity. {unknown}",
    )
    figure, (ax,) = plots.axes(6.4, 2.4)
    _histogram(ax, results.open_set.known.margin, plots.ACCENT, "test clips")
    if metrics["unknown_clips"]:
        _histogram(ax, results.open_set.unknown.margin, plots.SECOND, "unknown activities")
        ax.legend(frameon=False, fontsize=9, labelcolor=plots.SOFT)
    ax.axvline(0, color=plots.LINE, linewidth=1.2)
    ax.set(xlim=SHOWN, xlabel="log of an activity's probability over “none of these”", ylabel="share of clips")
    page.picture(plots.svg(figure), "Distribution of the margin; clips left of the line are none of these")
    rows = [(f"{c} %", percent(metrics[f"risk_at_coverage_{c}"], 1)) for c in COVERAGES]
    page.table(["Coverage", "Risk"], rows, "The most confident verdicts; one on an unknown activity is wrong")


def _histogram(ax: object, margin: NDArray[np.float64], color: str, label: str) -> None:
    counts, edges = np.histogram(np.clip(margin, *SHOWN), 48, SHOWN)
    share = counts / max(len(margin), 1)
    ax.step(edges[:-1], share, where="post", color=color, label=label)  # type: ignore[attr-defined]
