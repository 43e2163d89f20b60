"""Exports for the browser: what is in the folder, and which models are refused before anything is written."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from live_models import golden_tracks, small_package
from packaged import SPEC
from posemill import live_page
from posemill.errors import CheckpointError, InputError
from posemill.features import FeaturePipeline
from posemill.packaging.browser import export_browser, require_browser
from posemill.pose.skeleton import COCO_17, PENN_13
from posemill.prediction.golden import read_golden
from posemill.prediction.model import ActivityModel


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "static"
    (folder / "wasm").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "wasm" / "a.wasm").write_bytes(b"wasm")
    monkeypatch.setattr(live_page, "STATIC", folder)
    return folder


def test_an_export_is_the_page_with_a_model_its_golden_clips_and_digests(tmp_path: Path, page: Path) -> None:
    small_package(tmp_path / "package", SPEC)
    model = ActivityModel.load(tmp_path / "package")
    written = export_browser(tmp_path / "package", tmp_path / "out", model, golden_tracks())
    assert (tmp_path / "out" / "wasm" / "a.wasm").read_bytes() == b"wasm"
    folder = tmp_path / "out" / "model"
    digests = json.loads((folder / "digests.json").read_text())
    assert set(digests) == {"model", "features", "classes", "calibration", "labeller", "golden"}
    assert digests["golden"] == hashlib.sha256((folder / "golden.json").read_bytes()).hexdigest()
    clips = read_golden(folder / "golden.json", model.classes)
    assert (written.clips, {clip.track.skeleton.name for clip in clips}) == (3, {"body-12"})
    assert ActivityModel.load(folder).classes == model.classes  # a model of the platform too


def test_an_export_never_mixes_with_what_is_there(tmp_path: Path, page: Path) -> None:
    small_package(tmp_path / "package", SPEC)
    model = ActivityModel.load(tmp_path / "package")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="new or empty folder"):
        export_browser(tmp_path / "package", tmp_path / "out", model, golden_tracks())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_models_that_the_page_cannot_run_are_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match=r"needs head of skeleton penn-13.*prepare\.skeleton: body-12"):
        require_browser(FeaturePipeline(PENN_13, SPEC))
    with pytest.raises(InputError, match=r"reads z.*prepare\.coordinates: 2"):
        require_browser(replace(FeaturePipeline(COCO_17, SPEC), coordinates=3))
    require_browser(FeaturePipeline(COCO_17, SPEC))


def test_a_page_that_was_not_built_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_page, "STATIC", tmp_path)
    with pytest.raises(CheckpointError, match="make web"):
        live_page.built()
    assert live_page.files() == {}
