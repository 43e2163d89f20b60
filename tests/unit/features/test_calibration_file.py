"""Packages and build folders of former releases keep their rejection threshold."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from packaged import ABSTAIN_BELOW, write_package
from posemill.features.calibration_file import rejection_threshold
from posemill.prediction.model import ActivityModel


@pytest.mark.parametrize("key", ["rejection_threshold", "abstain_below"])
def test_the_present_and_the_former_key_are_read(key: str) -> None:
    assert rejection_threshold({"temperature": 1.5, key: 0.7}) == 0.7
    assert rejection_threshold({key: None}) is None
    assert rejection_threshold({}) is None


def test_a_package_of_a_former_release_abstains_as_it_did(tmp_path: Path) -> None:
    write_package(tmp_path)
    path, digests = tmp_path / "calibration.json", json.loads((tmp_path / "digests.json").read_text())
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({"temperature": fields["temperature"], "abstain_below": ABSTAIN_BELOW}))
    digests["calibration"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "digests.json").write_text(json.dumps(digests))
    assert ActivityModel.load(tmp_path).rejection_threshold == ABSTAIN_BELOW
