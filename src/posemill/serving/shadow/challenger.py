"""Challenger: the packaged model that a released one is compared with, found by its tag, and whether the two fit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.errors import CheckpointError, InputError
from posemill.features.pipeline import FeaturePipeline
from posemill.prediction.classifier import DIGESTS, FEATURES
from posemill.prediction.locate import package_folder

LABELLER = "labeller.json"
SHADOW, CANARY = "POSEMILL_SHADOW", "POSEMILL_CANARY"


@dataclass(frozen=True, slots=True)
class Challenger:
    """A packaged model in BentoML's store.

    tag     as it was given, or the folder's name: what its predictions are recorded under.
    bento   the tag where it is one of a bento; None for that of a model alone, or a folder.
    folder  of the package's files.
    """

    tag: str
    bento: str | None
    folder: Path


def find_challenger(tag: str, env: Mapping[str, str] | None = None) -> Challenger:
    """Find a packaged model by the tag of a bento or of a model, or by its folder.

    env  names BentoML's store by BENTOML_HOME; default: the environment of this process.
    Errors: InputError lists what the store has.
    """
    if Path(tag).is_dir():
        return Challenger(Path(tag).name, None, package_folder(Path(tag)))
    env = os.environ if env is None else env
    store = Path(env.get("BENTOML_HOME") or Path.home() / "bentoml")
    name = tag.replace(":", "/")
    if ":" in tag and (store / "bentos" / name / "bento.yaml").is_file():
        return Challenger(tag, tag, package_folder(store / "bentos" / name))
    if ":" in tag and (store / "models" / name / DIGESTS).is_file():
        return Challenger(tag, None, store / "models" / name)
    known = sorted(
        f"{path.parent.parent.name}:{path.parent.name}"
        for pattern in ("bentos/posemill-*/*/bento.yaml", "models/posemill-*/*/model.yaml")
        for path in store.glob(pattern)
    )
    raise InputError(f"no bento and no model {tag!r} in {store}; there are {', '.join(known) or 'none'}")


def require_comparable(champion: Path, challenger: Challenger) -> None:
    """Refuse a challenger that reads other windows than the champion, or was trained on another labeller's poses.

    Clients send windows as the champion's feature pipeline cuts them, and a video is posed once, by its labeller.
    Errors: InputError names what differs, CheckpointError where the package has no features.
    """
    ours, theirs = _features(champion), _features(challenger.folder)
    differing = {
        "keypoints": (ours.skeleton.keypoints, theirs.skeleton.keypoints),
        "coordinates": (ours.coordinates, theirs.coordinates),
        "window": (ours.window, theirs.window),
    }
    for what, (wanted, actual) in differing.items():
        if wanted != actual:
            raise InputError(
                f"{challenger.tag} cannot be compared with the released model on the same requests, since it reads "
                f"other windows: {what} {actual} instead of {wanted}; compare it by `posemill models promote`"
            )
    ours_described, theirs_described = _labeller(champion), _labeller(challenger.folder)
    if None not in (ours_described, theirs_described) and ours_described != theirs_described:
        raise InputError(
            f"{challenger.tag} was trained on the poses of another labeller than the released model; a video is posed "
            "once, so that the two cannot be compared on the same requests: compare it by `posemill models promote`"
        )


def _features(folder: Path) -> FeaturePipeline:
    if not (folder / FEATURES).is_file():
        raise CheckpointError(f"no {folder / FEATURES}: is this a packaged model?")
    return FeaturePipeline.load(folder / FEATURES)


def _labeller(folder: Path) -> Any:
    path = folder / LABELLER
    return json.loads(path.read_text()).get("describes") if path.is_file() else None
