"""Reproduction of a bundle's headline accuracy, by its own code, data and models, in an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from posemill.errors import InputError, PosemillError
from posemill.handover.unpack import sha256, unpack
from posemill.handover.verifier.main import verify
from posemill.params.evaluate import EvaluateParams
from posemill.params.section import load_section

NEEDED = ("models/", "workspace/", "lineage/", "code/src/", "reproduce.py")
TRAINED = "build/train"
PREPARED = ("features.json", "classes.json")
SILENT = {"DO_NOT_TRACK": "1", "GX_ANALYTICS_ENABLED": "false", "DVC_NO_ANALYTICS": "1"}


@dataclass(frozen=True)
class Step:
    """A step of the reproduction: its outcome in one sentence."""

    name: str
    passed: bool
    says: str


@dataclass(frozen=True)
class Reproduction:
    """Outcome of a reproduction.

    accuracy, stated  re-derived, and as the bundle says.
    different         clips with another verdict.
    """

    steps: list[Step]
    accuracy: float
    stated: float
    clips: int
    different: list[dict[str, Any]]
    retrained: float | None = None

    @property
    def passed(self) -> bool:
        """True if every step came out as stated."""
        return all(step.passed for step in self.steps)


def reproduce(bundle: Path, retrain: bool = False) -> Reproduction:
    """Re-derive the headline accuracy of a plain (decrypted) bundle.

    The bundle is verified, unpacked into a temporary folder, its windows are cut from its tracks again, and its ONNX
    model answers every clip of the test split, by the code that is in the bundle.

    retrain  also train again with the bundle's parameters and compare within the confidence interval of the accuracy.
    Errors: InputError for a bundle that does not verify, PosemillError where a step cannot run.
    """
    if failed := [check for check in verify(bundle) if not check.passed]:
        raise InputError(f"{bundle} does not verify: {failed[0].name}: {failed[0].says}")
    with TemporaryDirectory(prefix="posemill-reproduce-") as temporary:
        folder = Path(temporary) / "bundle"
        unpack(bundle, folder, NEEDED)
        again = Path(temporary) / "again"
        steps = [_prepare_again(folder, again)]
        answered = _answer(folder)
        steps.append(_compare(answered))
        retrained = None
        if retrain:
            step, retrained = _train_again(folder, again)
            steps.append(step)
    return Reproduction(
        steps, answered["accuracy"], answered["stated_accuracy"], answered["clips"], answered["different"], retrained
    )


def _prepare_again(folder: Path, again: Path) -> Step:
    """Cut the windows from the tracks again, in a copy of the workspace without them."""
    again.mkdir()
    workspace = folder / "workspace"
    shutil.copytree(workspace, again, dirs_exist_ok=True)
    shutil.rmtree(again / "build" / "prepare")
    _stage(folder, again, "prepare")
    stated, new = workspace / "build" / "prepare", again / "build" / "prepare"
    if sha256(stated / "windows.npy") == sha256(new / "windows.npy"):
        same = [name for name in PREPARED if sha256(stated / name) == sha256(new / name)]
        count = len(np.load(new / "windows.npy", mmap_mode="r"))
        passed = len(same) == len(PREPARED)
        return Step("windows", passed, f"{count} windows cut from the tracks again, equal to the bit")
    old, cut = np.load(stated / "windows.npy"), np.load(new / "windows.npy")
    if old.shape != cut.shape or not (np.isnan(old) == np.isnan(cut)).all():
        return Step("windows", False, f"the tracks give other windows: {cut.shape}, stated are {old.shape}")
    worst = float(np.nanmax(np.abs(old - cut)))
    return Step("windows", worst < 0.01, f"{len(cut)} windows cut from the tracks again, within {worst:.1g} px")


def _answer(folder: Path) -> dict[str, Any]:
    finished = _run(folder, [str(folder / "reproduce.py")], folder)
    try:
        answered: dict[str, Any] = json.loads(finished.stdout)
    except json.JSONDecodeError as exc:
        raise PosemillError(f"the bundle's reproduce.py stopped: {_last(finished)}") from exc
    return answered


def _compare(answered: dict[str, Any]) -> Step:
    clips, right, different = answered["clips"], answered["right"], answered["different"]
    same = not different and abs(answered["accuracy"] - answered["stated_accuracy"]) < 1e-9
    said = f"accuracy {answered['accuracy']:.4f} ({right} of {clips} clips), stated {answered['stated_accuracy']:.4f}; "
    said += f"{len(different)} clips have another verdict" if different else "every clip's verdict is the stated one"
    return Step("verdicts", same, said)


def _train_again(folder: Path, again: Path) -> tuple[Step, float]:
    """Train and judge with the bundle's parameters, on the windows that were cut again."""
    workspace = folder / "workspace"
    judged = load_section(workspace / "params.yaml", "evaluate", EvaluateParams).network
    if judged != TRAINED:
        raise InputError(
            f"--retrain: the model is {judged}, an ensemble of several trainings, which are not in the bundle"
        )
    shutil.rmtree(again / "build" / "train")
    shutil.rmtree(again / "build" / "evaluate")
    _stage(folder, again, "train")
    _stage(folder, again, "evaluate")
    stated = json.loads((workspace / "build" / "evaluate" / "metrics.json").read_text())
    new = json.loads((again / "build" / "evaluate" / "metrics.json").read_text())["accuracy"]
    low, high = stated["accuracy_low"], stated["accuracy_high"]
    weights = Path("build") / "train" / "network.safetensors"
    equal = sha256(workspace / weights) == sha256(again / weights)
    said = f"trained again: accuracy {new:.4f}, stated {stated['accuracy']:.4f} ({low:.4f} to {high:.4f}); "
    said += (
        "the weights are equal to the bit" if equal else "the weights differ, as on another processor or thread count"
    )
    return Step("retraining", low <= new <= high, said), float(new)


def _stage(folder: Path, workspace: Path, name: str) -> None:
    finished = _run(folder, ["-m", "posemill", "stage", name], workspace)
    if finished.returncode:
        raise PosemillError(f"stage {name} of the bundle's code stopped: {_last(finished)}")


def _run(folder: Path, arguments: list[str], workspace: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with the bundle's code instead of the installed one, and with no setting of this workspace."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POSEMILL_")}
    env = {**kept, **SILENT, "PYTHONPATH": str(folder / "code" / "src"), "POSEMILL_WORKSPACE": str(workspace)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=workspace, env=env, capture_output=True, text=True)


def _last(finished: subprocess.CompletedProcess[str]) -> str:
    return (finished.stderr.strip().splitlines() or ["no reason given"])[-1]
