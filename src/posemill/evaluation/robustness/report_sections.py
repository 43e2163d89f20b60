"""Sections of report.html on selective prediction and robustness: perturbations, frame rates, streams."""

from __future__ import annotations

import numpy as np

from posemill.evaluation.evaluation_results import EvaluationResults
from posemill.evaluation.robustness.results import RobustnessResults
from posemill.report import plots
from posemill.report.page import Page, percent

_PERTURBATIONS = {
    "jitter": ("jitter", "of the person's size"),
    "dropout": ("dropout", "of sightings"),
    "swaps": ("left/right swaps", "of poses"),
}


def selective_prediction_section(page: Page, results: EvaluationResults) -> None:
    """Add the risk-coverage curve, and coverage and selective accuracy at the rejection threshold."""
    metrics, curve = results.metrics(), results.risk_coverage
    rejection = (
        "every clip may be answered"
        if results.rejection_threshold <= 0
        else f"the model abstains below a probability of {percent(results.rejection_threshold, 1)}"
    )
    page.section(
        "Selective prediction",
        f"How often the model is right when it may abstain. By the rejection threshold from the validation split "
        f"{rejection}; on the test split its coverage is {percent(metrics['coverage'])} of the clips, its selective "
        f"accuracy {percent(metrics['selective_accuracy'], 1)}.",
    )
    figure, (ax,) = plots.axes(6.4, 2.8)
    ax.plot(curve.coverage, curve.risk, drawstyle="steps-pre", color=plots.ACCENT)
    ax.axvline(metrics["coverage"], color=plots.SECOND, linewidth=1.2)
    ax.set(
        xlim=(0, 1.02),
        ylim=(0, max(0.05, float(curve.risk.max()) * 1.1)),
        xlabel="coverage: share of clips answered",
        ylabel="risk: share of answers wrong",
    )
    page.picture(
        plots.svg(figure), "Risk-coverage curve of the test clips; the line is the rejection threshold from validation"
    )
    shares = [s for s in (0.5, 0.7, 0.8, 0.9, 1.0) if len(curve.coverage)]
    at = [min(int(np.searchsorted(curve.coverage, s - 1e-9)), len(curve.coverage) - 1) for s in shares]
    rows = [(percent(curve.coverage[i]), percent(1 - curve.risk[i], 1), f"{curve.threshold[i]:.3f}") for i in at]
    page.table(["Coverage", "Selective accuracy", "Threshold"], rows)


def robustness_sections(page: Page, results: RobustnessResults) -> None:
    """Add perturbations, consistency under other conditions, and streams."""
    _perturbations(page, results)
    _consistency(page, results)
    _streams(page, results)


def _perturbations(page: Page, results: RobustnessResults) -> None:
    if not results.perturbed:
        return
    page.section(
        "Robustness to jitter, dropout and left/right swaps",
        "Accuracy of clips on perturbed keypoints. The line is the budget of params.yaml; the accuracy lost there is "
        f"what the gates limit.{_sampled(results)}",
    )
    figure, axes = plots.axes(8.4, 2.8, 1, len(results.budget))
    for ax, (kind, budget) in zip(axes, results.budget.items(), strict=True):
        own = [s for s in results.perturbed if s.kind == kind]
        ax.plot([s.strength for s in own], [s.accuracy for s in own], "o-", color=plots.ACCENT, markersize=4)
        ax.axvline(budget, color=plots.SECOND, linewidth=1.2)
        ax.set(ylim=(0, 1.05), title=_PERTURBATIONS[kind][0], xlabel=_PERTURBATIONS[kind][1])
    page.picture(plots.svg(figure), "Accuracy of clips against the strength of each perturbation")
    rows = [
        (
            _PERTURBATIONS[kind][0],
            f"{percent(budget, 1)} {_PERTURBATIONS[kind][1]}",
            *(percent(s.accuracy, 1) for s in results.perturbed if s.kind == kind),
        )
        for kind, budget in results.budget.items()
    ]
    steps = ["None", "Half the budget", "The budget", "Twice the budget"]
    page.table(["Perturbation", "Budget", *steps], rows, "Accuracy of clips")
    lost = [(kind, results.metrics()[f"accuracy_lost_to_{kind}"], *_drop(results, kind)) for kind in results.budget]
    rows = [(_PERTURBATIONS[k][0], percent(at, 1), _interval((low, high))) for k, at, low, high in lost]
    page.table(["Perturbation", "Accuracy lost at the budget", "95 % interval"], rows)


def _drop(results: RobustnessResults, kind: str) -> tuple[float, float]:
    metrics = results.metrics()
    return metrics[f"accuracy_lost_to_{kind}_low"], metrics[f"accuracy_lost_to_{kind}_high"]


def _sampled(results: RobustnessResults) -> str:
    """Say which clips were asked, where these are not all."""
    if not results.of_clips:
        return ""
    return (
        f" The test split is large, so these are {results.perturbed[0].clips} of its {results.of_clips} clips, drawn "
        "at random with a fixed seed (evaluate.robustness.clips); the intervals are for that."
    )


def _consistency(page: Page, results: RobustnessResults) -> None:
    compared = [*results.rates, *([results.backend] if results.backend else [])]
    if not compared:
        return
    page.section(
        "Consistency across frame rates and pose backends",
        "The tracks of the test clips as another camera or pose network would have given them, cut into windows again. "
        f"A clip that then gives no window counts as another prediction, and as wrong.{_sampled(results)}",
    )
    rows = [
        (c.condition, c.clips, percent(c.share, 1), _interval(c.interval), percent(c.accuracy, 1), c.missing)
        for c in compared
    ]
    page.table(["Condition", "Clips", "Consistency", "95 % interval", "Accuracy", "Without a window"], rows)


def _interval(bounds: tuple[float, float]) -> str:
    return f"{percent(bounds[0], 1)} to {percent(bounds[1], 1)}"


def _streams(page: Page, results: RobustnessResults) -> None:
    if not results.streams:
        return
    page.section(
        "Streams",
        "Test media with several labelled intervals, watched from end to end. An alert comes when a window ends; "
        "outside the labelled intervals every alert is false.",
    )
    metrics = results.streams
    rows = [
        ("Streams", str(metrics["streams"])),
        ("Watched", f"{metrics['stream_hours'] * 3600:.0f} s"),
        ("False alarms an hour", f"{metrics['stream_false_alarms_per_hour']:.1f}"),
        ("Time to alert, median", f"{metrics['stream_time_to_alert_s']:.2f} s"),
        ("Intervals without an alert", percent(metrics["stream_missed"], 1)),
        *((f"F1 of intervals at an overlap of {o} %", percent(metrics[f"stream_f1_{o}"], 1)) for o in (10, 25, 50)),
    ]
    page.table(["Metric", "Value"], rows)
