"""Fingerprints follow the code: every module that poses depend on, and no comment in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from posemill.code_digest import PACKAGE, code_digest
from posemill.estimation.fingerprint import FRAMES, STOP, TRACKING, pose_code, pose_modules
from posemill.estimation.registry import BACKENDS
from posemill.estimation.tracking import motion
from posemill.params.label import LabelParams

ROI = "posemill.estimation.roi_propagation"
TTA = "posemill.estimation.tta.ensemble"
ROTATING = "posemill.estimation.tta.rotating"
BY_SIZE = "posemill.estimation.tta.small_people"
REFINING = "posemill.estimation.backends.movenet.refining"
# code of each backend's `describe`: the module or package from which it is loaded
CODE = {name: entry.factory.split(":")[0] for name, entry in BACKENDS.items()}

PROGRAM = """
import json, sys
import numpy as np
from posemill.estimation.estimator import PoseEstimator
before = set(sys.modules)  # with what poses frames and tracks, whatever the backend is
estimator = PoseEstimator(sys.argv[1], **json.loads(sys.argv[2]))
estimator.predict([np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)])
after = set(sys.modules)
of_posemill = [sorted(name for name in names if name.startswith("posemill.")) for names in (after - before, after)]
print(json.dumps([*of_posemill, estimator.describe()["code"]]))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of posemill's source, to change."""
    copy = tmp_path_factory.mktemp("source") / "posemill"
    shutil.copytree(PACKAGE, copy, ignore=lambda _, names: [n for n in names if "." in n and not n.endswith(".py")])
    return copy


def changed(package: Path, module: str, what: str) -> Path:
    path = package.joinpath(*module.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    copy = package.parent.parent / f"{package.parent.name}-{module}-{len(what)}" / "posemill"
    if not copy.exists():
        shutil.copytree(package, copy)
    target = copy / path.relative_to(package)
    target.write_text(target.read_text() + what)
    return copy


@pytest.mark.parametrize(
    ("code", "helper"),
    [
        ("openpifpaf", "posemill.estimation.preprocess"),
        ("openpifpaf", "posemill.estimation.backends.posenet.network"),
        ("openpifpaf", "posemill.estimation.runtimes.openvino_library"),
        ("openpifpaf", "posemill.estimation.backends.openpifpaf.pickled"),
        ("posenet", "posemill.estimation.postprocess"),
        ("posenet", "posemill.estimation.runtimes.exported"),
        ("posenet", "posemill.pose.oks"),
        ("openpose", "posemill.estimation.backends.openpose.caffe_messages"),
        ("movenet-many", "posemill.estimation.backends.posenet.decoder"),
        ("blazepose", "posemill.estimation.backends.blazepose.roi"),
        ("blazepose-many", "posemill.estimation.backends.posenet.decoder"),
        ("keypoint-rcnn", "posemill.estimation.backends.keypoint_rcnn.network"),
        ("detectron2", "posemill.estimation.backends.detectron2.pickled_arrays"),
        (ROI, "posemill.estimation.region"),
        (TTA, "posemill.pose.oks"),
        (ROTATING, "posemill.estimation.tta.orientation"),
        (ROTATING, "posemill.estimation.tta.crops"),
        (BY_SIZE, "posemill.estimation.threaded"),
        (REFINING, "posemill.estimation.backends.movenet.around"),
        (FRAMES, "posemill.video.clock"),
        (FRAMES, "posemill.estimation.region"),
        (TRACKING, "posemill.estimation.tracking.motion"),
        (TRACKING, "posemill.pose.gaps"),
    ],
)
def test_a_changed_helper_changes_the_code_and_a_comment_does_not(package: Path, code: str, helper: str) -> None:
    module = CODE.get(code, code)
    before = pose_code(module)
    assert pose_code(module, package=package) == before
    assert pose_code(module, package=changed(package, helper, "\n# a remark\n")) == before
    assert pose_code(module, package=changed(package, helper, "\ndef more() -> int:\n    return 1\n")) != before


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *product(("openpifpaf", "posenet", "openpose", "movenet", "movenet-many"), ({}, {"runtime": "onnxruntime"})),
        *product(("blazepose", "blazepose-many"), ({}, {"roi_propagation": {}})),
    ],
)
def test_every_module_that_a_backend_imports_is_in_its_closure(
    name: str, settings: dict[str, object], pose_home: Path
) -> None:
    """As it really runs: what is loaded while it is loaded and poses one picture."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name, json.dumps({"long_edge_px": 129, **settings})],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "POSEMILL_HOME": str(pose_home)},
    )
    for_backend, in_all, code = json.loads(done.stdout.splitlines()[-1])
    around = (ROTATING, BY_SIZE, REFINING) if name == "openpifpaf" else (ROTATING,)
    assert computing(for_backend) <= pose_modules(CODE[name], *around)
    assert any(m.startswith("posemill.estimation.backends.") for m in computing(for_backend))
    assert computing(in_all) <= pose_modules(CODE[name], *around, FRAMES, TRACKING)
    assert code == pose_code(CODE[name])


def computing(modules: list[str]) -> set[str]:
    """Without those that are left out, and those that look a backend up and call it."""
    callers = {"posemill.estimation.estimator", "posemill.estimation.factory", "posemill.pose.definition"}
    return {m for m in modules if m not in callers and not any(f"{m}.".startswith(f"{stop}.") for stop in STOP)}


def test_what_is_left_out_computes_no_pose() -> None:
    """Each with its reason in fingerprint.py; whoever adds one writes it there."""
    assert set(STOP) == {
        "posemill.code_digest",
        "posemill.errors",
        "posemill.estimation.fingerprint",
        "posemill.estimation.registry",
        "posemill.estimation.types",
        "posemill.onnx_file",
        "posemill.params",
        "posemill.pose.layouts",
        "posemill.pose.sensors",
        "posemill.pose.skeleton",
        "posemill.settings",
        "posemill.text_file",
        "posemill.untrusted",
        "posemill.video.sandboxed",
    }


def test_poses_do_not_follow_the_tracker_and_tracks_do_not_follow_other_backends() -> None:
    assert motion.__name__ not in pose_modules(FRAMES, *CODE.values())
    assert not any(".openpifpaf" in name for name in pose_modules(CODE["openpose"]))
    assert code_digest(pose_modules(TRACKING))[:16] == pose_code(TRACKING)


def test_the_closure_is_small_and_names_what_it_should() -> None:
    closure = pose_modules(CODE[LabelParams().backend])
    assert not any(name.startswith(("posemill.store", "posemill.labelling", "posemill.cli")) for name in closure)
    assert {"posemill.estimation.postprocess", "posemill.estimation.runtimes.onnxruntime"} <= closure
