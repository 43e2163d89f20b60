"""Evaluation of the test split: predictions of windows, aggregated to clips, which is what a client sees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.evaluation import bootstrap, calibration, classification_metrics, selective_prediction
from posemill.evaluation.open_set import OpenSetClips, OpenSetResults
from posemill.features.verdict import grouped_probabilities

if TYPE_CHECKING:
    import pandas as pd

VALIDATION, HELD_OUT = "validation", "folds"  # what a temperature is fitted on


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Calibrated predictions of the test split's windows, or of its clips.

    index          one row a prediction: window or clip, medium, person, start_s, activity, subject, camera.
    actual         (N,) class numbers.
    probabilities  (N, C) float32, after temperature scaling.
    """

    index: pd.DataFrame
    actual: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) class numbers."""
        return np.asarray(self.probabilities.argmax(-1), np.int64)

    @property
    def confidence(self) -> NDArray[np.float32]:
        """(N,) top-1 probability."""
        return np.asarray(self.probabilities.max(-1))

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(N,) true where the prediction is right."""
        return np.asarray(self.predicted == self.actual)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(C, C) confusion matrix."""
        return classification_metrics.confusion_matrix(self.actual, self.predicted, self.probabilities.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationResults:
    """Everything that is reported of the test split.

    fitted_on            data of temperature and threshold: the validation split, or clips held out of folds.
    bins, raw_bins       reliability of windows with temperature scaling and without.
    missing_predictions  clips of the test split that gave no window, so that the model was never asked.
    rejection_threshold  of a clip's top-1 probability, below which the model abstains; fitted on validation.
    open_set             verdicts with an open-set score; None where the network has none.
    """

    classes: list[str]
    windows: Predictions
    clips: Predictions
    temperature: float
    fitted_on: str
    bins: list[calibration.ReliabilityBin]
    raw_bins: list[calibration.ReliabilityBin]
    missing_predictions: int = 0
    rejection_threshold: float = 0.0
    open_set: OpenSetResults | None = None

    @property
    def answered_confidence(self) -> NDArray[np.floating]:
        """(N,) top-1 probability of the clips as services give it; -1 where they say "none of these"."""
        return self.clips.confidence if self.open_set is None else self.open_set.known.answered_confidence

    @property
    def risk_coverage(self) -> selective_prediction.RiskCoverage:
        """Risk-coverage curve of the clips."""
        return selective_prediction.risk_coverage(self.clips.confidence, self.clips.correct)

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of metrics.json by name. The short names are of clips; `window_…` are of windows."""
        counts, windows = self.clips.counts, self.windows.counts
        low, high = classification_metrics.wilson_interval(int(np.trace(counts)), int(counts.sum()))
        scores = classification_metrics.class_scores(counts, self.classes)
        recalls = [s.recall for s in scores if s.count]
        f1_low, f1_high = self._f1_interval()
        by_subject = bootstrap.accuracy_interval(self.clips.correct, self.clips.index["subject"].to_list())
        coverage, selective_accuracy = selective_prediction.coverage_and_selective_accuracy(
            self.answered_confidence, self.clips.correct, self.rejection_threshold
        )
        return {
            "accuracy": classification_metrics.accuracy(counts),
            "accuracy_low": low,
            "accuracy_high": high,
            "accuracy_low_by_subject": by_subject[0],
            "accuracy_high_by_subject": by_subject[1],
            "macro_f1": classification_metrics.macro_f1(counts),
            "macro_f1_low": f1_low,
            "macro_f1_high": f1_high,
            "class_recall": min(recalls),
            "clips": int(counts.sum()),
            "ece": calibration.expected_calibration_error(self.bins),
            "ece_uncalibrated": calibration.expected_calibration_error(self.raw_bins),
            "temperature": self.temperature,
            "window_accuracy": classification_metrics.accuracy(windows),
            "window_macro_f1": classification_metrics.macro_f1(windows),
            "windows": int(windows.sum()),
            "clips_without_prediction": self.missing_predictions,
            "accuracy_with_missing": float(np.trace(counts) / (counts.sum() + self.missing_predictions)),
            "rejection_threshold": self.rejection_threshold,
            "coverage": coverage,
            "selective_accuracy": selective_accuracy,
            "risk_coverage_area": self.risk_coverage.area,
            "subjects": int(self.clips.index["subject"].nunique()),
            "recall": {s.activity: s.recall for s in scores if s.count},
            **({} if self.open_set is None else self.open_set.metrics()),
        }

    def _f1_interval(self) -> tuple[float, float]:
        """Bootstrap interval of macro F1, by clip."""
        actual, predicted, classes = self.clips.actual, self.clips.predicted, len(self.classes)
        return bootstrap.bootstrap_interval(
            lambda rows: classification_metrics.macro_f1(
                classification_metrics.confusion_matrix(actual[rows], predicted[rows], classes)
            ),
            range(len(actual)),
        )


