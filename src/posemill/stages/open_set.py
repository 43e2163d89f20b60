"""Open-set score in evaluation: its windows are gathered here, and it is fitted by posemill.evaluation.open_set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.features.verdict import NONE_OF_THESE
from posemill.params.evaluate import EvaluateParams
from posemill.stages.unknown_windows import UNKNOWN_INDEX, UNKNOWN_WINDOWS

if TYPE_CHECKING:
    import pandas as pd

    from posemill.models.inference import Features, LogitsFn
    from posemill.models.open_set import OpenSetScore

MOST_OF_A_CLASS = 400  # train windows whose prototypes are sought


def fit(
    params: EvaluateParams,
    network: Any,
    features: Features,
    windows: NDArray[np.float32],
    index: pd.DataFrame,
    classes: list[str],
    validation: tuple[pd.DataFrame, NDArray[np.float32]],
    predict_logits: LogitsFn,
) -> OpenSetScore | None:
    """Fit the open-set score of a network on train and validation windows.

    None where it is switched off, an activity has its name, the network has no penultimate features of its own (an
    ensemble), or there is too little validation.
    """
    from posemill.evaluation.calibration import fit_temperature
    from posemill.evaluation.evaluation_results import class_numbers, clip_numbers
    from posemill.evaluation.open_set import ClassFeatures, fit_score
    from posemill.models.open_set import has_features, with_features

    train = _some(index[index["split"] == "train"], classes)
    if params.accept_known is None or NONE_OF_THESE in classes or not has_features(network) or not len(train):
        return None
    both = with_features(network)

    def seen(rows: pd.DataFrame) -> ClassFeatures:
        found = predict_logits(both, features, windows, rows["window"].to_numpy(np.int64), params.batch_size)
        found = found if len(rows) else np.zeros((0, len(classes)), np.float32)
        return ClassFeatures(found[:, : len(classes)], found[:, len(classes) :], clip_numbers(rows))

    temperature = fit_temperature(validation[1], class_numbers(validation[0], classes))
    return fit_score(seen(train), class_numbers(train, classes), seen(validation[0]), temperature, params.accept_known)


def _some(train: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """At most MOST_OF_A_CLASS windows of every class, spread over its windows."""
    rows = [np.flatnonzero(train["activity"] == name) for name in classes]
    some = [r[np.linspace(0, len(r) - 1, min(len(r), MOST_OF_A_CLASS)).round().astype(int)] for r in rows if len(r)]
    return train.iloc[np.sort(np.concatenate(some))] if some else train.iloc[:0]


def unknown(
    prepare: Path, network: Any, features: Features, batch_size: int, predict_logits: LogitsFn
) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """Return index rows and logits (N, C + 1) of the windows of unknown activities; N is 0 where there are none."""
    import pandas as pd

    path = prepare / UNKNOWN_INDEX
    index = pd.read_parquet(path) if path.is_file() else pd.DataFrame({"clip": []})
    if not len(index):
        return index, np.zeros((0, 2), np.float32)
    windows = np.load(prepare / UNKNOWN_WINDOWS, mmap_mode="r")
    return index, predict_logits(network, features, windows, np.arange(len(index)), batch_size)


def save(score: OpenSetScore | None, outputs: Path) -> None:
    """Write open_set.safetensors, an empty one where there is no score: DVC wants it there."""
    from posemill.models.open_set import save_none

    save_none(outputs) if score is None else score.save(outputs)
