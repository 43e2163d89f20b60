"""The embedded activity model: small, whole, and right on rendered people it was not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posemill.applications import protocol
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import PoseTrack, State
from posemill.prediction.model import ActivityModel
from posemill.synth.everyday import CLASSES, FALLING
from posemill.synth.life import Scene, action_scene, fall_scene

FOLDER = Path(protocol.__file__).parent / "fall" / "model"


@pytest.fixture(scope="module")
def model() -> ActivityModel:
    return ActivityModel.load(FOLDER)


def track_of(scene: Scene) -> PoseTrack:
    """The person who falls, or whoever is seen for longest."""
    rows: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}
    fallen: set[int] = set()
    for frame in scene:
        for number, pose in frame.people.items():
            rows.setdefault(number, []).append((frame.frame, pose.xy, pose.confidence))
        fallen |= {number for number, label in scene.labels.items() if label == FALLING}
    seen = max((rows[number] for number in fallen or rows), key=len)
    frames = np.array([at for at, _, _ in seen], np.int32)
    state = np.full(len(frames), State.PREDICTED, np.uint8)
    xy, confidence = np.stack([xy for _, xy, _ in seen]), np.stack([c for _, _, c in seen])
    return PoseTrack(COCO_17, 0, frames, frames / scene.fps, xy, confidence, state)


def probabilities(model: ActivityModel, track: PoseTrack, ends: np.ndarray) -> np.ndarray:
    windows, _ = model.features.windows_at(track, np.stack([ends - model.features.window.duration_s, ends], 1))
    return model.probabilities(windows)


def test_it_is_small_and_has_the_classes_of_the_corpus(model: ActivityModel) -> None:
    assert model.classes == CLASSES
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 1_500_000
    assert model.features.skeleton.name == "body-12"
    assert model.features.window.duration_s == pytest.approx(2.0)


def test_falls_are_called_falls_about_their_impact(model: ActivityModel) -> None:
    found = []
    for seed in range(9_000_000, 9_000_018):
        scene = fall_scene(seed, recovers=False, fps=15, short=True)
        impact = scene.falls[0].impact_s
        p = probabilities(model, track_of(scene), impact + np.arange(0.0, 1.2, 0.2))
        found.append(len(p) > 0 and p[:, CLASSES.index("falling")].max() > 0.5)
    assert np.mean(found) >= 0.8


@pytest.mark.parametrize("kind", ["sit_slowly", "pick_up", "walk", "kneel", "cook", "exercise"])
def test_everyday_actions_are_seldom_called_falls(model: ActivityModel, kind: str) -> None:
    peaks = []
    for seed in range(9_500_000, 9_500_006):
        track = track_of(action_scene(seed, kind, fps=15))
        ends = np.arange(track.time_s[0] + 2, track.time_s[-1], 0.4)
        p = probabilities(model, track, ends) if len(ends) else np.zeros((0, len(CLASSES)))
        peaks.extend(p[:, CLASSES.index("falling")].tolist())
    assert np.mean(np.array(peaks) > 0.5) < 0.1
