"""The embedded pose model: small, whole, and no model of motion in its place."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from packaged import write_package
from posemill import applications, models
from posemill.applications.yoga import YogaIdentifier
from posemill.applications.yoga.pose_model import EMBEDDED, load_pose_model, probabilities
from posemill.errors import CheckpointError, InputError
from posemill.pose.skeleton import COCO_17
from posemill.stages.train import find_pretrained
from posemill.synth.still_asanas import OTHER, STILL_ASANAS, still_keypoints

PRESETS = sorted((Path(applications.__file__).parent / "yoga" / "presets").glob("*.yaml"))


def test_it_is_small_and_knows_every_asana() -> None:
    assert sum(path.stat().st_size for path in EMBEDDED.iterdir()) < 1_000_000
    assert load_pose_model(None).classes == tuple(sorted((*STILL_ASANAS, OTHER)))


def test_it_names_rendered_people_it_was_not_trained_on() -> None:
    model, right = load_pose_model(None), []
    for number, name in enumerate(STILL_ASANAS):
        for take in range(6):
            xy = still_keypoints(name, np.random.default_rng([99, number, take])).astype(np.float32)
            found = probabilities(model, np.concatenate([xy, np.ones((17, 1), np.float32)], -1))
            right.append(model.classes[int(found.argmax())] == name)
    assert np.mean(right) > 0.85


def test_a_training_can_begin_with_it(tmp_path: Path) -> None:
    network, card = models.load(find_pretrained("yoga", tmp_path), skeleton=COCO_17)
    assert (card.name, card.frames, network.training) == ("mlp", 8, False)
    assert find_pretrained("old/weights", tmp_path) == tmp_path / "old" / "weights"


def test_a_package_of_motion_and_a_changed_one_are_refused(tmp_path: Path) -> None:
    write_package(tmp_path / "motion")
    with pytest.raises(InputError, match="trained on windows of motion"):
        load_pose_model(tmp_path / "motion")
    shutil.copytree(EMBEDDED, tmp_path / "changed")
    (tmp_path / "changed" / "classes.json").write_text("[]")
    with pytest.raises(CheckpointError, match="changed after packaging"):
        load_pose_model(tmp_path / "changed")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_presets_are_valid(preset: Path) -> None:
    YogaIdentifier.from_values(yaml.safe_load(preset.read_text()))
