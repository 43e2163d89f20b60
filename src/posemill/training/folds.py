"""Cross-validation training: an ensemble of folds, with an out-of-fold prediction of every clip.

Where subjects are few, one validation split is too small to choose by and is missed in training. Of n folds every
network trains on n - 1 parts and is validated on the other; their ensemble has learnt from all.
"""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from posemill import models
from posemill.errors import InputError
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import grouped_probabilities
from posemill.models.ensemble import make_ensemble
from posemill.models.inference import predict_logits
from posemill.models.out_of_fold import OutOfFoldPredictions
from posemill.params.train import TrainParams
from posemill.pose.skeleton import Skeleton
from posemill.store.files import replace_file
from posemill.training.datamodule import WindowIndex
from posemill.training.fit import FitResult, fit

FACTS = "fold.json"  # of a FitResult all but what has files of its own
OWN_FILES = ("network", "card", "held_out")
BATCH = 256


def fit_folds(
    params: TrainParams,
    windows: NDArray[np.float32],
    index: WindowIndex,
    group: NDArray[np.str_],
    pipeline: FeaturePipeline,
    classes: list[str],
    scratch: Path,
    live: Path | None = None,
    **options: Any,
) -> FitResult:
    """Train `params.folds` networks as one ensemble, as `fit` does; what is not `test` is assigned to folds anew.

    group  (N,) group of every window that must stay in one fold: a subject, or subjects that share a video.
    live   for the figures of the first fold.
    The result's held_out has the out-of-fold prediction of every window, its accuracy is over all
    clips; history has the rows of all folds. A fold that is done is not done again after a kill.
    Errors: InputError as fit, and for more folds than there are subjects.
    """
    fold = assign_folds(index, group, params.folds, params.seed)
    done = []
    for number in range(params.folds):
        folder = scratch / f"fold-{number}"
        if not (folder / FACTS).is_file():
            split = np.where(fold == number, "validation", np.where(fold < 0, "test", "train"))
            own = params.model_copy(update={"seed": params.seed + number, "folds": 1})
            result = fit(
                own,
                windows,
                replace(index, split=split),
                pipeline,
                classes,
                scratch / f"fold-{number}.training",
                live=live if number == 0 else None,
                **options,
            )
            rows = np.flatnonzero(fold == number)
            _save_fold(
                folder,
                number,
                result,
                OutOfFoldPredictions(rows, predict_logits(result.network, pipeline, windows, rows, BATCH)),
            )
        done.append(_load_fold(folder, pipeline.skeleton))
    network, card = make_ensemble([(d.network, d.card) for d in done], pipeline.skeleton)
    held_out = OutOfFoldPredictions.joined([d.held_out for d in done if d.held_out is not None])
    shutil.rmtree(scratch)
    seconds = sum(d.seconds for d in done)
    return FitResult(
        network,
        card,
        [row for d in done for row in d.history],
        done[0].sanity,
        max(d.best_epoch for d in done),
        held_out_accuracy(held_out, index),
        seconds,
        sum(d.windows_per_s * d.seconds for d in done) / max(seconds, 1e-9),
        done[-1].resumed_from_epoch,
        held_out,
    )


def assign_folds(index: WindowIndex, group: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """Assign folds (N,), -1 for windows of the test split: stratified by activity, groups stay together."""
    from sklearn.model_selection import StratifiedGroupKFold

    used = np.flatnonzero(index.split != "test")
    clips, first = np.unique(index.clip[used], return_index=True)
    rows = used[first]  # one a clip
    if (there := len(np.unique(group[rows]))) < folds:
        raise InputError(f"train.folds: {folds} needs as many subjects outside the test split, there are {there}")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # some fold has none of it
            parts = list(splitter.split(rows, index.target[rows], group[rows]))
    except ValueError as exc:  # fewer clips of every activity than folds
        raise InputError(f"train.folds: {folds} is more than there are clips of any activity ({exc})") from exc
    of_clip = {int(clips[i]): number for number, (_, held) in enumerate(parts) for i in held}
    return np.array([-1 if s == "test" else of_clip[int(c)] for s, c in zip(index.split, index.clip, strict=True)])


def held_out_accuracy(held_out: OutOfFoldPredictions, index: WindowIndex) -> float:
    """Return the accuracy of clips by their out-of-fold predictions."""
    clip, target = index.clip[held_out.rows], index.target[held_out.rows]
    probabilities = torch.from_numpy(held_out.logits).softmax(-1).numpy()
    predicted = grouped_probabilities(probabilities, clip)[1].argmax(1)
    return float((predicted == target[np.unique(clip, return_index=True)[1]]).mean())


def _save_fold(folder: Path, number: int, result: FitResult, held_out: OutOfFoldPredictions) -> None:
    """The facts come last: a fold that has them is whole."""
    models.save(folder, result.network, result.card)
    held_out.save(folder)
    facts = {f.name: getattr(result, f.name) for f in fields(result) if f.name not in OWN_FILES}
    facts["history"] = [{"fold": number, **row} for row in result.history]
    replace_file(folder / FACTS, json.dumps(facts).encode())


def _load_fold(folder: Path, skeleton: Skeleton) -> FitResult:
    facts = json.loads((folder / FACTS).read_text())
    network, card = models.load(folder, skeleton=skeleton)
    return FitResult(network, card, held_out=OutOfFoldPredictions.load(folder), **facts)
