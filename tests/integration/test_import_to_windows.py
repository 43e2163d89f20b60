"""Imported 3D skeletons through the stages: from NTU RGB+D's text to windows with its official split."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from moving_bodies import PLACES
from posemill.errors import QualityError
from posemill.ingest.datasets import ntu
from posemill.ingest.keypoints import SequenceSource, import_sequences
from posemill.ingest.projection import VirtualCamera
from posemill.params.ingest import IngestParams
from posemill.params.label import LabelParams
from posemill.params.prepare import PrepareParams
from posemill.params.snapshot import SnapshotParams
from posemill.params.validate import ValidateParams
from posemill.pose.skeleton import NTU_25
from posemill.settings import Settings
from posemill.stages import ingest, label, prepare, snapshot, validate
from posemill.stages.workspace import Workspace
from posemill.store.media import MediaStore

REPOSITORY = Path(__file__).resolve().parents[2]
CAMERA = VirtualCamera(width_px=1280, height_px=720)
PARAMS = PrepareParams.model_validate(
    {"window": {"duration_s": 1.0, "stride_s": 0.5, "rate_hz": 16.0}, "split": {"validation": 0.2, "test": 0.2}}
)


def body(performer: int, activity: int, frames: int = 60) -> np.ndarray:
    """(frames, 25, 3) metres: somebody of a size of their own who swings both hands, aside (1) or up (2)."""
    rng = np.random.default_rng(performer)
    rest = np.zeros((25, 3))
    for k, name in enumerate(NTU_25.keypoints):
        x, y = PLACES[name.removeprefix("left_").removeprefix("right_")]
        rest[k] = (x if name.startswith("left_") else -x, y - 1, 3 + 0.1 * rng.normal())
    rest *= rng.uniform(0.85, 1.15)
    rest += rng.normal(0, 0.02, rest.shape)
    moved = np.repeat(rest[None], frames, 0) + rng.normal(0, 0.003, (frames, 25, 3))
    swing = 0.25 * np.sin(np.arange(frames) / 30 * 2 * np.pi + rng.uniform(0, 6))
    for name in ("wrist", "hand", "hand_tip", "thumb_tip"):
        for side in ("left", "right"):
            moved[:, NTU_25.index(f"{side}_{name}"), activity - 1] += swing
    return moved


def text(metres: np.ndarray) -> str:
    lines = [str(len(metres))]
    for frame in metres:
        lines += ["1", "72057594037927950 0 1 1 1 1 0 0 0 2", "25"]
        lines += [f"{x:.7f} {y:.7f} {z:.7f} 0 0 0 0 0 0 0 0 2" for x, y, z in frame]
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve performers doing two things each; 1 2 4 5 8 9 are NTU's training performers, the others its test."""
    (tmp_path / "skeletons").mkdir()
    for performer in range(1, 13):
        for activity in (1, 2):
            name = f"S001C001P{performer:03d}R001A{activity:03d}.skeleton"
            (tmp_path / "skeletons" / name).write_text(text(body(performer, activity)))
    return tmp_path / "skeletons"


def run(
    folder: Path, engine: Engine, settings: Settings, protocol: ntu.Protocol = "xsub", params: PrepareParams = PARAMS
) -> pd.DataFrame:
    """Import the folder, run the stages up to prepare; returns its index."""
    workspace = Workspace(settings.workspace)
    if not (settings.workspace / "expectations").exists():
        shutil.copytree(REPOSITORY / "expectations", settings.workspace / "expectations")
    classes = ["swing_aside", "swing_up"]
    with engine.begin() as connection:
        what = SequenceSource(
            ntu.DATASET,
            "made up",
            folder,
            lambda: ntu.sequences(folder, picture="virtual", camera=CAMERA, classes=classes, split=protocol),
            split_by=ntu.SPLIT_BY[protocol],
        )
        import_sequences(connection, MediaStore(settings.store_url), what, annotated_by="ann")
    for name in ("snapshot", "ingest", "label", "validate", "prepare"):
        workspace.output(name).mkdir(parents=True, exist_ok=True)
    snapshot.run(SnapshotParams(), workspace, workspace.output("snapshot"), settings)
    ingest.run(IngestParams(threads=1), workspace, workspace.output("ingest"), settings)
    label.run(LabelParams(), workspace, workspace.output("label"), settings)
    validate.run(ValidateParams(), workspace, workspace.output("validate"), record=lambda _: None)
    prepare.run(params, workspace, workspace.output("prepare")).write(workspace.output("prepare"))
    return pd.read_parquet(workspace.output("prepare") / "index.parquet")


@pytest.mark.slow
def test_skeletons_become_windows_and_a_smuggled_copy_stops_them(
    folder: Path, engine: Engine, settings: Settings
) -> None:
    """Slow, since five stages run twice: nothing else shows that an imported layout passes through all of them."""
    index = run(folder, engine, settings)
    assert index["clip"].nunique() == 24
    assert set(index["activity"]) == {"swing_aside", "swing_up"}
    sides = index.groupby("subject")["split"].agg(set)
    for subject, split in sides.items():
        trained = int(str(subject)[-3:]) in ntu.TRAINING
        assert split <= ({"train", "validation"} if trained else {"test"}), subject
    copy = body(3, 1)[4:56] * 0.8 + np.array([0.1, 0, 0])  # a test performer's, by another name and for training
    (folder / "S001C001P013R001A001.skeleton").write_text(text(copy))
    with pytest.raises(QualityError, match=r"show the same keypoints, up to shift, scale and trimming: .*clip 5 "):
        run(folder, engine, settings)


@pytest.mark.slow
def test_the_cross_view_protocol_passes_through_all_stages(tmp_path: Path, engine: Engine, settings: Settings) -> None:
    """Slow, since five stages run twice: nothing else shows that a published protocol is neither refused nor moved."""
    folder = tmp_path / "skeletons"
    folder.mkdir()
    for performer in range(1, 7):
        for activity in (1, 2):
            for camera in (1, 2, 3):
                name = f"S001C{camera:03d}P{performer:03d}R001A{activity:03d}.skeleton"
                (folder / name).write_text(text(body(performer, activity) + np.array([0.01 * camera, 0, 0])))
    with pytest.raises(QualityError, match="no subject is in more than one official split"):
        run(folder, engine, settings, "xview")
    split = PARAMS.split.model_copy(update={"by": "camera"})
    (settings.workspace / "params.yaml").write_text("prepare: {split: {by: camera}}\n")
    index = run(folder, engine, settings, "xview", PARAMS.model_copy(update={"split": split}))
    assert ((index["camera"] == "C001") == (index["split"] == "test")).all()
    assert set(index["split"]) == {"train", "validation", "test"}
    result = json.loads((settings.workspace / "build" / "prepare" / "result.json").read_text())
    assert (result["split_by"], result["shared_subjects"], len(result["findings"])) == ("camera", 6, 2)
