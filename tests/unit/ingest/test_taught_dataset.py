"""Files of teach mode: examples become sequences, the model a package; what is damaged is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from live_models import golden_tracks, random_model
from packaged import CLASSES, SPEC
from posemill.errors import InputError
from posemill.features import FeaturePipeline
from posemill.ingest.datasets.taught import sequences
from posemill.ingest.sequence import Fault, Sequence
from posemill.packaging.taught import package_taught
from posemill.pose.skeleton import BODY_12
from posemill.prediction.model import ActivityModel
from posemill.prediction.taught import read_taught
from taught_files import T, example, written


def test_examples_become_tracks_with_activity_subject_and_real_times(tmp_path: Path) -> None:
    file = written(tmp_path / "taught.json", [example(0), example(1)])
    first, second = sequences(file, dataset="gym")
    assert isinstance(first, Sequence)
    assert isinstance(second, Sequence)
    assert (first.activity, first.subject) == (CLASSES[0], "gym/person 0")
    assert (second.name, second.tracks.medium) == (f"{CLASSES[1]}-id-1", f"gym/{CLASSES[1]}-id-1")
    track = first.tracks.tracks[0]
    assert (first.tracks.frames, first.tracks.duration_s, len(track)) == (T + 2, 0.7, T)
    assert track.frame[2] == 4
    assert track.time_s[2] == 0.2
    assert np.isnan(track.xy[0, 0]).all()
    assert not np.isnan(track.xy[0, 1:]).any()


def test_a_damaged_example_is_a_fault_of_its_own(tmp_path: Path) -> None:
    file = written(tmp_path / "taught.json", [example(0), example(1, xy=[1.0, 2.0])])
    good, bad = sequences(file, dataset="gym")
    assert isinstance(good, Sequence)
    assert isinstance(bad, Fault)
    assert bad.sentence().startswith(f"{CLASSES[1]}-id-1:")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"format": "teachable-machine"}, "format"),
        ({"examples": []}, "examples"),
        ({"keypoints": ["nose"]}, "other keypoints"),
        ({"examples": [example(0, id="../../etc")]}, r"examples\.0\.id"),
        ({"examples": [example(0, duration_s=0)]}, r"examples\.0\.duration_s"),
    ],
)
def test_files_of_another_kind_are_refused_by_field(tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_taught(written(tmp_path / "taught.json", **({"examples": [example(0)]} | changed)))


def test_what_is_no_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "taught.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        read_taught(tmp_path / "taught.json")


def test_the_package_of_a_taught_model_is_the_same_arithmetic(tmp_path: Path) -> None:
    features = FeaturePipeline(BODY_12, SPEC)
    windows = np.concatenate([features.windows(g.track)[0] for g in golden_tracks()])
    features = features.fit(windows)
    taught = random_model(features, 3)
    package_taught(taught, "movenet", tmp_path / "package")
    weights = {str(name): entry.array() for name, entry in taught.network.weights.items()}
    x = features.transform(windows)[..., :2].reshape(len(windows), SPEC.frames, -1)
    pieces = np.lib.stride_tricks.sliding_window_view(x, 5, axis=1).transpose(0, 1, 3, 2)  # five poses side by side
    active = np.maximum(pieces.reshape(*pieces.shape[:2], -1) @ weights["hidden_weight"] + weights["hidden_bias"], 0)
    pooled = np.concatenate([active.mean(1), active.max(1)], -1)
    expected = pooled @ weights["output_weight"] + weights["output_bias"]
    model = ActivityModel.load(tmp_path / "package")
    assert np.allclose(model.logits(windows), expected, atol=1e-4)
    assert (model.temperature, model.rejection_threshold) == (1.3, 0.5)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    features = FeaturePipeline(BODY_12, SPEC)
    features = features.fit(np.concatenate([features.windows(g.track)[0] for g in golden_tracks()]))
    taught = random_model(features, 3)
    other = taught.model_copy(update={"classes": [*CLASSES, "more"]})
    with pytest.raises(InputError, match="should have shapes"):
        package_taught(other, "movenet", tmp_path / "package")
    assert not (tmp_path / "package").exists()
