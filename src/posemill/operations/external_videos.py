"""Videos from anywhere through the whole product: video → poses → tracks → acting person → windows → one verdict.

What a benchmark cannot say is said here: whether a model names the activity when keypoints are found, not annotated.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from posemill.errors import CheckpointError, UnreadableMedia
from posemill.operations.external_clips import ExternalClip, clips_of, same_activity
from posemill.stages.result import StageResult
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
Outcome = Literal["right", "wrong", "unknown activity", "no label", "unreadable"]
COUNTED = ("right", "wrong")
Begun = Callable[[str, int], object]


class ExternalVerdict(BaseModel):
    """What the model said of one clip.

    truth    as the folder has it; `said`, `probability` over all windows; None where there was no window.
    people   everybody in the video; `person` is the one who was judged.
    changed  what was said of the same clip at other frame rates and mirrored, by name.
    abstained  a client is told that the model had better say nothing: the probability is under the threshold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    medium: str
    truth: str | None
    outcome: Outcome
    said: str | None = None
    probability: float | None = None
    probabilities: dict[str, float] = {}
    windows: int = 0
    people: int = 0
    person: int | None = None
    changed: dict[str, str | None] = {}
    abstained: bool = False
    note: str | None = None


class ExternalResult(StageResult):
    """Top-1 over the clips whose activity the model knows; one without a window counts as wrong.

    weights    digest of the network's weights; `features` and `labeller` name what else decides the figures.
    abstained  clips of these with a verdict that the model had better not given, right or wrong.
    agreement  share of these clips with the same verdict, by what was changed.
    benchmark  accuracy of the same network on the test split; None when it is not the one that evaluate judged.
    """

    stage: str = "wild"
    folder: str
    network: str
    weights: str
    features: str
    labeller: str
    clips: int
    right: int
    top1: float | None
    low: float | None
    high: float | None
    unanswered: int
    abstained: int
    unknown: int
    unlabelled: int
    unreadable: int
    agreement: dict[str, float]
    top1_changed: dict[str, float]
    benchmark: float | None
    report: str
    verdicts: list[ExternalVerdict]


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """A network with the features and the calibration that belong to it."""

    ask: PredictFn
    features: FeaturePipeline
    classes: tuple[str, ...]
    name: str
    weights: str
    benchmark: float | None
    below: float = 0.0  # probabilities under it are no answer


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
    told: Callable[[ExternalVerdict], object] = lambda _: None,
    begun: Begun = lambda *_: None,
) -> ExternalResult:
    """Judge all clips of a folder; writes <home>/wild/<digest>.json and .html.

    network  folder of a trained network; None = evaluate.network. Poses and tracks are kept in the store, so that
             another network needs no labelling.
    told     gets every verdict as soon as there is one; begun a file and its frames, before poses are found in it.
    Errors: InputError for the folder or its table; CheckpointError where network and features do not fit.
    """
    from posemill.labelling.labeller import open_labeller
    from posemill.operations import external_report

    judge = load_judge(params, inputs, network)
    clips = clips_of(folder, labels)
    labeller = open_labeller(label_params(params, inputs), settings)
    changes = _changes(rates_hz, mirrored)
    verdicts, sheets, home = [], {}, settings.home / "wild"
    for clip, medium, found in _found(clips, labeller, begun):
        verdicts.append(verdict(judge, clip, medium, found, changes))
        if not isinstance(found, str):
            sheets[medium] = external_report.sheet(home / "sheets", clip.path, found)
        told(verdicts[-1])
    name = _digest(judge, labeller, verdicts, changes)
    report = home / f"{name}.html"
    result = _result(folder, judge, labeller, verdicts, list(changes), report)
    external_report.page(result, sheets).write(report)
    (home / f"{name}.json").write_text(result.model_dump_json(indent=1) + "\n")
    return result


def load_judge(params: Params, inputs: Workspace, network: Path | None = None) -> Judge:
    """The network of a folder (None: evaluate.network), with features.json from there or where it was trained."""
    from posemill import models
    from posemill.evaluation.predict_fn import predict_fn
    from posemill.features.calibration_file import rejection_threshold
    from posemill.features.pipeline import FeaturePipeline

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
    ask = predict_fn(trained, features, float(calibration.get("temperature", 1.0)), params.evaluate.batch_size)
    accuracy, below = (
        _json(evaluated / "metrics.json").get("accuracy"),
        rejection_threshold(calibration) or 0.0,
    )
    return Judge(ask, features, card.classes, card.name, weights, accuracy, below)


def _features(folder: Path, inputs: Workspace) -> Path:
    beside = [folder / "features.json", folder.resolve().parent / "prepare" / "features.json"]
    return next((path for path in beside if path.is_file()), inputs.output("prepare") / "features.json")


