"""The test split, judged once: windows, then clips, which is what a client sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.evaluation import bootstrap, calibration, metrics, selective
from posemill.features.verdict import grouped_probabilities

if TYPE_CHECKING:
    import pandas as pd

VALIDATION, HELD_OUT = "validation", "folds"  # what a temperature is fitted on


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Predictions of windows or of clips: rows of the test split.

    index          one row a prediction: window or clip, medium, person, start_s, activity, subject, camera.
    actual         (N,) class numbers; probabilities (N, C) float32, after the temperature.
    """

    index: pd.DataFrame
    actual: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) class numbers."""
        return np.asarray(self.probabilities.argmax(-1), np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether it was right."""
        return np.asarray(self.predicted == self.actual)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(C, C) confusion matrix."""
        return metrics.confusion(self.actual, self.predicted, self.probabilities.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Everything that is reported.

    fitted_on       what the temperature was: the validation split, or clips that members of folds had not seen.
    bins, raw_bins  reliability of windows with the temperature and without.
    unanswered      clips of the test split that gave no window, so that the model was never asked.
    threshold       of the highest probability of a clip, below which the model had better abstain; from validation.
    """

    classes: list[str]
    windows: Level
    clips: Level
    temperature: float
    fitted_on: str
    bins: list[calibration.Bin]
    raw_bins: list[calibration.Bin]
    unanswered: int = 0
    threshold: float = 0.0

    @property
    def risk_coverage(self) -> selective.RiskCoverage:
        """How wrong the answers are when only the surest clips are answered."""
        return selective.curve(self.clips.probabilities.max(-1), self.clips.right)

    def figures(self) -> dict[str, Any]:
        """metrics.json: plain figures by name. The short names are of clips; `window_…` are of windows."""
        counts, windows = self.clips.counts, self.windows.counts
        low, high = metrics.wilson(int(np.trace(counts)), int(counts.sum()))
        scores = metrics.class_scores(counts, self.classes)
        known = [s.recall for s in scores if s.count]
        f1_low, f1_high = self._f1_interval()
        people = bootstrap.accuracy_interval(self.clips.right, self.clips.index["subject"].to_list())
        coverage, selected = selective.with_threshold(
            self.clips.probabilities.max(-1), self.clips.right, self.threshold
        )
        return {
            "accuracy": metrics.accuracy(counts),
            "accuracy_low": low,
            "accuracy_high": high,
            "accuracy_low_by_subject": people[0],
            "accuracy_high_by_subject": people[1],
            "macro_f1": metrics.macro_f1(counts),
            "macro_f1_low": f1_low,
            "macro_f1_high": f1_high,
            "class_recall": min(known),
            "clips": int(counts.sum()),
            "ece": calibration.expected_error(self.bins),
            "ece_uncalibrated": calibration.expected_error(self.raw_bins),
            "temperature": self.temperature,
            "window_accuracy": metrics.accuracy(windows),
            "window_macro_f1": metrics.macro_f1(windows),
            "windows": int(windows.sum()),
            "clips_unanswered": self.unanswered,
            "accuracy_counting_unanswered": float(np.trace(counts) / (counts.sum() + self.unanswered)),
            "rejection_threshold": self.threshold,
            "answered": coverage,
            "accuracy_of_answered": selected,
            "risk_coverage_area": self.risk_coverage.area,
            "subjects": int(self.clips.index["subject"].nunique()),
            "recall": {s.activity: s.recall for s in scores if s.count},
        }

    def _f1_interval(self) -> tuple[float, float]:
        """Of macro F1, from clips that are drawn again and again."""
        actual, predicted, classes = self.clips.actual, self.clips.predicted, len(self.classes)
        return bootstrap.interval(
            lambda rows: metrics.macro_f1(metrics.confusion(actual[rows], predicted[rows], classes)),
            range(len(actual)),
        )


def judge(
    index: pd.DataFrame,
    classes: list[str],
    validation: tuple[pd.DataFrame, NDArray[np.float32]],
    test_logits: NDArray[np.float32],
    bins: int,
    unanswered: int = 0,
    target_selective_accuracy: float = 0.95,
    fitted_on: str = VALIDATION,
) -> Judgement:
    """Put the figures together.

    index       rows of the test split in prepare's index.parquet, test_logits (N, C) in the same order.
    validation  the same of the validation split: the temperature is fitted there and there only, and the threshold
                of abstention, at which `target_selective_accuracy` of the answers are right.
    fitted_on   what these are called: HELD_OUT for those of folds.
    Errors: InputError when the test split is empty or has an activity that classes.json lacks.
    """
    if not len(index):
        raise InputError("the test split has no window: add clips of more subjects, or change the shares in prepare")
    temperature = calibration.fit_temperature(validation[1], numbers(validation[0], classes))
    probabilities = calibration.softmax(test_logits, temperature).astype(np.float32)
    actual = numbers(index, classes)
    windows = Level(index.reset_index(drop=True), actual, probabilities)
    return Judgement(
        classes=classes,
        windows=windows,
        clips=by_clip(windows, classes),
        temperature=temperature,
        fitted_on=fitted_on,
        bins=calibration.reliability(probabilities, actual, bins),
        raw_bins=calibration.reliability(calibration.softmax(test_logits), actual, bins),
        unanswered=unanswered,
        threshold=_threshold(validation, classes, temperature, target_selective_accuracy),
    )


def _threshold(
    validation: tuple[pd.DataFrame, NDArray[np.float32]], classes: list[str], temperature: float, right: float
) -> float:
    index, logits = validation
    if not len(index):
        return 0.0
    probabilities = calibration.softmax(logits, temperature).astype(np.float32)
    clips = by_clip(Level(index.reset_index(drop=True), numbers(index, classes), probabilities), classes)
    return selective.threshold_for(selective.curve(clips.probabilities.max(-1), clips.right), right)


def by_clip(windows: Level, classes: list[str]) -> Level:
    """One verdict a clip from all of its windows, of every person in it."""
    import pandas as pd

    number, _ = pd.factorize(windows.index["clip"])  # in order of the windows: a clip's own number says nothing
    probabilities = grouped_probabilities(windows.probabilities, number)[1]
    first = windows.index.drop_duplicates("clip").reset_index(drop=True)
    return Level(first, numbers(first, classes), probabilities)


def numbers(index: pd.DataFrame, classes: list[str]) -> NDArray[np.int64]:
    """The rows' activities as class numbers."""
    known = {name: number for number, name in enumerate(classes)}
    if unknown := sorted({str(a) for a in index["activity"] if a not in known}):
        raise InputError(f"activities {', '.join(unknown)} are not in classes.json; run prepare and train again")
    return np.asarray(index["activity"].map(known), np.int64)
