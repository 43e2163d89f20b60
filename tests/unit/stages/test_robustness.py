"""What test clips are put through, with an predict_fn whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from judged_workspace import CLASSES, STRETCH_S, filmed, judged_workspace
from posemill.errors import InputError
from posemill.evaluation.evaluation_report import page
from posemill.evaluation.evaluation_results import EvaluationResults, evaluate
from posemill.evaluation.robustness.results import RobustnessResults
from posemill.features.pipeline import FeaturePipeline
from posemill.params.evaluate import RobustnessParams
from posemill.stages import robustness
from posemill.stages.workspace import Workspace

PARAMS = RobustnessParams(jitter=0.3, dropout=0.2, swaps=0.1, rates_hz=(12.0, 24.0, 48.0), drop_frames=0.2)


def most_moved(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """rest, squat or wave by which axis moves more; answers (N, 3) probabilities."""
    moves = np.nan_to_num(np.nanmax(windows[..., :2], axis=1) - np.nanmin(windows[..., :2], axis=1)).max(1)
    best = np.where(moves.max(1) < 20, 0, np.where(moves[:, 1] > moves[:, 0], 1, 2))
    return np.full((len(best), 3), 0.05, np.float32) + 0.85 * np.eye(3, dtype=np.float32)[best]


@pytest.fixture
def inputs(tmp_path: Path) -> Workspace:
    return judged_workspace(tmp_path)


def judgement(inputs: Workspace, windows: NDArray[np.float32]) -> EvaluationResults:
    index = pd.read_parquet(inputs.output("prepare") / "index.parquet")
    said = {s: np.log(most_moved(windows[(index["split"] == s).to_numpy()])) for s in ("validation", "test")}
    split = {s: index[index["split"] == s] for s in said}
    return evaluate(split["test"], CLASSES, (split["validation"], said["validation"]), said["test"], 10)


def tried(
    inputs: Workspace, params: RobustnessParams = PARAMS, tracks: bool = True
) -> tuple[EvaluationResults, RobustnessResults]:
    windows = np.load(inputs.output("prepare") / "windows.npy")
    judged = judgement(inputs, windows)
    features = FeaturePipeline.load(inputs.output("prepare") / "features.json")
    return judged, robustness.run(params, inputs if tracks else None, judged, most_moved, features, windows)


def test_a_model_that_measures_movement(inputs: Workspace) -> None:
    """Right by construction, at every frame rate; jitter of 30 % of the body is movement, and makes rest vanish."""
    judged, found = tried(inputs)
    assert judged.metrics()["accuracy"] == 1.0
    metrics = found.metrics()
    assert metrics["frame_rate_consistency"] == 1.0
    assert list(metrics["frame_rates"]) == ["12 frames/s", "24 frames/s", "48 frames/s", "20% of frames lost"]
    assert metrics["accuracy_lost_to_dropout"] == pytest.approx(0, abs=0.06)
    assert metrics["accuracy_lost_to_jitter"] >= 1 / 3 - 1e-9
    assert metrics["noise"]["jitter"]["0"] == 1.0
    assert "backend_consistency" not in metrics


def test_streams_are_watched_from_end_to_end(inputs: Workspace) -> None:
    """Six media of three stretches each. Every change is seen after at most a window's length and a stride."""
    metrics = tried(inputs)[1].metrics()
    assert metrics["streams"] == 6
    assert metrics["stream_hours"] == pytest.approx(6 * 3 * STRETCH_S / 3600)
    assert metrics["stream_missed"] == 0
    assert 0 < metrics["stream_time_to_alert_s"] <= 1.5
    assert metrics["stream_f1_10"] == 1.0
    assert metrics["stream_f1_50"] > 0.8
    assert metrics["stream_false_alarms_per_hour"] == 0


def test_another_backend_is_asked_about_videos_only(inputs: Workspace) -> None:
    from posemill.store.tracks import write_shards

    media = inputs.output("ingest") / "media.parquet"
    kinds = pd.read_parquet(media)
    kinds.loc[kinds["medium"].isin([filmed(3).medium, filmed(4).medium]), "kind"] = "video"
    kinds.to_parquet(media)
    (inputs.root / "second").mkdir()
    write_shards(inputs.root / "second", [filmed(3)])  # the other one finds nobody in medium 4
    found = tried(inputs, PARAMS.model_copy(update={"second_tracks": "second", "rates_hz": ()}))[1]
    assert found.backend is not None
    assert (found.backend.clips, found.backend.same, found.backend.missing) == (6, 3, 3)
    assert found.metrics()["backend_consistency"] == 0.5
    with pytest.raises(
        InputError, match=r"no tracks-\*\.parquet in .*nowhere, which evaluate\.robustness\.second_tracks"
    ):
        tried(inputs, PARAMS.model_copy(update={"second_tracks": "nowhere"}))


def test_a_large_test_split_is_asked_in_part_and_without_tracks_only_noise(inputs: Workspace) -> None:
    few = tried(inputs, PARAMS.model_copy(update={"clips": 4}))[1]
    assert {a.clips for a in few.rates} == {4}
    assert few.metrics()["robustness_clips"] == 4
    assert few.of_clips == 18
    plain = tried(inputs, tracks=False)[1]
    assert plain.perturbed
    assert not plain.rates
    assert not plain.streams


def test_the_report_shows_all_of_it(inputs: Workspace) -> None:
    judged, found = tried(inputs)
    windows = np.load(inputs.output("prepare") / "windows.npy")
    features = FeaturePipeline.load(inputs.output("prepare") / "features.json")
    html = page(judged, [], windows, features.skeleton, 2, "a test", found).html()
    for words in (
        "Selective prediction",
        "Robustness to jitter, dropout and left/right swaps",
        "Consistency across frame rates and pose backends",
        "48 frames/s",
        "Streams",
        "False alarms an hour",
        "Bootstrap, by subject",
    ):
        assert words in html, words
    assert "of its 18 clips" not in html
    windows, sampled = np.load(inputs.output("prepare") / "windows.npy"), PARAMS.model_copy(update={"clips": 5})
    part = page(judged, [], windows, features.skeleton, 2, "a test", tried(inputs, sampled)[1]).html()
    assert "5 of its 18 clips, drawn at random" in part
    bare = page(judged, [], windows, features.skeleton, 2, "a test", RobustnessResults({})).html()
    assert "Consistency across frame rates and pose backends" not in bare
    assert "Streams" not in bare
