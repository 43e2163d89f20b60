from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from packaged import CLASSES, some_windows, walking_track
from posemill.errors import CheckpointError
from posemill.pose.skeleton import COCO_17, PENN_13
from posemill.serving.predictor import ActivityPredictor


def test_probabilities_are_softmax_of_calibrated_logits(predictor: ActivityPredictor) -> None:
    windows = some_windows()
    e = np.exp(predictor.logits(windows) / 1.5)
    got = predictor.probabilities(windows)
    assert got.shape == (len(windows), len(CLASSES))
    np.testing.assert_allclose(got, e / e.sum(1, keepdims=True), atol=1e-6)


def test_no_window_gives_no_row(predictor: ActivityPredictor) -> None:
    assert predictor.probabilities(some_windows()[:0]).shape == (0, len(CLASSES))


def test_answers_do_not_depend_on_the_company(predictor: ActivityPredictor) -> None:
    windows = np.concatenate([some_windows()] * 20)  # more than one batch
    np.testing.assert_allclose(predictor.logits(windows)[300:301], predictor.logits(windows[300:301]), atol=1e-5)


@pytest.mark.parametrize("body", [COCO_17, PENN_13])
def test_tracks_of_other_skeletons_and_rates(predictor: ActivityPredictor, body) -> None:
    spans, probabilities = predictor.track(walking_track(body, fps=50.0, seconds=4.0))
    assert len(spans) == len(probabilities) > 0
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_the_frame_rate_hardly_matters(predictor: ActivityPredictor) -> None:
    slow, fast = (predictor.track(walking_track(fps=fps, seconds=3.0))[1] for fps in (25.0, 100.0))
    n = min(len(slow), len(fast))
    np.testing.assert_allclose(slow[:n], fast[:n], atol=0.05)


def test_a_changed_file_is_refused(package_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(package_folder, tmp_path / "p")
    (tmp_path / "p" / "classes.json").write_text(json.dumps(["a", "b", "c"]))
    with pytest.raises(CheckpointError, match=r"classes\.json: SHA-256 should be"):
        ActivityPredictor.load(tmp_path / "p")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="posemill stage package"):
        ActivityPredictor.load(tmp_path)


def test_the_small_service_needs_neither_torch_nor_openpifpaf() -> None:
    heavy = "torch", "openpifpaf", "pytorch_lightning", "prefect", "pandas", "sqlalchemy", "cv2", "av"
    script = f"import sys, posemill.serving.activity; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
