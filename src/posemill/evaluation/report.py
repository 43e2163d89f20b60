"""report.html: what the model is worth on people it has never seen, for whoever decides about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation import metrics
from posemill.evaluation.bootstrap import accuracy_interval
from posemill.evaluation.gates import GateOutcome
from posemill.evaluation.judge import HELD_OUT, VALIDATION, Judgement
from posemill.evaluation.robustness import report
from posemill.evaluation.robustness.outcome import RobustnessResults
from posemill.params.evaluate import Gates
from posemill.pose.skeleton import Skeleton
from posemill.report import plots, skeletons
from posemill.report.page import Cell, Figure, Page, percent

_FITTED_ON = {VALIDATION: "the validation split", HELD_OUT: "clips that members of the folds had not seen"}
_STRIP_POSES = 8
_LISTED = 20
_MANY = 5  # fewer people or clips drawn again and again say nothing of others


def page(
    judged: Judgement,
    outcomes: Sequence[GateOutcome],
    windows: NDArray[np.float32],
    skeleton: Skeleton,
    mistakes: int,
    about: str = "",
    tried: RobustnessResults | None = None,
) -> Page:
    """The whole report.

    windows  (N, T, K, 3) of prepare, for drawing; `window` of the index is the row in it.
    about    one line on the network, for the foot of the page.
    tried    what the clips were put through; None = nothing.
    """
    page = Page(
        "What the model is worth",
        "Judged once on the test split: clips of people whom training has not seen.",
        f"posemill evaluate · {about}" if about else "posemill evaluate",
    )
    _top(page, judged, outcomes)
    _gates(page, outcomes)
    _confusion(page, judged)
    _classes(page, judged)
    _slices(page, judged)
    _calibration(page, judged)
    report.abstention(page, judged)
    if tried is not None:
        report.strain(page, tried)
    _mistakes(page, judged, windows, skeleton, mistakes)
    return page


def _top(page: Page, judged: Judgement, outcomes: Sequence[GateOutcome]) -> None:
    figures = judged.figures()
    failed = [o.says for o in outcomes if not o.passed]
    if failed:
        page.banner(f"Not good enough to package: {'; '.join(failed)}.", "bad")
    elif outcomes:
        page.banner(f"All {len(outcomes)} gates hold: this model may be packaged.", "good")
    interval = f"95 % interval {_span(figures['accuracy_low'], figures['accuracy_high'])}"
    if figures["subjects"] >= _MANY:
        interval += f"; by subject {_span(figures['accuracy_low_by_subject'], figures['accuracy_high_by_subject'])}"
    spread = f"all activities count alike; {_span(figures['macro_f1_low'], figures['macro_f1_high'])}"
    page.figures(
        [
            Figure("Accuracy, clips", _percent(figures["accuracy"]), interval),
            Figure("Macro F1", _percent(figures["macro_f1"]), spread),
            Figure("Accuracy, windows", _percent(figures["window_accuracy"]), f"{figures['windows']} windows"),
            Figure(
                "Calibration error", _percent(figures["ece"]), f"uncalibrated {_percent(figures['ece_uncalibrated'])}"
            ),
            Figure("Test clips", str(figures["clips"]), f"{figures['subjects'] or 'unnamed'} subjects"),
            Figure(
                "Unanswered clips",
                str(figures["clips_unanswered"]),
                f"nobody usable in them; counted as wrong: {_percent(figures['accuracy_counting_unanswered'])}",
            ),
            Figure("Activities", str(len(judged.classes)), f"weakest recall {_percent(figures['class_recall'])}"),
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


def _confusion(page: Page, judged: Judgement) -> None:
    page.section("What is taken for what", "Test clips: a row for each actual activity, a column for the answer.")
    counts = judged.clips.counts
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 2.0 + 0.42 * len(counts)
    figure, (ax,) = plots.axes(side + 0.6, side)
    plots.heat(ax, share, counts, judged.classes)
    page.picture(plots.svg(figure), "Confusion matrix of the test clips; the table below has the same errors in words")
    wrong = [(int(counts[a, p]), a, p) for a, p in np.argwhere(counts > 0).tolist() if a != p]
    rows = [(judged.classes[a], judged.classes[p], n) for n, a, p in sorted(wrong, reverse=True)[:10]]
    if rows:
        page.table(["Actual", "Taken for", "Clips"], rows, "Most frequent mistakes")
    else:
        page.text("Every test clip is right.")


def _classes(page: Page, judged: Judgement) -> None:
    page.section("Activities", "Recall: how many of its clips are found. Precision: how many answers are true.")
    scores = sorted(metrics.class_scores(judged.clips.counts, judged.classes), key=lambda s: (s.f1, s.activity))
    shown = [s for s in scores if np.isfinite(s.f1)]
    figure, (ax,) = plots.axes(8, 0.6 + 0.3 * max(len(shown), 1))
    plots.bars(ax, [s.activity for s in shown], [s.f1 for s in shown], [f"F1 {percent(s.f1)}" for s in shown])
    ax.set_xlim(0, 1.16)
    page.picture(plots.svg(figure), "Bars: F1 of every activity, weakest first")
    rows = [(s.activity, s.count, _percent(s.precision), _percent(s.recall), _percent(s.f1)) for s in scores]
    page.table(["Activity", "Clips", "Precision", "Recall", "F1"], rows)


def _slices(page: Page, judged: Judgement) -> None:
    page.section(
        "People and cameras",
        "Accuracy of clips by who is in them and by where they were filmed, weakest first. "
        "A wide interval says that there are too few clips to know. The first is Wilson's, as if clips were "
        "independent; for the second the clips of a person, or the people before a camera, are drawn again and again "
        f"(a dash where there are fewer than {_MANY}).",
    )
    clips, known = judged.clips, 0
    for what in ("subject", "camera"):
        scores = metrics.slices(clips.index[what].to_list(), clips.right)
        known += len(scores)
        rows = [
            (s.name, s.count, _percent(s.accuracy), _span(s.low, s.high), _drawn(judged, what, s.name))
            for s in scores[:_LISTED]
        ]
        if rows:
            more = f", the weakest {_LISTED} of {len(scores)}" if len(scores) > _LISTED else ""
            page.table(
                [what.capitalize(), "Clips", "Accuracy", "95 % interval", _DRAWN[what]], rows, f"By {what}{more}"
            )
    if not known:
        page.text("The clips name neither subjects nor cameras.")


_DRAWN = {"subject": "Drawn by clip", "camera": "Drawn by subject"}


def _drawn(judged: Judgement, what: str, name: str) -> str:
    """The bootstrap interval of one subject (over clips) or camera (over subjects); a dash for few of them."""
    rows = np.flatnonzero((judged.clips.index[what] == name).to_numpy())
    groups = rows.tolist() if what == "subject" else judged.clips.index["subject"].iloc[rows].to_list()
    return _span(*accuracy_interval(judged.clips.right[rows], groups)) if len(set(groups)) >= _MANY else "–"


def _calibration(page: Page, judged: Judgement) -> None:
    page.section(
        "Does it know when it does not know?",
        "Windows, by how sure the model was: on the line, a confidence of 80 % is right in 80 of 100 cases. "
        f"The temperature {judged.temperature:.2f} was fitted on {_FITTED_ON[judged.fitted_on]} and goes into the "
        "package.",
    )
    figure, (curve, amount) = plots.axes(8.4, 3.2, 1, 2)
    curve.plot([0, 1], [0, 1], color=plots.LINE, linewidth=1.2)
    for bins, color, name in ((judged.raw_bins, plots.SECOND, "as trained"), (judged.bins, plots.ACCENT, "calibrated")):
        curve.plot(
            [b.confidence for b in bins], [b.accuracy for b in bins], "o-", color=color, markersize=4, label=name
        )
    curve.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="accuracy", aspect="equal")
    curve.legend(frameon=False, fontsize=9, loc="upper left", labelcolor=plots.SOFT)
    centre = [(b.low + b.high) / 2 for b in judged.bins]
    width = 0.85 * (judged.bins[0].high - judged.bins[0].low) if judged.bins else 0.1
    amount.bar(centre, [b.count for b in judged.bins], width=width, color=plots.ACCENT)
    amount.set(xlim=(0, 1.02), xlabel="confidence, calibrated", ylabel="windows")
    page.picture(plots.svg(figure), "Reliability diagram of the test windows, and how many have which confidence")
    rows = [(_span(b.low, b.high), b.count, _percent(b.confidence), _percent(b.accuracy)) for b in judged.bins]
    page.table(["Confidence", "Windows", "Mean confidence", "Accuracy"], rows, "Calibrated")


def _mistakes(page: Page, judged: Judgement, windows: NDArray[np.float32], skeleton: Skeleton, count: int) -> None:
    if not count:
        return
    page.section(
        "Most confident mistakes",
        "Clips in which the model was sure and wrong, by their most convinced window, from left to right in time. "
        "Look for a wrong label, a wrong person or a broken skeleton.",
    )
    clips = judged.clips
    wrong = np.flatnonzero(~clips.right)
    worst = wrong[np.argsort(-clips.probabilities[wrong].max(-1), kind="stable")][:count]
    if not len(worst):
        page.text("There is none: every test clip is right.")
        return
    strips = [_strip(judged, int(row), windows, skeleton) for row in worst]
    page.picture(skeletons.sheet(strips), f"Drawn skeletons of the {len(strips)} most confident mistakes")
    rows = [
        (
            str(int(clips.index["clip"].iat[r])),
            judged.classes[clips.actual[r]],
            judged.classes[clips.predicted[r]],
            _percent(float(clips.probabilities[r].max())),
            str(clips.index["medium"].iat[r])[:12],
        )
        for r in worst.tolist()
    ]
    page.table(["Clip", "Actual", "Taken for", "Confidence", "Medium"], rows)


def _strip(judged: Judgement, row: int, windows: NDArray[np.float32], skeleton: Skeleton) -> skeletons.Strip:
    clip, said = judged.clips.index["clip"].iat[row], judged.clips.predicted[row]
    own = np.flatnonzero(judged.windows.index["clip"].to_numpy() == clip)
    window = own[judged.windows.probabilities[own, said].argmax()]
    xy = np.asarray(windows[int(judged.windows.index["window"].iat[window])])[..., :2]
    actual = judged.classes[judged.clips.actual[row]]
    caption = f"clip {int(clip)} · {actual}, taken for {judged.classes[said]}"
    return skeletons.Strip(xy[skeletons.pick(len(xy), _STRIP_POSES)], skeleton, caption)


def _percent(share: float) -> str:
    return percent(share, 1)


def _span(low: float, high: float) -> str:
    return f"{percent(low)} – {percent(high)}"