def evaluate(
    index: pd.DataFrame,
    classes: list[str],
    validation: tuple[pd.DataFrame, NDArray[np.float32]],
    test_logits: NDArray[np.float32],
    bins: int,
    missing_predictions: int = 0,
    target_selective_accuracy: float = 0.95,
    fitted_on: str = VALIDATION,
) -> EvaluationResults:
    """Calibrate and evaluate logits of the test split.

    index       rows of the test split in prepare's index.parquet, test_logits (N, C) in the same order.
    validation  the same of the validation split: the temperature is fitted there and there only, and the rejection
                threshold, at which `target_selective_accuracy` of the answers are right.
    fitted_on   what these are called: HELD_OUT for those of folds.
    Errors: InputError when the test split is empty or has an activity that classes.json lacks.
    """
    if not len(index):
        raise InputError("the test split has no window: add clips of more subjects, or change the shares in prepare")
    temperature = calibration.fit_temperature(validation[1], class_numbers(validation[0], classes))
    probabilities = calibration.softmax(test_logits, temperature).astype(np.float32)
    actual = class_numbers(index, classes)
    windows = Predictions(index.reset_index(drop=True), actual, probabilities)
    return EvaluationResults(
        classes=classes,
        windows=windows,
        clips=aggregate_to_clips(windows, classes),
        temperature=temperature,
        fitted_on=fitted_on,
        bins=calibration.reliability_bins(probabilities, actual, bins),
        raw_bins=calibration.reliability_bins(calibration.softmax(test_logits), actual, bins),
        missing_predictions=missing_predictions,
        rejection_threshold=_fit_threshold(validation, classes, temperature, target_selective_accuracy),
    )


def _fit_threshold(
    validation: tuple[pd.DataFrame, NDArray[np.float32]], classes: list[str], temperature: float, target: float
) -> float:
    index, logits = validation
    if not len(index):
        return 0.0
    probabilities = calibration.softmax(logits, temperature).astype(np.float32)
    windows = Predictions(index.reset_index(drop=True), class_numbers(index, classes), probabilities)
    clips = aggregate_to_clips(windows, classes)
    curve = selective_prediction.risk_coverage(clips.confidence, clips.correct)
    return selective_prediction.fit_rejection_threshold(curve, target)


def add_open_set(
    results: EvaluationResults,
    validation: tuple[pd.DataFrame, NDArray[np.float32]],
    test_logits: NDArray[np.float32],
    unknown: tuple[pd.DataFrame, NDArray[np.float32]],
    target_selective_accuracy: float,
) -> EvaluationResults:
    """Add the verdicts of a network with an open-set score, and fit the rejection threshold to its probabilities.

    validation, test_logits, unknown  index rows and logits (N, C + 1), the last column of "none of these".
    """

    def clips(index: pd.DataFrame, logits: NDArray[np.float32]) -> OpenSetClips:
        return OpenSetClips.of(logits, clip_numbers(index), results.temperature)

    known, answered = clips(results.windows.index, test_logits), clips(*validation)
    first = validation[0].drop_duplicates("clip")
    right = answered.best == class_numbers(first, results.classes)
    kept = ~answered.rejected
    curve = selective_prediction.risk_coverage(answered.confidence[kept], right[kept])
    return replace(
        results,
        open_set=OpenSetResults(known, known.best == results.clips.actual, clips(*unknown)),
        rejection_threshold=selective_prediction.fit_rejection_threshold(curve, target_selective_accuracy),
    )


def clip_numbers(index: pd.DataFrame) -> NDArray[np.int64]:
    """Number the clips of windows in the order in which they come: a clip's own number says nothing."""
    import pandas as pd

    return np.asarray(pd.factorize(index["clip"])[0], np.int64)


def aggregate_to_clips(windows: Predictions, classes: list[str]) -> Predictions:
    """Aggregate windows to one prediction a clip, from all windows of every person in it."""
    probabilities = grouped_probabilities(windows.probabilities, clip_numbers(windows.index))[1]
    first = windows.index.drop_duplicates("clip").reset_index(drop=True)
    return Predictions(first, class_numbers(first, classes), probabilities)


def class_numbers(index: pd.DataFrame, classes: list[str]) -> NDArray[np.int64]:
    """Return the rows' activities as class numbers (N,). Errors: InputError for one that classes.json lacks."""
    number = {name: i for i, name in enumerate(classes)}
    if unknown := sorted({str(a) for a in index["activity"] if a not in number}):
        raise InputError(f"activities {', '.join(unknown)} are not in classes.json; run prepare and train again")
    return np.asarray(index["activity"].map(number), np.int64)
