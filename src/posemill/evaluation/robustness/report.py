"""The part of report.html on what the test clips were put through: abstention, noise, frame rates, streams."""

from __future__ import annotations

import numpy as np

from posemill.evaluation.judge import Judgement
from posemill.evaluation.robustness.outcome import RobustnessResults
from posemill.report import plots
from posemill.report.page import Page, percent

_NOISE = {
    "jitter": ("keypoint jitter", "of the person's size"),
    "dropout": ("lost keypoints", "of sightings"),
    "swaps": ("left and right swapped", "of poses"),
}


def abstention(page: Page, judged: Judgement) -> None:
    """Risk against coverage, and what the threshold from validation gives."""
    figures, found = judged.figures(), judged.risk_coverage
    silent = (
        "answering everything is right often enough"
        if judged.threshold <= 0
        else (f"below a probability of {percent(judged.threshold, 1)} it had better say nothing")
    )
    page.section(
        "When it may keep silent",
        f"The surest clips first. By the validation split {silent}; on the test split that answers "
        f"{percent(figures['answered'])} of the clips, of which "
        f"{percent(figures['accuracy_of_answered'], 1)} are right.",
    )
    figure, (ax,) = plots.axes(6.4, 2.8)
    ax.plot(found.coverage, found.risk, drawstyle="steps-pre", color=plots.ACCENT)
    ax.axvline(figures["answered"], color=plots.SECOND, linewidth=1.2)
    ax.set(
        xlim=(0, 1.02),
        ylim=(0, max(0.05, float(found.risk.max()) * 1.1)),
        xlabel="coverage: share answered",
        ylabel="risk: share wrong",
    )
    page.picture(plots.svg(figure), "Risk-coverage curve of the test clips; the line is the threshold from validation")
    shares = [s for s in (0.5, 0.7, 0.8, 0.9, 1.0) if len(found.coverage)]
    at = [min(int(np.searchsorted(found.coverage, s - 1e-9)), len(found.coverage) - 1) for s in shares]
    rows = [(percent(found.coverage[i]), percent(1 - found.risk[i], 1), f"{found.threshold[i]:.3f}") for i in at]
    page.table(["Answered", "Of these right", "Probability at least"], rows)


def strain(page: Page, tried: RobustnessResults) -> None:
    """Noise, other frame rates, other keypoints."""
    _noise(page, tried)
    _rates(page, tried)
    _streams(page, tried)


def _noise(page: Page, tried: RobustnessResults) -> None:
    if not tried.perturbed:
        return
    page.section(
        "Noise",
        "Accuracy of clips when keypoints are worse than they were. The line is the budget of params.yaml; what is "
        "lost there is what the gates judge.",
    )
    figure, every = plots.axes(8.4, 2.8, 1, len(tried.budget))
    for ax, (kind, budget) in zip(every, tried.budget.items(), strict=True):
        own = [s for s in tried.perturbed if s.kind == kind]
        ax.plot([s.strength for s in own], [s.accuracy for s in own], "o-", color=plots.ACCENT, markersize=4)
        ax.axvline(budget, color=plots.SECOND, linewidth=1.2)
        ax.set(ylim=(0, 1.05), title=_NOISE[kind][0], xlabel=_NOISE[kind][1])
    page.picture(plots.svg(figure), "Accuracy of clips against the strength of each kind of noise")
    rows = [
        (
            _NOISE[kind][0],
            f"{percent(budget, 1)} {_NOISE[kind][1]}",
            *(percent(s.accuracy, 1) for s in tried.perturbed if s.kind == kind),
        )
        for kind, budget in tried.budget.items()
    ]
    steps = ["None", "Half of it", "The budget", "Twice as much"]
    page.table(["Noise", "Budget", *steps], rows, "Accuracy of clips")


def _rates(page: Page, tried: RobustnessResults) -> None:
    compared = [*tried.rates, *([tried.backend] if tried.backend else [])]
    if not compared:
        return
    page.section(
        "Other cameras, other keypoints",
        "The tracks of the test clips as another camera or pose network would have given them, cut into windows again. "
        "A clip that then gives no window counts as another verdict, and as wrong.",
    )
    rows = [(a.way, a.clips, percent(a.share, 1), percent(a.accuracy, 1), a.lost) for a in compared]
    page.table(["Seen", "Clips", "Same verdict", "Accuracy", "Without a window"], rows)


def _streams(page: Page, tried: RobustnessResults) -> None:
    if not tried.streams:
        return
    page.section(
        "Streams",
        "Test media with several known stretches, watched from end to end. An alert comes when a window ends; outside "
        "the known stretches every alert is false.",
    )
    found = tried.streams
    rows = [
        ("Streams", str(found["streams"])),
        ("Watched", f"{found['stream_hours'] * 3600:.0f} s"),
        ("False alarms an hour", f"{found['stream_false_alarms_per_hour']:.1f}"),
        ("Time to alert, median", f"{found['stream_time_to_alert_s']:.2f} s"),
        ("Stretches without an alert", percent(found["stream_missed"], 1)),
        *((f"F1 of stretches at an overlap of {o} %", percent(found[f"stream_f1_{o}"], 1)) for o in (10, 25, 50)),
    ]
    page.table(["What", "Figure"], rows)
