"""The test split, judged once: windows, then clips, which is what a client sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.evaluation import calibration, metrics
from posemill.features.verdict import grouped_probabilities

if TYPE_CHECKING:
    import pandas as pd


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

    bins, raw_bins  reliability of windows with the temperature and without.
    unanswered      clips of the test split that gave no window, so that the model was never asked.
    """

    classes: list[str]
    windows: Level
    clips: Level
    temperature: float
    bins: list[calibration.Bin]
    raw_bins: list[calibration.Bin]
    unanswered: int = 0

    def figures(self) -> dict[str, Any]:
        """metrics.json: plain figures by name. The short names are of clips; `window_…` are of windows."""
        counts, windows = self.clips.counts, self.windows.counts
        low, high = metrics.wilson(int(np.trace(counts)), int(counts.sum()))
        scores = metrics.class_scores(counts, self.classes)
        known = [s.recall for s in scores if s.count]
        return {
            "accuracy": metrics.accuracy(counts), "accuracy_low": low, "accuracy_high": high,
            "macro_f1": metrics.macro_f1(counts), "class_recall": min(known), "clips": int(counts.sum()),
            "ece": calibration.expected_error(self.bins), "ece_uncalibrated": calibration.expected_error(self.raw_bins),
            "temperature": self.temperature, "window_accuracy": metrics.accuracy(windows),
            "window_macro_f1": metrics.macro_f1(windows), "windows": int(windows.sum()),
            "clips_unanswered": self.unanswered,
            "accuracy_counting_unanswered": float(np.trace(counts) / (counts.sum() + self.unanswered)),
            "subjects": int(self.clips.index["subject"].nunique()),
            "recall": {s.activity: s.recall for s in scores if s.count},
        }  # fmt: skip


def judge(
    index: pd.DataFrame, classes: list[str], validation: tuple[pd.DataFrame, NDArray[np.float32]],
    test_logits: NDArray[np.float32], bins: int, unanswered: int = 0,
) -> Judgement:  # fmt: skip
    """Put the figures together.

    index       rows of the test split in prepare's index.parquet, test_logits (N, C) in the same order.
    validation  the same of the validation split: the temperature is fitted there and there only.
    Errors: InputError when the test split is empty or has an activity that classes.json lacks.
    """
    if not len(index):
        raise InputError("the test split has no window: add clips of more subjects, or change the shares in prepare")
    temperature = calibration.fit_temperature(validation[1], numbers(validation[0], classes))
    probabilities = calibration.softmax(test_logits, temperature).astype(np.float32)
    actual = numbers(index, classes)
    windows = Level(index.reset_index(drop=True), actual, probabilities)
    return Judgement(
        classes=classes, windows=windows, clips=by_clip(windows, classes), temperature=temperature,
        bins=calibration.reliability(probabilities, actual, bins),
        raw_bins=calibration.reliability(calibration.softmax(test_logits), actual, bins), unanswered=unanswered,
    )  # fmt: skip


def by_clip(windows: Level, classes: list[str]) -> Level:
    """One verdict a clip from all of its windows, of every person in it."""
    keys, probabilities = grouped_probabilities(windows.probabilities, windows.index["clip"].to_numpy(np.int64))
    first = windows.index.drop_duplicates("clip").set_index("clip").loc[keys].reset_index()
    return Level(first, numbers(first, classes), probabilities)


def numbers(index: pd.DataFrame, classes: list[str]) -> NDArray[np.int64]:
    """The rows' activities as class numbers."""
    known = {name: number for number, name in enumerate(classes)}
    if unknown := sorted({str(a) for a in index["activity"] if a not in known}):
        raise InputError(f"activities {', '.join(unknown)} are not in classes.json; run prepare and train again")
    return np.asarray(index["activity"].map(known), np.int64)
