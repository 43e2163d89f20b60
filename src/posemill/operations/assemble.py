"""Ensemble selection: the smallest ensemble near the best one. No stage of dvc.yaml: a decision.

Members are judged on the validation split, those that were trained in folds on all clips that are not for testing; the
test split is for evaluate alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from posemill.atomic import write_text
from posemill.errors import CheckpointError, InputError
from posemill.features.pipeline import FeaturePipeline
from posemill.models.out_of_fold import FILE as HELD_OUT_FILE
from posemill.models.out_of_fold import OutOfFoldPredictions
from posemill.stages.content_order import clip_numbers
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from posemill.evaluation.ensemble_selection import CandidateEnsemble, EnsembleSelection
    from posemill.models import NetworkCard

    Member = tuple[nn.Module, NetworkCard]

RECORD = "assemble.json"
VALIDATION, HELD_OUT = "validation clips", "clips that folds had held out"


class MemberFigures(BaseModel):
    """One network that could have been chosen, alone on what they are judged by. `folder` is as it was given."""

    model_config = ConfigDict(frozen=True)

    folder: str
    network: str
    weights: str
    parameters: int
    accuracy: float
    loss: float
    chosen: bool


class AssembleResult(BaseModel):
    """The selected ensemble and the reason: assemble.json. by_size has the best ensemble of every size, by number."""

    model_config = ConfigDict(frozen=True)

    reason: str
    margin: float
    clips: int
    accuracy: float
    best_accuracy: float
    tried: int
    members: list[MemberFigures]
    by_size: list[dict[str, Any]]
    windows: str


def run(
    folders: Sequence[Path], outputs: Path, margin: float, inputs: Workspace, mirrored: bool = False
) -> AssembleResult:
    """Choose, and write network.safetensors, network.json and assemble.json into `outputs`.

    Of networks that were trained in folds there is a out_of_fold.npz too, for evaluate to calibrate by.

    folders  outputs of train: each network.safetensors and network.json.
    margin   of validation accuracy that a smaller ensemble may cost.
    mirrored members are asked about every window and its mirror image, see posemill.models.ensemble.
    Errors: CheckpointError for a network of other classes, skeleton or window length; InputError for an empty
    validation split, or one network given twice.
    """
    from posemill import models
    from posemill.evaluation.ensemble_selection import average_log_probabilities, select_ensemble
    from posemill.evaluation.evaluation_results import class_numbers
    from posemill.models.ensemble import make_ensemble
    from posemill.packaging.digests import of_file

    prepare = inputs.output("prepare")
    classes, features = _prepared(prepare)
    loaded = [_load(folder, classes, features) for folder in folders]
    members = [make_ensemble([member], features.skeleton, mirrored) for member in loaded] if mirrored else loaded
    digests = [str(of_file(folder / "network.safetensors")) for folder in folders]
    _all_different(folders, digests)
    index, said, about = _unseen(prepare, classes, features, members, folders)
    clip = clip_numbers(index["clip"]).to_numpy(np.int64)
    choice = select_ensemble(said, clip, class_numbers(index, classes), margin)
    chosen = [loaded[m] for m in choice.chosen.members]
    alone = len(chosen) == 1 and not mirrored
    models.save(outputs, *(chosen[0] if alone else make_ensemble(chosen, features.skeleton, mirrored)))
    (outputs / HELD_OUT_FILE).unlink(missing_ok=True)
    if any((folders[m] / HELD_OUT_FILE).is_file() for m in choice.chosen.members):
        OutOfFoldPredictions(
            index["window"].to_numpy(np.int64), average_log_probabilities([said[m] for m in choice.chosen.members])
        ).save(outputs)
    result = _result(folders, loaded, digests, choice, margin, len(np.unique(clip)), about, prepare)
    write_text(outputs / RECORD, result.model_dump_json(indent=1) + "\n")
    return result


def _prepared(prepare: Path) -> tuple[list[str], FeaturePipeline]:
    if not (prepare / "classes.json").is_file():
        raise InputError(f"no {prepare / 'classes.json'}: run `posemill stage prepare` (or `dvc repro`) first")
    classes: list[str] = json.loads((prepare / "classes.json").read_text())
    return classes, FeaturePipeline.load(prepare / "features.json")


def _load(folder: Path, classes: list[str], features: FeaturePipeline) -> Member:
    from posemill import models

    network, card = models.load(folder, classes, features.skeleton)
    if card.frames != features.window.frames:
        raise CheckpointError(
            f"{folder}: trained on windows of {card.frames} poses, prepare makes {features.window.frames}; train again"
        )
    return network, card


def _all_different(folders: Sequence[Path], digests: Sequence[str]) -> None:
    first: dict[str, Path] = {}
    for folder, digest in zip(folders, digests, strict=True):
        if digest in first:
            raise InputError(f"{first[digest]} and {folder} hold the same network: name each once")
        first[digest] = folder


def _unseen(
    prepare: Path, classes: list[str], features: FeaturePipeline, members: Sequence[Member], folders: Sequence[Path]
) -> tuple[pd.DataFrame, list[NDArray[np.float32]], str]:
    """Rows of windows that no member saw in training, what each says of them (N, C), and what their clips are called.

    Of a member that was trained in folds, what its networks said of windows that they had not seen; of such members
    alone, all clips that are not for testing can be judged.
    """
    import pandas as pd

    from posemill.models.inference import predict_logits

    index = pd.read_parquet(prepare / "index.parquet")
    windows = np.load(prepare / "windows.npy", mmap_mode="r")
    folds = [OutOfFoldPredictions.load(folder, len(windows)) for folder in folders]
    known = [held.rows for held in folds if held is not None]
    everything = len(known) == len(folds)
    index = index[index["window"].isin(reduce(np.intersect1d, known)) if everything else index["split"] == "validation"]
    if not len(index):
        raise InputError(
            "the validation split has no window, so nothing can be chosen (the test split is not for that): set "
            "prepare.split.validation, or add clips of more subjects"
        )
    rows = index["window"].to_numpy(np.int64)
    said = [
        predict_logits(network, features, windows, rows, 256) if held is None else held.of(rows)
        for (network, _), held in zip(members, folds, strict=True)
    ]
    return index, said, HELD_OUT if everything else VALIDATION


def _result(
    folders: Sequence[Path],
    members: Sequence[Member],
    digests: Sequence[str],
    choice: EnsembleSelection,
    margin: float,
    clips: int,
    about: str,
    prepare: Path,
) -> AssembleResult:
    from posemill.packaging.digests import of_file

    figures = [
        MemberFigures(
            folder=str(folder),
            network=card.name,
            weights=digest,
            parameters=sum(p.numel() for p in network.parameters()),
            accuracy=round(alone.accuracy, 6),
            loss=round(alone.loss, 6),
            chosen=number in choice.chosen.members,
        )
        for number, (folder, (network, card), digest, alone) in enumerate(
            zip(folders, members, digests, choice.alone, strict=True)
        )
    ]
    return AssembleResult(
        reason=reason(choice, margin, clips, about),
        margin=margin,
        clips=clips,
        accuracy=choice.chosen.accuracy,
        best_accuracy=choice.best.accuracy,
        tried=choice.tried,
        members=figures,
        by_size=[asdict(e) for e in choice.by_size],
        windows=str(of_file(prepare / "windows.npy")),
    )


def reason(choice: EnsembleSelection, margin: float, clips: int, about: str = VALIDATION) -> str:
    """Explain the selection in one sentence or two."""
    chosen, best = choice.chosen, choice.best
    many = f"of {choice.tried} ensembles tried on {clips} {about}"
    size = _networks(chosen)
    if chosen == best:
        why = f"{size} is best {many}: {chosen.accuracy:.2%} right"
    else:
        why = (
            f"{size} is the smallest {many} within {margin:.2%} of the best: {chosen.accuracy:.2%} right, against "
            f"{best.accuracy:.2%} with {len(best.members)}"
        )
    coarse = f". One clip is {1 / clips:.2%}, so that less than this cannot be told apart" if margin < 1 / clips else ""
    return why + coarse


def _networks(ensemble: CandidateEnsemble) -> str:
    return "one network" if len(ensemble.members) == 1 else f"an ensemble of {len(ensemble.members)} networks"
