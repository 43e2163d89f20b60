"""Export for the browser: the live page with a trained model, its golden clips and the digests that the page checks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from posemill import live_page
from posemill.atomic import atomic_folder
from posemill.errors import InputError
from posemill.features.pipeline import FeaturePipeline
from posemill.packaging.digests import of_files
from posemill.packaging.golden import write_golden
from posemill.pose.skeleton import skeleton
from posemill.prediction.classifier import CALIBRATION, CLASSES, DIGESTS, FEATURES, MODEL, WindowClassifier
from posemill.prediction.golden import FILE as GOLDEN
from posemill.prediction.golden import GoldenTrack

MODEL_FILES = {"model": MODEL, "features": FEATURES, "classes": CLASSES, "calibration": CALIBRATION}
FOLDER = "model"  # within the page's folder


@dataclass(frozen=True, slots=True)
class BrowserExport:
    """A written export: its folder, its number of golden clips and its size in MB."""

    path: Path
    clips: int
    size_mb: float


def require_browser(features: FeaturePipeline) -> None:
    """Check that the live page can run a model. Errors: InputError that says what to train instead."""
    given = skeleton(live_page.KEYPOINTS_OF)
    if features.coordinates != 2:
        raise InputError(
            "the model reads z, and the pose networks of the live page give x and y only: train it with "
            "prepare.coordinates: 2"
        )
    if features.people == 2:
        raise InputError(
            "the model reads pairs of people, and the live page predicts each person alone: train it with "
            "prepare.people: 1"
        )
    missing = [name for name in features.skeleton.keypoints if name not in given.keypoints]
    if missing:
        raise InputError(
            f"the model needs {', '.join(missing)} of skeleton {features.skeleton.name}, which no pose network of the "
            f"live page gives ({given.name}): train it with prepare.skeleton: body-12 or {given.name}"
        )


def export_browser(package: Path, out: Path, model: WindowClassifier, golden: Iterable[GoldenTrack]) -> BrowserExport:
    """Write the page and a model into a new folder, which any static web server can offer.

    package  folder with the model's files; golden  tracks of any skeleton with the model's keypoints.
    Errors: InputError for a folder that is not empty and for a model that the page cannot run; CheckpointError where
    the page was not built.
    """
    require_browser(model.features)
    page = live_page.built()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} should be a new or empty folder, and has files: name another one with --out")
    own = model.features.skeleton
    with atomic_folder(out) as part:
        shutil.copytree(page, part, dirs_exist_ok=True)
        folder = part / FOLDER
        folder.mkdir()
        files = dict(MODEL_FILES)
        if (package / "labeller.json").is_file():
            files["labeller"] = "labeller.json"
        for name in files.values():
            shutil.copy(package / name, folder / name)
        clips = write_golden(folder / GOLDEN, model, (replace(g, track=g.track.to(own)) for g in golden))
        digests = of_files({key: folder / name for key, name in {**files, "golden": GOLDEN}.items()})
        (folder / DIGESTS).write_text(json.dumps(digests, indent=1) + "\n")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return BrowserExport(out, len(clips), round(size / 2**20, 1))
