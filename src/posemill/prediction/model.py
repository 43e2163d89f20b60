"""Packaged activity models: windows or tracks → probabilities, verdicts and timelines.

ONNX Runtime and the feature pipeline, nothing else: the services, acceptance, a notebook and an edge device use this
one, and it needs neither BentoML nor torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.features.calibration_file import rejection_threshold
from posemill.features.main_subject import main_subject
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.gaps import found_only
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.prediction import timeline
from posemill.prediction.locate import package_folder
from posemill.prediction.schema import Person, Prediction, TrackPoints, TrackPrediction, Verdict, VideoFacts

MODEL, FEATURES, CLASSES, DIGESTS, CALIBRATION = (
    "activity.onnx",
    "features.json",
    "classes.json",
    "digests.json",
    "calibration.json",
)
FILES = {"model": MODEL, "features": FEATURES, "classes": CLASSES, "calibration": CALIBRATION}  # that must be whole
BATCH = 256  # windows a run, so that memory does not grow with the length of a track
NO_WINDOW = "the track is too short, or too little of it is seen, for one window"
OnWindows = Callable[[NDArray[np.float32], NDArray[np.float32]], object]


class WindowProbabilities(NamedTuple):
    """Windows of a track with their probabilities; N may be 0.

    spans          (N, 2) seconds, start and end.
    windows        (N, T, K, 3) pixels, NaN = not seen.
    probabilities  (N, C), calibrated.
    """

    spans: NDArray[np.float64]
    windows: NDArray[np.float32]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ActivityModel:
    """A packaged activity model, ready to predict.

    features     the fitted feature pipeline: its skeleton and window are what the model takes.
    classes      activities in output order, C of them.
    temperature  > 0; logits are divided by it (temperature scaling).
    digests      of the packaged files, see packaging/digests.py.
    rejection_threshold  probability under which the model abstains, found in evaluation; None = it never does.

    Examples:
        A model is loaded from the folder that the package stage writes, or from a bento's folder:

        >>> model = posemill.ActivityModel.load("build/package")        # doctest: +SKIP
        >>> model.predict(posemill.read_tracks("clip.json")).verdict    # doctest: +SKIP
    """

    features: FeaturePipeline
    classes: tuple[str, ...]
    temperature: float
    digests: dict[str, Any]
    session: Any
    rejection_threshold: float | None = None

    @classmethod
    def load(cls, folder: Path | str, threads: int = 1) -> Self:
        """Load from a package (build/package), a bento's folder, or a model's folder in BentoML's store.

        Errors: CheckpointError where a file is missing or was changed after packaging.
        """
        import onnxruntime

        folder = package_folder(Path(folder))
        digests = _read(folder / DIGESTS)
        for key, name in FILES.items():
            _verify(folder / name, digests.get(key))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(folder / MODEL, options, providers=["CPUExecutionProvider"])
        classes = tuple(_read(folder / CLASSES))
        if (outputs := session.get_outputs()[0].shape[-1]) != len(classes):
            raise CheckpointError(f"{folder}: the model has {outputs} outputs, classes.json {len(classes)} names")
        calibration = _read(folder / CALIBRATION)
        features, threshold = FeaturePipeline.load(folder / FEATURES), rejection_threshold(calibration)
        return cls(features, classes, float(calibration["temperature"]), digests, session, threshold)

    def predict(
        self, tracks: MediumTracks, *, keypoints: bool = False, on_windows: OnWindows | None = None
    ) -> Prediction:
        """Predict everybody's activities: a verdict and a timeline per person, and the main subject's verdict.

        Args:
            tracks: of any skeleton with the model's keypoints, at any frame rate.
            keypoints: put each person's keypoints into the answer.
            on_windows: gets every person's windows (N, T, K, 3) and probabilities (N, C).
        """
        people = [self._person(track, keypoints, on_windows) for track in tracks.tracks if len(track)]
        subject = main_subject(tracks)
        verdict = None
        if subject is not None:  # over the whole medium, as the prepare stage cuts clips
            verdict = self._verdict(self.window_probabilities(subject, 0.0, tracks.duration_s).probabilities)
        return Prediction(
            video=VideoFacts(
                width_px=tracks.width_px,
                height_px=tracks.height_px,
                frames=tracks.frames,
                duration_s=tracks.duration_s,
                skeleton=tracks.skeleton.name,
            ),
            verdict=verdict,
            main_subject=None if subject is None else subject.person,
            people=people,
            note=_note(people, verdict),
        )

    def predict_track(
        self,
        track: PoseTrack,
        start_s: float | None = None,
        end_s: float | None = None,
        *,
        on_windows: OnWindows | None = None,
    ) -> TrackPrediction:
        """Predict one person's activities between two times (None = from the first, to the last pose)."""
        spans, windows, probabilities = self.window_probabilities(track, start_s, end_s)
        if on_windows is not None:
            on_windows(windows, probabilities)
        return TrackPrediction(
            verdict=self._verdict(probabilities),
            segments=timeline.segments(spans, probabilities, self.classes, self.rejection_threshold),
            windows=timeline.windows(spans, probabilities, self.classes, self.rejection_threshold),
            note=None if len(spans) else NO_WINDOW,
        )

    def predict_windows(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities (N, C) float32 of windows (N, T, K, 3) in pixels (NaN = not seen)."""
        return self.probabilities(windows)

    def window_probabilities(
        self, track: PoseTrack, start_s: float | None = None, end_s: float | None = None
    ) -> WindowProbabilities:
        """Cut a track into windows between two times (None = from the first, to the last pose) and predict each."""
        windows, spans = self.features.windows(track, start_s, end_s)
        return WindowProbabilities(spans, windows, self.probabilities(windows))

    def logits(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (N, C) float32 of windows (N, T, K, 3) in pixels (NaN = not seen)."""
        prepared = self.features.transform(windows)
        name = self.session.get_inputs()[0].name
        parts = [self.session.run(None, {name: prepared[i : i + BATCH]})[0] for i in range(0, len(prepared), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes)), np.float32)

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the calibrated probabilities (N, C) float32 of windows (N, T, K, 3); every row sums to 1."""
        z = self.logits(windows).astype(np.float64) / self.temperature
        e = np.exp(z - z.max(-1, keepdims=True, initial=-np.inf))
        return np.asarray(e / e.sum(-1, keepdims=True), np.float32)

    def abstained(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return (N,) true where the top-1 probability of (N, C) is below the rejection threshold."""
        return np.asarray(probabilities.max(-1, initial=0) < (self.rejection_threshold or 0.0))

    def warm(self) -> None:
        """Run the model once on an empty window, so that the first request does not wait for what loads lazily."""
        self.probabilities(np.full((1, *self.features.shape), np.nan, np.float32))

    def _verdict(self, probabilities: NDArray[np.float32]) -> Verdict | None:
        return timeline.verdict(probabilities, self.classes, self.rejection_threshold)

    def _person(self, track: PoseTrack, keypoints: bool, on_windows: OnWindows | None) -> Person:
        answer = self.predict_track(track, on_windows=on_windows)
        return Person(
            person=track.person,
            start_s=float(track.time_s[0]),
            end_s=float(track.time_s[-1]),
            poses=len(found_only(track)),
            verdict=answer.verdict,
            segments=answer.segments,
            windows=answer.windows,
            track=_points(track) if keypoints else None,
        )

    def __repr__(self) -> str:
        return f"ActivityModel({', '.join(self.classes)}; {self.features.skeleton.name})"


def _note(people: list[Person], verdict: Verdict | None) -> str | None:
    if not people:
        return "nobody was found in this video"
    return None if verdict is not None else "nobody was seen long enough for one window"


def _points(track: PoseTrack) -> TrackPoints:
    track = found_only(track)  # what is sent was seen
    xy = track.xy.astype(object)
    xy[np.isnan(track.xy)] = None
    return TrackPoints(time_s=track.time_s.tolist(), xy=xy.tolist(), confidence=track.confidence.tolist())


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError) as exc:
        raise CheckpointError(f"{path} is missing or not JSON: run `posemill stage package` again") from exc


def _verify(path: Path, digest: str | None) -> None:
    if not path.is_file():
        raise CheckpointError(f"no {path}: run `posemill stage package` again")
    if (actual := hashlib.sha256(path.read_bytes()).hexdigest()) != digest:
        raise CheckpointError(
            f"{path}: SHA-256 should be {str(digest)[:12]}…, is {actual[:12]}…; it was changed after packaging"
        )
