"""Evaluation on external videos, end to end: video → poses → tracks → main subject → windows → one verdict.

Benchmarks have annotated keypoints; this measures a model on keypoints that an estimator finds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.atomic import write_text
from posemill.errors import CheckpointError, UnreadableMedia
from posemill.operations.external_clips import ExternalClip, clips_of, same_activity
from posemill.operations.external_results import ExternalResult, ExternalVerdict, Outcome
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.evaluation.predict_fn import PredictFn
    from posemill.evaluation.robustness.frame_rates import Change
    from posemill.features.pipeline import FeaturePipeline
    from posemill.labelling.labeller import Labeller
    from posemill.params import Params
    from posemill.params.label import LabelParams
    from posemill.pose.track import MediumTracks
    from posemill.settings import Settings

NATIVE, MIRRORED = "as it is", "mirrored"
COUNTED = ("right", "wrong")
OnStart = Callable[[str, int], object]


@dataclass(frozen=True, slots=True, eq=False)
class EvaluatedNetwork:
    """A network with the features and the calibration that belong to it."""

    predict_fn: PredictFn
    features: FeaturePipeline
    classes: tuple[str, ...]
    name: str
    weights: str
    benchmark: float | None
    rejection_threshold: float = 0.0  # less probable predictions are no answer


def run(
    folder: Path,
    params: Params,
    inputs: Workspace,
    settings: Settings,
    *,
    network: Path | None = None,
    labels: Path | None = None,
    rates_hz: Sequence[float] = (),
    mirrored: bool = False,
    on_result: Callable[[ExternalVerdict], object] = lambda _: None,
    on_start: OnStart = lambda *_: None,
) -> ExternalResult:
    """Judge all clips of a folder; writes <home>/external-videos/<digest>.json and .html.

    network  folder of a trained network; None = evaluate.network. Poses and tracks are kept in the store, so that
             another network needs no labelling.
    on_result  gets every verdict as soon as there is one; on_start a file and its frames, before poses are found in it.
    Errors: InputError for the folder or its table; CheckpointError where network and features do not fit.
    """
    from posemill.labelling.labeller import open_labeller
    from posemill.operations import external_report

    evaluated = load_network(params, inputs, network)
    clips = clips_of(folder, labels)
    labeller = open_labeller(label_params(params, inputs), settings)
    changes = _changes(rates_hz, mirrored)
    verdicts, sheets, home = [], {}, settings.home / "external-videos"
    for clip, medium, found in _found(clips, labeller, on_start):
        verdicts.append(verdict(evaluated, clip, medium, found, changes))
        if not isinstance(found, str):
            sheets[medium] = external_report.sheet(home / "sheets", clip.path, found)
        on_result(verdicts[-1])
    name = _digest(evaluated, labeller, verdicts, changes)
    report = home / f"{name}.html"
    result = _result(folder, evaluated, labeller, verdicts, list(changes), report)
    external_report.page(result, sheets).write(report)
    write_text(home / f"{name}.json", result.model_dump_json(indent=1) + "\n")
    return result


def load_network(params: Params, inputs: Workspace, network: Path | None = None) -> EvaluatedNetwork:
    """The network of a folder (None: evaluate.network), with features.json from there or where it was trained."""
    from posemill import models
    from posemill.evaluation.predict_fn import predict_fn
    from posemill.features.calibration_file import rejection_threshold
    from posemill.features.pipeline import FeaturePipeline
    from posemill.models.open_set import OpenSetScore
    from posemill.packaging.assemble import package_classes, with_open_set

    own = inputs.root / params.evaluate.network
    folder = network or own
    found = _features(folder, inputs)
    features = FeaturePipeline.load(found) if found.is_file() else None
    trained, card = models.load(folder, skeleton=features.skeleton if features else None)
    if features is None:
        raise CheckpointError(f"no {found}: put the features.json that the network was trained with beside it")
    if features.coordinates == 3:
        raise CheckpointError(f"{folder}: this network reads x, y and z, and videos give x and y: judge it on tracks")
    if card.frames != features.window.frames:
        raise CheckpointError(
            f"{folder}: the network takes {card.frames} poses, {found} makes "
            f"{features.window.frames}: put the features.json it was trained with beside it"
        )
    evaluated = inputs.output("evaluate") if folder.resolve() == own.resolve() else folder
    calibration = _json(evaluated / "calibration.json")
    weights = str(_json(folder / "network.json")["sha256"])
    score = OpenSetScore.load(evaluated)
    ask = predict_fn(
        with_open_set(trained, card, score),
        features,
        float(calibration.get("temperature", 1.0)),
        params.evaluate.batch_size,
    )
    accuracy, threshold = (
        _json(evaluated / "metrics.json").get("accuracy"),
        rejection_threshold(calibration) or 0.0,
    )
    classes = tuple(package_classes(card, score))
    return EvaluatedNetwork(ask, features, classes, card.name, weights, accuracy, threshold)


def _features(folder: Path, inputs: Workspace) -> Path:
    beside = [folder / "features.json", folder.resolve().parent / "prepare" / "features.json"]
    return next((path for path in beside if path.is_file()), inputs.output("prepare") / "features.json")


def label_params(params: Params, inputs: Workspace) -> LabelParams:
    """Return the parameters that label videos for this model: those of the training data, if it was labelled here."""
    from posemill.params.label import LabelParams

    found = _json(inputs.output("label") / "labeller.json")
    return LabelParams.model_validate(found["params"]) if found.get("describes") is not None else params.label


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def _changes(rates_hz: Sequence[float], flip: bool) -> dict[str, Change]:
    from posemill.evaluation.robustness.frame_rates import at_rate

    changes: dict[str, Change] = {f"{fps:g} frames/s": at_rate(fps) for fps in rates_hz}
    return changes | ({MIRRORED: mirror} if flip else {})


def mirror(tracks: MediumTracks) -> MediumTracks:
    """The people as a mirrored picture shows them: left and right change places and names."""
    turned = []
    for track in tracks.tracks:
        xy = track.xy[:, tracks.skeleton.flip_index].copy()
        xy[..., 0] = tracks.width_px - 1 - xy[..., 0]
        z = None if track.z is None else track.z[:, tracks.skeleton.flip_index]
        turned.append(replace(track, xy=xy, confidence=track.confidence[:, tracks.skeleton.flip_index], z=z))
    return replace(tracks, tracks=tuple(turned))


def _found(
    clips: Sequence[ExternalClip], labeller: Labeller, on_start: OnStart
) -> Iterator[tuple[ExternalClip, str, MediumTracks | str]]:
    """Every clip with the digest of its video and its tracks, or the reason why there are none."""
    from posemill.store.media import digest_of

    for clip in clips:
        medium = digest_of(clip.path)
        try:
            yield clip, medium, labelled(labeller, clip.path, medium, on_start)
        except UnreadableMedia as exc:
            yield clip, medium, str(exc)


def labelled(labeller: Labeller, path: Path, medium: str, on_start: OnStart = lambda *_: None) -> MediumTracks:
    """Tracks of a video that need not be in the database; what the store has is not computed again."""
    from posemill.video.sandboxed import probe_sandboxed

    if labeller.missing([medium]):
        on_start(path.name, probe_sandboxed(path).frames)
        labeller.label(path, medium)
    return labeller.labelled(medium)


def verdict(
    network: EvaluatedNetwork, clip: ExternalClip, medium: str, found: MediumTracks | str, changes: Mapping[str, Change]
) -> ExternalVerdict:
    """One clip, judged; `found` is a sentence where the video could not be read."""
    from posemill.features.main_subject import main_subject
    from posemill.features.verdict import abstains
    from posemill.prediction.place import third, usual_box

    truth = same_activity(clip.activity, network.classes) if clip.activity else None
    about = {"file": clip.name, "medium": medium, "truth": truth or clip.activity}
    if isinstance(found, str):
        return ExternalVerdict(**about, outcome="unreadable", note=found)
    actor = main_subject(found, clip.start_s, clip.end_s)
    windows, of_clip = _asked(network, clip, found)
    best, said = _best(of_clip), max(of_clip, key=lambda name: of_clip[name], default=None)
    changed = {name: _asked(network, clip, change(found))[1] for name, change in changes.items()}
    note = None if windows else "nobody was found" if actor is None else "nobody was seen long enough for one window"
    known: Outcome = "no label" if clip.activity is None else "unknown activity"
    return ExternalVerdict(
        **about,
        outcome=known if truth is None else "right" if best == truth else "wrong",
        predicted=best,
        probability=of_clip[best] if best else None,
        probabilities=of_clip,
        windows=windows,
        people=len(found.tracks),
        person=actor.person if actor else None,
        place=third(usual_box(actor), found.width_px) if actor else None,
        abstained=said is not None and abstains(said, of_clip[said], network.rejection_threshold),
        changed={name: _best(of) for name, of in changed.items()},
        note=note,
    )


def _best(of_clip: dict[str, float]) -> str | None:
    """The most probable activity: where the model says "none of these", what it would say, and it abstains."""
    from posemill.features.verdict import taught

    return max(taught(of_clip), key=lambda name: of_clip[name], default=None)


def _asked(network: EvaluatedNetwork, clip: ExternalClip, tracks: MediumTracks) -> tuple[int, dict[str, float]]:
    """Number of windows, and the probabilities of the clip; none without a window."""
    from posemill.features.verdict import clip_probabilities
    from posemill.stages.held_out_clips import HeldOutClip
    from posemill.stages.rewindow import windows_of

    stretch = HeldOutClip(0, tracks.medium, "video", clip.start_s, clip.end_s, clip.activity or "")
    windows = windows_of(network.features, tracks, stretch)
    if not len(windows):
        return 0, {}
    of_clip = clip_probabilities(network.predict_fn(windows))
    return len(windows), {name: float(p) for name, p in zip(network.classes, of_clip, strict=True)}


def _digest(
    network: EvaluatedNetwork, labeller: Labeller, verdicts: Sequence[ExternalVerdict], changes: Mapping[str, Change]
) -> str:
    """Return a digest of all inputs of a run: the same again replaces it."""
    clips = [(v.file, v.medium, v.truth) for v in verdicts]
    parts = [network.weights, network.features.to_json(), labeller.fingerprint, clips, list(changes)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _result(
    folder: Path,
    network: EvaluatedNetwork,
    labeller: Labeller,
    verdicts: Sequence[ExternalVerdict],
    changes: Sequence[str],
    report: Path,
) -> ExternalResult:
    from posemill.evaluation.classification_metrics import wilson_interval

    counted = [v for v in verdicts if v.outcome in COUNTED]
    right = sum(v.outcome == "right" for v in counted)
    low, high = wilson_interval(right, len(counted)) if counted else (None, None)

    def share(is_so: Callable[[ExternalVerdict, str], bool]) -> dict[str, float]:
        return {c: sum(is_so(v, c) for v in counted) / len(counted) for c in changes} if counted else {}

    return ExternalResult(
        folder=str(folder),
        network=network.name,
        weights=network.weights,
        features=hashlib.sha256(json.dumps(network.features.to_json()).encode()).hexdigest(),
        labeller=labeller.fingerprint,
        clips=len(counted),
        right=right,
        top1=right / len(counted) if counted else None,
        low=low,
        high=high,
        unanswered=sum(v.predicted is None for v in counted),
        abstained=sum(v.abstained for v in counted),
        unknown=sum(v.outcome == "unknown activity" for v in verdicts),
        unlabelled=sum(v.outcome == "no label" for v in verdicts),
        unreadable=sum(v.outcome == "unreadable" for v in verdicts),
        agreement=share(lambda v, change: v.changed[change] == v.predicted),
        top1_changed=share(lambda v, change: v.changed[change] == v.truth),
        benchmark=network.benchmark,
        report=str(report),
        verdicts=list(verdicts),
    )
