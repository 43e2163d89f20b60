"""Packaged activity models: windows or tracks → probabilities, verdicts and timelines.

ONNX Runtime and the feature pipeline, nothing else: the services, acceptance and a notebook use this one, and it needs
neither BentoML nor torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.features.main_subject import main_subject
from posemill.onnx_file import read_network
from posemill.pose.gaps import found_only
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.pose.units import check_pixels
from posemill.pose.unseen import not_found
from posemill.prediction import timeline
from posemill.prediction.classifier import CALIBRATION, FILES, Network, WindowClassifier, WindowProbabilities
from posemill.prediction.locate import package_folder
from posemill.prediction.packaged import PACKAGED
from posemill.prediction.place import third, usual_box
from posemill.prediction.schema import Person, Prediction, TrackPoints, TrackPrediction, Verdict, VideoFacts

__all__ = ["CALIBRATION", "FILES", "ActivityModel", "OnWindows", "WindowProbabilities"]

NO_WINDOW = "the track is too short, or too little of it is seen, for one window"
OnWindows = Callable[[NDArray[np.float32], NDArray[np.float32]], object]


class ActivityModel(WindowClassifier):
    """A packaged activity model on ONNX Runtime, ready to predict; see WindowClassifier for its attributes.

    Examples:
        A model is loaded from the folder that the package stage writes, or from a bento's folder:

        >>> model = posemill.ActivityModel.load("build/package")        # doctest: +SKIP
        >>> model.predict(posemill.read_tracks("clip.json")).verdict    # doctest: +SKIP
    """

    __slots__ = ()

    @classmethod
    def load(cls, folder: Path | str, threads: int = 1) -> Self:
        """Load from a package (build/package), a bento's folder, or a model's folder in BentoML's store.

        Errors: CheckpointError where a file is missing or was changed after packaging.
        """
        return cls.read(package_folder(Path(folder)), partial(_open_network, threads=threads))

    @classmethod
    def packaged(cls, threads: int = 1) -> Self:
        """Load the model that comes with posemill: usual activities, learnt from rendered people only.

        Examples:
            >>> "squat" in posemill.ActivityModel.packaged().classes
            True
        """
        return cls.load(PACKAGED, threads)

    def predict(
        self, tracks: MediumTracks, *, keypoints: bool = False, on_windows: OnWindows | None = None
    ) -> Prediction:
        """Predict everybody's activities: a verdict and a timeline per person, and the main subject's verdict.

        Args:
            tracks: of any skeleton with the model's keypoints, at any frame rate.
            keypoints: put each person's keypoints into the answer.
            on_windows: gets every person's windows (N, T, K, 3) and probabilities (N, C).
        """
        people = [self._person(t, tracks, keypoints, on_windows) for t in tracks.tracks if len(t)]
        subject = main_subject(tracks)
        verdict = None
        if subject is not None:  # over the whole medium, as the prepare stage cuts clips
            windows = self.window_probabilities(subject, 0.0, tracks.duration_s, tracks.others(subject))
            verdict = self._verdict(windows.probabilities)
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
        others: Sequence[PoseTrack] = (),
        on_windows: OnWindows | None = None,
    ) -> TrackPrediction:
        """Predict one person's activities between two times (None = from the first, to the last pose).

        others: the other people of the medium, for a model of pairs.
        """
        spans, windows, probabilities = self.window_probabilities(track, start_s, end_s, others)
        if on_windows is not None:
            on_windows(windows, probabilities)
        return TrackPrediction(
            verdict=self._verdict(probabilities),
            segments=timeline.segments(spans, probabilities, self.classes, self.rejection_threshold),
            windows=timeline.windows(spans, probabilities, self.classes, self.rejection_threshold),
            note=None if len(spans) else NO_WINDOW,
        )

    def predict_windows(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities (N, C) float32 of windows (N, T, K, 3) in pixels.

        Not seen is NaN, or what was not found by pose/unseen.py. A model that reads depth takes (N, T, K, 4).

        Errors: InputError for another shape, and for what cannot be pixels.
        """
        wanted = self.features.shape
        windows = np.array(windows, np.float32)
        if windows.ndim != 4 or windows.shape[1:] != wanted:
            raise InputError(f"windows should be (N, {', '.join(map(str, wanted))}) numbers, came as {windows.shape}")
        windows[not_found(windows[..., :2], windows[..., 2])] = np.nan
        if wanted[2] == 3:
            check_pixels("windows", windows[..., :2])
        return self.probabilities(windows)

    def _verdict(self, probabilities: NDArray[np.float32]) -> Verdict | None:
        return timeline.verdict(probabilities, self.classes, self.rejection_threshold, self.events)

    def _person(self, track: PoseTrack, tracks: MediumTracks, keypoints: bool, on_windows: OnWindows | None) -> Person:
        answer = self.predict_track(track, others=tracks.others(track), on_windows=on_windows)
        box = usual_box(track)
        return Person(
            person=track.person,
            start_s=float(track.time_s[0]),
            end_s=float(track.time_s[-1]),
            poses=len(found_only(track)),
            box=box,
            place=third(box, tracks.width_px),
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


def _open_network(path: Path, threads: int) -> Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(read_network(path), options, providers=["CPUExecutionProvider"])
    name, outputs = session.get_inputs()[0].name, session.get_outputs()[0].shape[-1]
    return Network(lambda windows: np.asarray(session.run(None, {name: windows})[0]), outputs)
