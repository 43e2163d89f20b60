from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from packaged import ABSTAIN_BELOW, CLASSES, some_windows, walking_track
from posemill.errors import CheckpointError, InputError
from posemill.pose.skeleton import COCO_17, PENN_13
from posemill.pose.track import MediumTracks
from posemill.prediction.model import ActivityModel
from posemill.prediction.place import third, usual_box


def test_probabilities_are_softmax_of_calibrated_logits(model: ActivityModel) -> None:
    windows = some_windows()
    e = np.exp(model.logits(windows) / 1.5)
    got = model.probabilities(windows)
    assert got.shape == (len(windows), len(CLASSES))
    np.testing.assert_allclose(got, e / e.sum(1, keepdims=True), atol=1e-6)


def test_no_window_gives_no_row(model: ActivityModel) -> None:
    assert model.probabilities(some_windows()[:0]).shape == (0, len(CLASSES))


def test_answers_do_not_depend_on_the_company(model: ActivityModel) -> None:
    windows = np.concatenate([some_windows()] * 20)  # more than one batch
    np.testing.assert_allclose(model.logits(windows)[300:301], model.logits(windows[300:301]), atol=1e-5)


@pytest.mark.parametrize("body", [COCO_17, PENN_13])
def test_tracks_of_other_skeletons_and_rates(model: ActivityModel, body) -> None:
    spans, _, probabilities = model.window_probabilities(walking_track(body, fps=50.0, seconds=4.0))
    assert len(spans) == len(probabilities) > 0
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_the_frame_rate_hardly_matters(model: ActivityModel) -> None:
    slow, fast = (
        model.window_probabilities(walking_track(fps=fps, seconds=3.0)).probabilities for fps in (25.0, 100.0)
    )
    n = min(len(slow), len(fast))
    np.testing.assert_allclose(slow[:n], fast[:n], atol=0.05)


def test_a_changed_file_is_refused(package_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(package_folder, tmp_path / "p")
    (tmp_path / "p" / "classes.json").write_text(json.dumps(["a", "b", "c"]))
    with pytest.raises(CheckpointError, match=r"classes\.json: SHA-256 should be"):
        ActivityModel.load(tmp_path / "p")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="posemill stage package"):
        ActivityModel.load(tmp_path)


def both() -> MediumTracks:
    """Two people who walk beside each other, one of them for a moment only."""
    first, second = walking_track(COCO_17, seed=1), walking_track(COCO_17, seed=2).between(0, 0.06)
    return MediumTracks("m" * 64, "imported", COCO_17, 640, 480, 75, 3.0, (first, replace(second, person=1)))


def test_everybody_has_a_verdict_and_a_timeline_and_one_is_the_main_subject(model: ActivityModel) -> None:
    seen: list[int] = []
    answer = model.predict(both(), keypoints=True, on_windows=lambda windows, _: seen.append(len(windows)))
    first, second = answer.people
    assert (answer.main_subject, answer.video.skeleton, answer.note) == (0, "coco-17", None)
    assert answer.verdict is not None
    assert answer.verdict.activity in CLASSES
    assert sum(answer.verdict.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert first.verdict is not None
    assert first.segments[0].start_s == 0
    assert len(first.windows) == seen[0] > 0
    assert first.track is not None
    assert len(first.track.xy) == first.poses == 75
    assert (second.verdict, second.segments, seen[1]) == (None, [], 0)
    assert (first.box, first.place) == (usual_box(both().tracks[0]), third(first.box, 640))
    assert f"person 0 ({first.place})" in answer._repr_html_()


def test_a_track_alone(model: ActivityModel) -> None:
    track = walking_track(seed=3)
    answer, cut = model.predict_track(track), model.window_probabilities(track)
    assert [w.probability for w in answer.windows] == pytest.approx(cut.probabilities.max(1).tolist())
    np.testing.assert_array_equal(model.predict_windows(cut.windows), cut.probabilities)
    moment = model.predict_track(track.between(0, 0.4))
    assert moment.verdict is not None
    assert [(w.start_s, round(w.end_s, 6)) for w in moment.windows] == [(0.0, 0.4)]
    short = model.predict_track(track.between(0, 0.06))
    assert short.verdict is None
    assert short.note is not None
    assert "too short" in short.note


def test_nobody(model: ActivityModel) -> None:
    answer = model.predict(replace(both(), tracks=()))
    assert (answer.verdict, answer.people, answer.note) == (None, [], "nobody was found in this video")


def test_the_rejection_threshold_is_kept(model: ActivityModel) -> None:
    probabilities = np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]], np.float32)
    assert model.rejection_threshold == ABSTAIN_BELOW
    assert model.abstained(probabilities).tolist() == [True, False]
    never = replace(model, rejection_threshold=None)
    assert not never.abstained(probabilities).any()


@pytest.mark.parametrize("exported", [False, True])
def test_a_bento_names_its_model(package_folder: Path, tmp_path: Path, exported: bool) -> None:
    """The model is in the store beside the bento, or in the bento itself once that is exported."""
    bento = tmp_path / "store" / "bentos" / "posemill-activity" / "1a"
    bento.mkdir(parents=True)
    (bento / "bento.yaml").write_text("models:\n- tag: posemill-activity:2b\n  alias: posemill-activity\n")
    with pytest.raises(CheckpointError, match=r"its model posemill-activity:2b is in none of"):
        ActivityModel.load(bento)
    store = bento if exported else tmp_path / "store"
    shutil.copytree(package_folder, store / "models" / "posemill-activity" / "2b")
    assert ActivityModel.load(str(bento)).classes == CLASSES


def test_a_bento_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bento.yaml").write_text("models: []\n")
    with pytest.raises(CheckpointError, match="pins no model posemill-activity"):
        ActivityModel.load(tmp_path)


def test_neither_torch_nor_bentoml_is_needed() -> None:
    heavy = "torch", "bentoml", "pandas", "sqlalchemy", "cv2", "av", "matplotlib", "starlette"
    script = f"import sys, posemill.prediction.model; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


def test_windows_of_a_user(model: ActivityModel) -> None:
    """What was not found may be 0, 0 with confidence 0 or NaN; shares of the picture and other shapes are refused."""
    windows = some_windows(3)
    marked = np.where(np.isnan(windows), np.float32(0), windows)
    np.testing.assert_array_equal(model.predict_windows(marked), model.predict_windows(windows))
    with pytest.raises(InputError, match="these are no pixels but shares of the picture"):
        model.predict_windows(windows / np.float32([1920, 1080, 1]))
    with pytest.raises(InputError, match=r"windows should be \(N, .*\) numbers, came as"):
        model.predict_windows(windows[:, :3])
