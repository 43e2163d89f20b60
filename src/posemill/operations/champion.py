"""The champion gate: a packaged model against the released one, on test clips that neither was made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posemill.errors import InputError
from posemill.stages.held_out_clips import HeldOutClip, held_out_clips
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.evaluation.paired_comparison import PairedComparison
    from posemill.prediction.model import ActivityModel
    from posemill.settings import Settings

Version = Mapping[str, Any]  # a row of model_version


def compare(challenger: Version, champion: Version, inputs: Workspace, settings: Settings) -> PairedComparison:
    """Both models, out of BentoML's store and each with its own features, on today's test clips.

    A clip counts when neither was trained or chosen with its medium; one that gives no window is wrong.
    Errors: InputError where a model is not in the store, or no clip is left.
    """
    from posemill.evaluation.paired_comparison import compare_paired

    try:
        clips = _unseen(held_out_clips(inputs), (challenger, champion), settings)
    except FileNotFoundError as exc:
        raise InputError(
            f"no test split in {inputs.output('prepare')} to compare on: `dvc repro` (or `dvc pull`) first"
        ) from exc
    answers = [_right(stored_model(v, settings), clips, inputs) for v in (challenger, champion)]
    return compare_paired(*answers)


def says(found: PairedComparison, champion: str) -> str:
    """The outcome as one sentence."""
    verb = "better" if found.better else "not better"
    return (
        f"{verb} than the champion {champion} beyond chance: {found.challenger:.1%} against {found.champion:.1%} of "
        f"the same {found.clips} test clips, {found.gained} gained and {found.lost} lost; the difference is "
        f"{found.difference:+.1%} (95 % interval {found.low:+.1%} to {found.high:+.1%}, McNemar p {found.p_value:.2g})"
    )


def figures(found: PairedComparison) -> dict[str, Any]:
    """For the row of the promotion."""
    return {**asdict(found), "difference": found.difference, "better": found.better}


def stored_model(version: Version, settings: Settings) -> ActivityModel:
    """The packaged model of a version, found by the digest of its ONNX file. InputError where the store lacks it."""
    from posemill.packaging.bento import MODEL, environment
    from posemill.prediction.model import ActivityModel

    folder = Path(environment(settings.home)["BENTOML_HOME"]) / "models" / MODEL
    for path in sorted(folder.glob("*/digests.json")):
        digests = json.loads(path.read_text())
        if all(digests.get(key) == version["digests"].get(key) for key in ("model", "features", "calibration")):
            return ActivityModel.load(path.parent)
    raise InputError(
        f"the model of {version['bento_tag']} is not in {folder}: package it again (`git checkout` its commit, then "
        f"`dvc repro`), or promote with --force --reason"
    )


def _unseen(clips: list[HeldOutClip], versions: Sequence[Version], settings: Settings) -> list[HeldOutClip]:
    seen = set().union(*(_training_lineage(v, settings) for v in versions))
    left = [clip for clip in clips if clip.medium not in seen]
    if not left:
        raise InputError(
            "the models cannot be compared: every medium of the test split was used to make one of them; add clips of "
            "new subjects, or promote with --force --reason"
        )
    return left


def _training_lineage(version: Version, settings: Settings) -> set[str]:
    """Media that the model was trained or chosen with, as far as its lineage is kept."""
    from posemill.store.lineage import read_lineage
    from posemill.store.media import MediaStore

    digest = version["digests"].get("lineage")
    if digest is None:
        return set()
    rows = read_lineage(MediaStore(settings.store_url), digest)
    return {str(r["medium"]) for r in rows.iter_rows(named=True) if r["split"] != "test"}


def _right(model: ActivityModel, clips: list[HeldOutClip], inputs: Workspace) -> Any:
    """(N,) whether the model has each clip right."""
    from posemill.features.verdict import taught
    from posemill.stages.rewindow import tracks_of, verdicts

    asked = {"native": lambda tracks: tracks}
    said = verdicts(model.probabilities, model.features, tracks_of(inputs, clips), clips, asked)["native"]
    known = taught(model.classes)  # a model without an open-set score has no other class
    columns = [model.classes.index(name) for name in known]
    answers = {clip: known[int(p[columns].argmax())] for clip, p in said.items()}
    return np.array([answers.get(clip.clip) == clip.activity for clip in clips], bool)
