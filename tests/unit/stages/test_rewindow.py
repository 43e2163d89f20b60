"""Test clips are cut again as prepare cut them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from judged_workspace import CLASSES, filmed, judged_workspace
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.track import MediumTracks
from posemill.stages import rewindow
from posemill.stages.held_out_clips import held_out_clips
from posemill.stages.workspace import Workspace


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return judged_workspace(tmp_path_factory.mktemp("rewindow"))


@pytest.fixture(scope="module")
def features(inputs: Workspace) -> FeaturePipeline:
    return FeaturePipeline.load(inputs.output("prepare") / "features.json")


def most_moved(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """rest, squat or wave by which axis moves more; answers (N, 3)."""
    moves = np.ptp(windows[..., :2], axis=1).max(1)
    best = np.where(moves.max(1) < 20, 0, np.where(moves[:, 1] > moves[:, 0], 1, 2))
    return np.eye(3, dtype=np.float32)[best]


def test_the_same_windows_come_out(inputs: Workspace, features: FeaturePipeline) -> None:
    index = pd.read_parquet(inputs.output("prepare") / "index.parquet")
    prepared = np.load(inputs.output("prepare") / "windows.npy")
    clips = held_out_clips(inputs)
    assert len(clips) == 18
    media = {tracks.medium: tracks for tracks in rewindow.tracks_of(inputs, clips)}
    for clip in clips:
        own = index.loc[index["clip"] == clip.clip, "window"].to_numpy()
        np.testing.assert_array_equal(rewindow.windows_of(features, media[clip.medium], clip), prepared[own])


def test_verdicts_of_every_change_by_clip(inputs: Workspace, features: FeaturePipeline, monkeypatch) -> None:
    monkeypatch.setattr(rewindow, "BATCH", 5)
    asked: list[int] = []

    def ask(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        asked.append(len(windows))
        return most_moved(windows)

    def nobody(tracks: MediumTracks) -> MediumTracks:
        return replace(tracks, tracks=())

    clips = held_out_clips(inputs)
    changes = {"native": lambda tracks: tracks, "nobody": nobody}
    said = rewindow.verdicts(ask, features, rewindow.tracks_of(inputs, clips), clips, changes)
    assert {c: CLASSES[p.argmax()] for c, p in said["native"].items()} == {c.clip: c.activity for c in clips}
    assert said["nobody"] == {}
    assert len(asked) > 1
    assert sum(asked) == (pd.read_parquet(inputs.output("prepare") / "index.parquet")["split"] == "test").sum()


def test_tracks_that_validation_turned_down_are_left_out(tmp_path: Path) -> None:
    inputs = judged_workspace(tmp_path, people=5)
    clips = held_out_clips(inputs)
    bad = clips[0].medium
    pd.DataFrame({"what": ["track"], "medium": [bad], "person": [0]}).to_parquet(
        inputs.output("validate") / "rejected.parquet"
    )
    assert {t.medium: len(t.tracks) for t in rewindow.tracks_of(inputs, clips)} == {
        m: int(m != bad) for m in {c.medium for c in clips}
    }


def test_media_that_another_backend_lacks_are_left_out(inputs: Workspace, tmp_path: Path) -> None:
    from posemill.store.tracks import write_shards

    clips = held_out_clips(inputs)
    write_shards(tmp_path, [filmed(3), filmed(0)])  # 0 is of the train split
    assert [t.medium for t in rewindow.tracks_in(tmp_path, clips)] == [filmed(3).medium]
