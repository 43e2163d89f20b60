"""Parity of every runtime: the same golden clips through PyTorch, ONNX Runtime, OpenVINO, service, edge, browser.

A runtime is a function from golden tracks to their answers; one more is one more entry of RUNTIMES.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from posemill.errors import InputError, PosemillError
from posemill.features.verdict import taught
from posemill.prediction.golden import TOLERANCE, GoldenClip, GoldenTrack, answer, compare, from_json
from posemill.settings import Settings
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.models.open_set import OpenSetScore
    from posemill.prediction.classifier import WindowClassifier
    from posemill.prediction.model import ActivityModel
    from posemill.serving.client import Client

REFERENCE = "onnxruntime"  # the package's own file, on the runtime that the services use
EDGE_S = 300.0


@dataclass(frozen=True, slots=True)
class Question:
    """The question to every runtime.

    model    the packaged model on ONNX Runtime; folder, its files.
    service  URL of a running service; None = the workspace's newest bento is served for the time.
    edge     an exported folder; None = one is exported for the time.
    """

    inputs: Workspace
    folder: Path
    model: ActivityModel
    tracks: Sequence[GoldenTrack]
    service: str | None = None
    edge: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one runtime.

    difference  largest of a probability; infinite where windows, verdict or timeline differ.
    differing   names of the clips beyond the tolerance.
    """

    runtime: str
    clips: int
    windows: int
    difference: float
    differing: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True if every clip is within the tolerance."""
        return not self.differing


def run(question: Question, runtimes: Iterable[str] | None = None) -> list[Outcome]:
    """Ask every runtime (None: all) and compare its answers with those of ONNX Runtime.

    Errors: InputError for an unknown runtime; those of a runtime that does not start.
    """
    names = list(runtimes or RUNTIMES)
    if unknown := [name for name in names if name not in RUNTIMES]:
        raise InputError(f"unknown runtime {', '.join(unknown)}; known are {', '.join(RUNTIMES)}")
    expected = _by(question.model, question)
    return [_outcome(name, expected, RUNTIMES[name](question)) for name in names]


def _outcome(name: str, expected: Sequence[GoldenClip], given: Sequence[GoldenClip]) -> Outcome:
    if len(given) != len(expected):
        raise PosemillError(f"{name} answered {len(given)} of {len(expected)} golden clips")
    differences = [compare(one, other) for one, other in zip(expected, given, strict=True)]
    over = [clip.name for clip, d in zip(expected, differences, strict=True) if not d <= TOLERANCE]
    return Outcome(name, len(given), sum(len(clip.spans) for clip in given), max(differences), tuple(over))


def _by(model: WindowClassifier, question: Question) -> list[GoldenClip]:
    return [answer(model, track) for track in question.tracks]


def _pytorch(question: Question) -> list[GoldenClip]:
    """The trained network itself; the package must have been made of it."""
    from posemill import models
    from posemill.packaging.assemble import with_open_set
    from posemill.packaging.digests import of_file
    from posemill.packaging.parity import by_torch
    from posemill.params.evaluate import EvaluateParams
    from posemill.params.section import load_section

    model, inputs = question.model, question.inputs
    trained = inputs.root / load_section(inputs.params, "evaluate", EvaluateParams).network
    if of_file(trained / "network.safetensors") != model.digests.get("weights"):
        raise InputError(f"{question.folder} was not made of {trained}: run `posemill stage package` again")
    known = taught(model.classes)
    network, card = models.load(trained, known, model.features.skeleton)
    if len(known) < len(model.classes):
        network = with_open_set(network, card, _score(inputs))
    return _by(replace(model, run=partial(by_torch, network.eval())), question)


def _score(inputs: Workspace) -> OpenSetScore:
    """The open-set score of the packaged model, as evaluation left it."""
    from posemill.models.open_set import OpenSetScore

    score = OpenSetScore.load(inputs.output("evaluate"))
    if score is None:
        raise InputError(
            f"{inputs.output('evaluate')} has no open-set score, and the packaged model has one: run `posemill stage "
            f"package` again"
        )
    return score


def _openvino(question: Question) -> list[GoldenClip]:
    from posemill.edge.model import open_classifier

    return _by(open_classifier(question.folder, file="activity.xml"), question)


def _service(question: Question) -> list[GoldenClip]:
    from posemill.operations.accept import package_tags
    from posemill.packaging.bento import environment
    from posemill.serving.client import Client
    from posemill.serving.server import serving

    if question.service is not None:
        return [_asked(Client(question.service, key=Settings.from_env().key), question, t) for t in question.tracks]
    settings = Settings.from_env()
    with serving(package_tags(question.inputs, settings)["activity"], environment(settings.home)) as client:
        return [_asked(client, question, track) for track in question.tracks]


def _asked(client: Client, question: Question, golden: GoldenTrack) -> GoldenClip:
    """The service's answer to a track. It does not show windows and logits, which are not compared."""
    said, own = client.predict_track(golden.track), answer(question.model, golden)
    if (model := said.provenance.model) != question.model.digests["model"]:
        raise InputError(f"the service has another model ({str(model)[:12]}…): serve the one that is compared")
    verdict = None
    if said.verdict is not None:
        verdict = said.verdict.model_dump() | {"probabilities": list(said.verdict.probabilities.values())}
    rows = [list(window.probabilities.values()) for window in said.windows]
    return replace(
        own,
        spans=np.array([(w.start_s, w.end_s) for w in said.windows], np.float64).reshape(-1, 2),
        probabilities=np.array(rows, np.float32).reshape(-1, len(question.model.classes)),
        verdict=verdict,
        timeline=[segment.model_dump() for segment in said.segments],
    )


