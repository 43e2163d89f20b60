"""report.html: evaluation report of the test split, for whoever decides about the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation import classification_metrics
from posemill.evaluation.bootstrap import accuracy_interval
from posemill.evaluation.evaluation_results import HELD_OUT, VALIDATION, EvaluationResults
from posemill.evaluation.gates import GateOutcome
from posemill.evaluation.open_set_section import open_set_section
from posemill.evaluation.robustness.report_sections import robustness_sections, selective_prediction_section
from posemill.evaluation.robustness.results import RobustnessResults
from posemill.params.evaluate import Gates
from posemill.pose.skeleton import Skeleton
from posemill.report import plots, skeletons
from posemill.report.page import Cell, Figure, Page, percent

_FITTED_ON = {VALIDATION: "the validation split", HELD_OUT: "clips that members of the folds had not seen"}
_STRIP_POSES = 8
_LISTED = 20
_MIN_GROUPS = 5  # fewer resampled people or clips say nothing of others


def page(
    results: EvaluationResults,
    outcomes: Sequence[GateOutcome],
    windows: NDArray[np.float32],
    skeleton: Skeleton,
    errors: int,
    about: str = "",
    robustness: RobustnessResults | None = None,
) -> Page:
    """Build the evaluation report.

    windows     (N, T, K, 3) of prepare, for drawing; `window` of the index is the row in it.
    about       one line on the network, for the foot of the page.
    robustness  None = not evaluated.
    """
    page = Page(
        "Evaluation report",
        "Test split, evaluated once: clips of people whom training has not seen.",
        f"posemill evaluate · {about}" if about else "posemill evaluate",
    )
    _top(page, results, outcomes)
    _gates(page, outcomes)
    _confusion(page, results)
    _classes(page, results)
    _slices(page, results)
    _calibration(page, results)
    selective_prediction_section(page, results)
    open_set_section(page, results)
    if robustness is not None:
        robustness_sections(page, robustness)
    _errors(page, results, windows, skeleton, errors)
    return page


def _top(page: Page, results: EvaluationResults, outcomes: Sequence[GateOutcome]) -> None:
    metrics = results.metrics()
    failed = [o.says for o in outcomes if not o.passed]
    if failed:
        page.banner(f"Not good enough to package: {'; '.join(failed)}.", "bad")
    elif outcomes:
        page.banner(f"All {len(outcomes)} gates hold: this model may be packaged.", "good")
    interval = f"95 % interval {_span(metrics['accuracy_low'], metrics['accuracy_high'])}"
    if metrics["subjects"] >= _MIN_GROUPS:
        interval += f"; by subject {_span(metrics['accuracy_low_by_subject'], metrics['accuracy_high_by_subject'])}"
    spread = f"all activities count alike; {_span(metrics['macro_f1_low'], metrics['macro_f1_high'])}"
    page.figures(
        [
            Figure("Accuracy, clips", _percent(metrics["accuracy"]), interval),
            Figure("Macro F1", _percent(metrics["macro_f1"]), spread),
            Figure("Accuracy, windows", _percent(metrics["window_accuracy"]), f"{metrics['windows']} windows"),
            Figure("ECE", _percent(metrics["ece"]), f"uncalibrated {_percent(metrics['ece_uncalibrated'])}"),
            Figure("Test clips", str(metrics["clips"]), f"{metrics['subjects'] or 'unnamed'} subjects"),
            Figure(
                "Clips without prediction",
                str(metrics["clips_without_prediction"]),
                f"nobody usable in them; accuracy with them as wrong: {_percent(metrics['accuracy_with_missing'])}",
            ),
            Figure("Activities", str(len(results.classes)), f"weakest recall {_percent(metrics['class_recall'])}"),
        ]
    )


def _gates(page: Page, outcomes: Sequence[GateOutcome]) -> None:
    page.section("Gates", "Limits of params.yaml. A model on the wrong side of one is not packaged.")
    rows = [
        (
            o.gate.replace("_", " "),
            f"{o.limit:g}",
            "–" if o.measured is None else f"{o.measured:.4g}",
            Cell("passed", "good") if o.passed else Cell("failed", "bad"),
        )
        for o in outcomes
    ]
    page.table(["Gate", "Limit", "Measured", "Outcome"], rows) if rows else page.text("All gates are switched off.")
    off = [name.replace("_", " ") for name in Gates.model_fields if name not in {o.gate for o in outcomes}]
    if rows and off:
        page.text(f"Switched off: {', '.join(off)}.")


def _confusion(page: Page, results: EvaluationResults) -> None:
    page.section("Confusion matrix", "Test clips: a row for each actual activity, a column for the predicted one.")
    counts = results.clips.counts
    side = 2.0 + 0.42 * len(counts)
    figure, (ax,) = plots.axes(side + 0.6, side)
    plots.heat_map(ax, counts, results.classes)
    page.picture(plots.svg(figure), "Confusion matrix of the test clips; the table below names the errors")
    wrong = [(int(counts[a, p]), a, p) for a, p in np.argwhere(counts > 0).tolist() if a != p]
    rows = [(results.classes[a], results.classes[p], n) for n, a, p in sorted(wrong, reverse=True)[:10]]
    if rows:
        page.table(["Actual", "Predicted", "Clips"], rows, "Most frequent errors")
    else:
        page.text("Every test clip is right.")


def _classes(page: Page, results: EvaluationResults) -> None:
    page.section(
        "Precision and recall",
        "By activity. Recall: share of its clips that are found. Precision: share of its predictions that hold.",
    )
    scores = sorted(
        classification_metrics.class_scores(results.clips.counts, results.classes), key=lambda s: (s.f1, s.activity)
    )
    shown = [s for s in scores if np.isfinite(s.f1)]
    figure, (ax,) = plots.axes(8, 0.6 + 0.3 * max(len(shown), 1))
    plots.bars(ax, [s.activity for s in shown], [s.f1 for s in shown], [f"F1 {percent(s.f1)}" for s in shown])
    ax.set_xlim(0, 1.16)
    page.picture(plots.svg(figure), "Bars: F1 of every activity, weakest first")
    rows = [(s.activity, s.count, _percent(s.precision), _percent(s.recall), _percent(s.f1)) for s in scores]
    page.table(["Activity", "Clips", "Precision", "Recall", "F1"], rows)


def _slices(page: Page, results: EvaluationResults) -> None:
    page.section(
        "Accuracy by subject and camera",
        "Clips by who is in them and by where they were filmed, weakest first. "
        "A wide interval says that there are too few clips to know. The first is Wilson's, as if clips were "
        "independent; the second is a bootstrap over the clips of a subject, or over the subjects of a camera "
        f"(a dash where there are fewer than {_MIN_GROUPS}).",
    )
    clips, named = results.clips, 0
    for column in ("subject", "camera"):
        scores = classification_metrics.slices(clips.index[column].to_list(), clips.correct)
        named += len(scores)
        rows = [
            (s.name, s.count, _percent(s.accuracy), _span(s.low, s.high), _bootstrap(results, column, s.name))
            for s in scores[:_LISTED]
        ]
        if rows:
            more = f", the weakest {_LISTED} of {len(scores)}" if len(scores) > _LISTED else ""
            page.table(
                [column.capitalize(), "Clips", "Accuracy", "95 % interval", _BOOTSTRAP[column]],
                rows,
                f"By {column}{more}",
            )
    if not named:
        page.text("The clips name neither subjects nor cameras.")


_BOOTSTRAP = {"subject": "Bootstrap, by clip", "camera": "Bootstrap, by subject"}


def _bootstrap(results: EvaluationResults, column: str, name: str) -> str:
    """Bootstrap interval of one subject (over clips) or camera (over subjects); a dash for few of them."""
    rows = np.flatnonzero((results.clips.index[column] == name).to_numpy())
    groups = rows.tolist() if column == "subject" else results.clips.index["subject"].iloc[rows].to_list()
    return _span(*accuracy_interval(results.clips.correct[rows], groups)) if len(set(groups)) >= _MIN_GROUPS else "–"


def _calibration(page: Page, results: EvaluationResults) -> None:
    page.section(
        "Calibration",
        "Does the model know when it does not know? On the line, a confidence of 80 % is right in 80 of 100 windows. "
        f"The temperature {results.temperature:.2f} was fitted on {_FITTED_ON[results.fitted_on]} and goes into the "
        "package.",
    )
    figure, (curve, amount) = plots.axes(8.4, 3.2, 1, 2)
    curve.plot([0, 1], [0, 1], color=plots.LINE, linewidth=1.2)
    for bins, color, name in (
        (results.raw_bins, plots.SECOND, "as trained"),
        (results.bins, plots.ACCENT, "calibrated"),
    ):
        curve.plot(
            [b.confidence for b in bins], [b.accuracy for b in bins], "o-", color=color, markersize=4, label=name
        )
    curve.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy", aspect="equal")
    curve.legend(frameon=False, fontsize=9, loc="upper left", labelcolor=plots.SOFT)
    centre = [(b.low + b.high) / 2 for b in results.bins]
    width = 0.85 * (results.bins[0].high - results.bins[0].low) if results.bins else 0.1
    amount.bar(centre, [b.count for b in results.bins], width=width, color=plots.ACCENT)
    amount.set(xlim=(0, 1.02), xlabel="confidence, calibrated", ylabel="windows")
    page.picture(plots.svg(figure), "Reliability diagram of the test windows, and how many have which confidence")
    rows = [(_span(b.low, b.high), b.count, _percent(b.confidence), _percent(b.accuracy)) for b in results.bins]
    page.table(["Confidence", "Windows", "Mean confidence", "Accuracy"], rows, "Calibrated")


def _errors(
    page: Page, results: EvaluationResults, windows: NDArray[np.float32], skeleton: Skeleton, count: int
) -> None:
    if not count:
        return
    page.section(
        "Most confident errors",
        "Wrong clips of the highest confidence, by their most confident window, from left to right in time. "
        "Look for a wrong label, a wrong person or a broken skeleton.",
    )
    clips = results.clips
    wrong = np.flatnonzero(~clips.correct)
    worst = wrong[np.argsort(-clips.probabilities[wrong].max(-1), kind="stable")][:count]
    if not len(worst):
        page.text("There is none: every test clip is right.")
        return
    strips = [_strip(results, int(row), windows, skeleton) for row in worst]
    page.picture(skeletons.sheet(strips), f"Drawn skeletons of the {len(strips)} most confident errors")
    rows = [
        (
            str(int(clips.index["clip"].iat[r])),
            results.classes[clips.actual[r]],
            results.classes[clips.predicted[r]],
            _percent(float(clips.probabilities[r].max())),
            str(clips.index["medium"].iat[r])[:12],
        )
        for r in worst.tolist()
    ]
    page.table(["Clip", "Actual", "Predicted", "Confidence", "Medium"], rows)


def _strip(results: EvaluationResults, row: int, windows: NDArray[np.float32], skeleton: Skeleton) -> skeletons.Strip:
    clip, predicted = results.clips.index["clip"].iat[row], results.clips.predicted[row]
    own = np.flatnonzero(results.windows.index["clip"].to_numpy() == clip)
    window = own[results.windows.probabilities[own, predicted].argmax()]
    xy = np.asarray(windows[int(results.windows.index["window"].iat[window])])[..., :2]
    actual = results.classes[results.clips.actual[row]]
    caption = f"clip {int(clip)} · {actual}, predicted {results.classes[predicted]}"
    return skeletons.Strip(xy[skeletons.pick(len(xy), _STRIP_POSES)], skeleton, caption)


def _percent(share: float) -> str:
    return percent(share, 1)


def _span(low: float, high: float) -> str:
    return f"{percent(low)} – {percent(high)}"
