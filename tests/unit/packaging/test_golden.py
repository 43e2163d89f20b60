"""Golden clips: what is written is read back, and is what the model says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from packaged import walking_track, write_package
from posemill.errors import CheckpointError, InputError
from posemill.packaging.golden import main_subject_of, write_golden
from posemill.pose.skeleton import BODY_12
from posemill.pose.track import MediumTracks
from posemill.prediction.golden import GoldenTrack, read_golden
from posemill.prediction.model import ActivityModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ActivityModel:
    folder = tmp_path_factory.mktemp("package")
    write_package(folder)
    return ActivityModel.load(folder)


def test_a_clip_is_read_as_it_was_written(model: ActivityModel, tmp_path: Path) -> None:
    tracks = [GoldenTrack(f"clip {n}", walking_track(seed=n), 640, 480, "squat") for n in range(2)]
    written = write_golden(tmp_path / "golden.json", model, tracks)
    for one, other in zip(written, read_golden(tmp_path / "golden.json", model.classes), strict=True):
        for name in ("spans", "windows", "inputs", "logits", "probabilities"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        np.testing.assert_array_equal(one.track.xy, other.track.xy)
        assert (one.verdict, one.timeline, one.name, one.size_px) == (
            other.verdict,
            other.timeline,
            other.name,
            other.size_px,
        )


def test_the_answers_are_those_of_the_model(model: ActivityModel, tmp_path: Path) -> None:
    track = walking_track(seed=3)
    (clip,) = write_golden(tmp_path / "golden.json", model, [GoldenTrack("a", track, 640, 480)])
    said = model.predict_track(track)
    assert said.verdict is not None
    assert clip.verdict is not None
    assert clip.verdict["activity"] == said.verdict.activity
    assert clip.verdict["probabilities"] == list(said.verdict.probabilities.values())
    assert clip.timeline == [segment.model_dump() for segment in said.segments]
    assert len(clip.inputs) == len(clip.windows) == len(said.windows)


def test_the_main_subject_of_a_clip(model: ActivityModel) -> None:
    track = walking_track()
    tracks = MediumTracks("0" * 64, "x", BODY_12, 640, 480, len(track), 3.0, (track,))
    golden = main_subject_of(model, tracks, "clip", 1.0, float("nan"), "wave")
    assert golden is not None
    assert (golden.start_s, golden.end_s, golden.activity) == (1.0, 3.0, "wave")
    assert float(golden.track.time_s[0]) == 1.0
    assert main_subject_of(model, MediumTracks("0" * 64, "x", BODY_12, 640, 480, 9, 3.0, ()), "e", 0, 1, None) is None


def test_faulty_files_are_told_in_a_sentence(model: ActivityModel, tmp_path: Path) -> None:
    path = tmp_path / "golden.json"
    with pytest.raises(CheckpointError, match="export the model again"):
        read_golden(path)
    write_golden(path, model, [GoldenTrack("a", walking_track(), 640, 480)])
    with pytest.raises(CheckpointError, match="classes rest, squat, wave, this one has sit"):
        read_golden(path, ["sit"])
    content = json.loads(path.read_text())
    del content["clips"][0]["logits"]
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="not a golden"):
        read_golden(path)
    with pytest.raises(InputError, match="at least one window"):
        write_golden(path, model, [])