def _edge(question: Question) -> list[GoldenClip]:
    """The launcher of an export, in a process of its own."""
    if question.edge is not None:
        return _launched(question.edge, question)
    from posemill.operations.export_edge import export

    with tempfile.TemporaryDirectory(prefix="posemill-parity-") as folder:
        export(question.folder, Path(folder) / "edge", "posenet", None, golden=question.tracks)
        return _launched(Path(folder) / "edge", question)


def _launched(folder: Path, question: Question) -> list[GoldenClip]:
    command = [sys.executable, str(folder / "posemill-edge"), "check", "--answers"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=EDGE_S)
    if done.returncode:
        raise PosemillError(f"{folder}: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    clips: list[dict[str, Any]] = json.loads(done.stdout)
    by_name = {clip["name"]: clip for clip in clips}
    if missing := [track.name for track in question.tracks if track.name not in by_name]:
        raise InputError(f"{folder} has other golden clips (no {missing[0]}): export the model again")
    return [from_json(by_name[track.name]) for track in question.tracks]


def _browser(question: Question) -> list[GoldenClip]:
    """The live page with an export of the model, in a headless browser."""
    from posemill.packaging.browser import export_browser
    from posemill.packaging.browser_answers import browser_answers

    with tempfile.TemporaryDirectory(prefix="posemill-parity-") as folder:
        export_browser(question.folder, Path(folder) / "page", question.model, question.tracks)
        return browser_answers(Path(folder) / "page", question.model, question.tracks)


def available() -> tuple[list[str], dict[str, str]]:
    """Return the runtimes that can be asked here, and the others with the reason why not."""
    from posemill.packaging.browser_answers import absent

    why = {"browser": reason} if (reason := absent()) else {}
    return [name for name in RUNTIMES if name not in why], why


RUNTIMES: Mapping[str, Callable[[Question], list[GoldenClip]]] = MappingProxyType(
    {
        "pytorch": _pytorch,
        REFERENCE: lambda question: _by(question.model, question),
        "openvino": _openvino,
        "service": _service,
        "edge": _edge,
        "browser": _browser,
    }
)
