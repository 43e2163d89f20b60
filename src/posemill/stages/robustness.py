"""Robustness of the evaluate stage: noise, frame rates, another backend's keypoints, streams of several activities."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.evaluation import events
from posemill.evaluation.predict_fn import PredictFn
from posemill.evaluation.robustness.consistency import Consistency, consistency
from posemill.evaluation.robustness.frame_rates import Change, at_rate, unchanged, without_frames
from posemill.evaluation.robustness.perturbations import conditions, perturbation_accuracy
from posemill.evaluation.robustness.results import NATIVE, RobustnessResults
from posemill.features.main_subject import main_subject
from posemill.features.pipeline import FeaturePipeline
from posemill.params.evaluate import RobustnessParams
from posemill.stages.held_out_clips import HeldOutClip, held_out_clips
from posemill.stages.rewindow import tracks_in, tracks_of, verdicts
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.evaluation.evaluation_results import EvaluationResults
    from posemill.stages.evaluate_on_cluster import RemoteEvaluation


def run(
    params: RobustnessParams,
    inputs: Workspace | None,
    results: EvaluationResults,
    ask: PredictFn,
    features: FeaturePipeline,
    windows: NDArray[np.float32],
    remote: RemoteEvaluation | None = None,
) -> RobustnessResults:
    """Evaluate the test clips under every perturbation that is possible here.

    inputs   None, or a workspace without tracks: only noise is tried, which needs the windows alone.
    windows  (N, T, K, 3) of prepare; results.windows.index says which are of the test split.
    remote   asks under perturbations and at frame rates on workers; None = in this process.
    """
    actual = dict(zip(results.clips.index["clip"].tolist(), results.clips.actual.tolist(), strict=True))
    chosen = sample(list(actual), params.clips)
    of_clips = len(actual) if len(chosen) < len(actual) else 0
    index = results.windows.index[results.windows.index["clip"].isin(chosen)]
    budget = {"jitter": params.jitter, "dropout": params.dropout, "swaps": params.swaps}
    rows, clip = index["window"].to_numpy(np.int64), index["clip"].to_numpy(np.int64)
    asked = remote.perturbed(ask, windows, rows, conditions(budget)) if remote else {}
    perturbed = perturbation_accuracy(ask, windows, rows, clip, actual, features.skeleton, budget, probabilities=asked)
    if inputs is None or not (inputs.output("label") / "media.parquet").is_file():
        return RobustnessResults(budget, perturbed, of_clips=of_clips)
    wanted = set(chosen)
    clips = [c for c in held_out_clips(inputs) if c.clip in wanted]
    native, rates = _rates(params, inputs, ask, features, clips, actual, remote)
    backend = _backend(params, inputs, ask, features, clips, native, actual)
    streams = _streams(inputs, ask, features, clips, results)
    return RobustnessResults(budget, perturbed, rates, backend, events.stream_metrics(streams), of_clips)


def sample(clips: list[int], count: int, seed: int = 0) -> list[int]:
    """Draw at most `count` clips at random, in their order; the same ones for the same clips.

    Examples:
        >>> sample([7, 8, 9], 5)
        [7, 8, 9]
        >>> len(sample(list(range(100)), 5))
        5
    """
    if len(clips) <= count:
        return clips
    places = np.random.default_rng(seed).choice(len(clips), count, replace=False)
    return [clips[i] for i in np.sort(places)]


def _rates(
    params: RobustnessParams,
    inputs: Workspace,
    ask: PredictFn,
    features: FeaturePipeline,
    clips: list[HeldOutClip],
    actual: dict[int, int],
    remote: RemoteEvaluation | None,
) -> tuple[dict[int, int], list[Consistency]]:
    """Verdicts from the tracks as they are, and how far others agree with them."""
    changes: dict[str, Change] = {NATIVE: unchanged}
    changes |= {f"{fps:g} frames/s": at_rate(fps) for fps in params.rates_hz}
    if params.drop_frames:
        changes[f"{params.drop_frames:.0%} of frames lost"] = without_frames(params.drop_frames)
    media = tracks_of(inputs, clips)
    said = remote.verdicts(ask, media, clips, changes) if remote else verdicts(ask, features, media, clips, changes)
    numbers = {name: {c: int(p.argmax()) for c, p in of.items()} for name, of in said.items()}
    native = numbers.pop(NATIVE)
    return native, [consistency(name, native, changed, actual) for name, changed in numbers.items()]


def _backend(
    params: RobustnessParams,
    inputs: Workspace,
    ask: PredictFn,
    features: FeaturePipeline,
    clips: list[HeldOutClip],
    native: dict[int, int],
    actual: dict[int, int],
) -> Consistency | None:
    """Verdicts on videos whose keypoints another backend found; None where none were given."""
    if params.second_tracks is None:
        return None
    folder = inputs.root / params.second_tracks
    if not any(folder.glob("tracks-*.parquet")):
        raise InputError(
            f"no tracks-*.parquet in {folder}, which evaluate.robustness.second_tracks names: label the test media "
            "with another backend in a workspace of its own and copy its build/label there"
        )
    videos = [c for c in clips if c.kind == "video" and c.clip in native]
    said = verdicts(ask, features, tracks_in(folder, videos), videos, {"second": unchanged})["second"]
    before = {c.clip: native[c.clip] for c in videos}
    return consistency("keypoints of another backend", before, {c: int(p.argmax()) for c, p in said.items()}, actual)


def _streams(
    inputs: Workspace, ask: PredictFn, features: FeaturePipeline, clips: list[HeldOutClip], results: EvaluationResults
) -> list[events.Stream]:
    """Test media with several known stretches, watched from end to end."""
    from posemill.prediction.timeline import segments

    count = Counter(clip.medium for clip in clips)
    several = [clip for clip in clips if count[clip.medium] > 1]
    streams = []
    for tracks in tracks_of(inputs, several):
        actor = main_subject(tracks)
        if actor is None:
            continue
        windows, spans = features.windows(actor, 0.0, tracks.duration_s, tracks.others(actor))
        said = ask(windows) if len(windows) else np.zeros((0, len(results.classes)), np.float32)
        known = [_interval(c, tracks.duration_s) for c in several if c.medium == tracks.medium]
        found = [events.Interval(s.start_s, s.end_s, s.activity) for s in segments(spans, said, results.classes)]
        alerts = events.raise_alerts(spans, said, results.classes, results.rejection_threshold)
        streams.append(events.Stream(tracks.duration_s, known, found, alerts))
    return streams


def _interval(clip: HeldOutClip, duration_s: float) -> events.Interval:
    return events.Interval(clip.start_s, float(np.nan_to_num(clip.end_s, nan=duration_s)), clip.activity)