def label_params(params: Params, inputs: Workspace) -> LabelParams:
    """What labels videos for this model, as package chooses it: the labeller of the training data, if it had one."""
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
    clips: Sequence[ExternalClip], labeller: Labeller, begun: Begun
) -> Iterator[tuple[ExternalClip, str, MediumTracks | str]]:
    """Every clip with the digest of its video and its tracks, or the reason why there are none."""
    from posemill.store.media import digest_of

    for clip in clips:
        medium = digest_of(clip.path)
        try:
            yield clip, medium, labelled(labeller, clip.path, medium, begun)
        except UnreadableMedia as exc:
            yield clip, medium, str(exc)


def labelled(labeller: Labeller, path: Path, medium: str, begun: Begun = lambda *_: None) -> MediumTracks:
    """Tracks of a video that need not be in the database; what the store has is not computed again."""
    from posemill.video.probe import probe

    if labeller.missing([medium]):
        begun(path.name, probe(path).frames)
        labeller.label(path, medium)
    return labeller.labelled(medium)


def verdict(
    judge: Judge, clip: ExternalClip, medium: str, found: MediumTracks | str, changes: Mapping[str, Change]
) -> ExternalVerdict:
    """One clip, judged; `found` is a sentence where the video could not be read."""
    from posemill.features.main_subject import main_subject

    truth = same_activity(clip.activity, judge.classes) if clip.activity else None
    about = {"file": clip.name, "medium": medium, "truth": truth or clip.activity}
    if isinstance(found, str):
        return ExternalVerdict(**about, outcome="unreadable", note=found)
    actor = main_subject(found, clip.start_s, clip.end_s)
    windows, of_clip = _asked(judge, clip, found)
    best = max(of_clip, key=lambda name: of_clip[name], default=None)
    changed = {name: _asked(judge, clip, change(found))[1] for name, change in changes.items()}
    note = None if windows else "nobody was found" if actor is None else "nobody was seen long enough for one window"
    known: Outcome = "no label" if clip.activity is None else "unknown activity"
    return ExternalVerdict(
        **about,
        outcome=known if truth is None else "right" if best == truth else "wrong",
        said=best,
        probability=of_clip[best] if best else None,
        probabilities=of_clip,
        windows=windows,
        people=len(found.tracks),
        person=actor.person if actor else None,
        abstained=best is not None and of_clip[best] < judge.below,
        changed={name: max(of, key=lambda a: of[a], default=None) for name, of in changed.items()},
        note=note,
    )


def _asked(judge: Judge, clip: ExternalClip, tracks: MediumTracks) -> tuple[int, dict[str, float]]:
    """Number of windows, and the probabilities of the clip; none without a window."""
    from posemill.features.verdict import clip_probabilities
    from posemill.stages.held_out_clips import HeldOutClip
    from posemill.stages.rewindow import windows_of

    stretch = HeldOutClip(0, tracks.medium, "video", clip.start_s, clip.end_s, clip.activity or "")
    windows = windows_of(judge.features, tracks, stretch)
    if not len(windows):
        return 0, {}
    of_clip = clip_probabilities(judge.ask(windows))
    return len(windows), {name: float(p) for name, p in zip(judge.classes, of_clip, strict=True)}


def _digest(
    judge: Judge, labeller: Labeller, verdicts: Sequence[ExternalVerdict], changes: Mapping[str, Change]
) -> str:
    """Names a run by what it is made of: the same again replaces it."""
    told = [(v.file, v.medium, v.truth) for v in verdicts]
    parts = [judge.weights, judge.features.to_json(), labeller.fingerprint, told, list(changes)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _result(
    folder: Path,
    judge: Judge,
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
        network=judge.name,
        weights=judge.weights,
        features=hashlib.sha256(json.dumps(judge.features.to_json()).encode()).hexdigest(),
        labeller=labeller.fingerprint,
        clips=len(counted),
        right=right,
        top1=right / len(counted) if counted else None,
        low=low,
        high=high,
        unanswered=sum(v.said is None for v in counted),
        abstained=sum(v.abstained for v in counted),
        unknown=sum(v.outcome == "unknown activity" for v in verdicts),
        unlabelled=sum(v.outcome == "no label" for v in verdicts),
        unreadable=sum(v.outcome == "unreadable" for v in verdicts),
        agreement=share(lambda v, change: v.changed[change] == v.said),
        top1_changed=share(lambda v, change: v.changed[change] == v.truth),
        benchmark=judge.benchmark,
        report=str(report),
        verdicts=list(verdicts),
    )
